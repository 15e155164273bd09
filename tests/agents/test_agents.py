"""Codex and opencode do a scripted job through the gateway, whose provider speaks another dialect than theirs."""

import json

import pytest

from running import MODEL, PRICES, Gateway, Scripted, free_port

JOB = "Mend sum.py: add must add."
DONE = "Mended: it adds now — naïve, 日本語, 🦀."
MENDED = "def add(a, b):\n    return a + b\n\n\nprint(add(2, 3))\n"
SED = "sed -i 's/a - b/a + b/' sum.py && python3 sum.py"

CODEX = """\
model = "{model}"
model_provider = "distiq"
check_for_update_on_startup = false

[analytics]
enabled = false

[feedback]
enabled = false

[features]
plugins = false
remote_plugin = false

[model_providers.distiq]
name = "Distiq"
base_url = "{base}/v1"
env_key = "DISTIQ_KEY"
wire_api = "responses"
"""


def check(agent, gateway, model, upstream, before, last_result):
    """Holds what became of the job against the script, the wire and the ledger."""
    assert agent.file.read_text() == MENDED
    requests = model.report()["requests"]
    assert {request["dialect"] for request in requests} == {upstream}
    assert all(request["status"] == 200 for request in requests)
    assert last_result in json.dumps(requests[-1]["body"], ensure_ascii=False)
    cost = 0
    for usage in (request["usage"] for request in requests):
        prompt = usage["input"] + usage["cache_read"] + usage["cache_write"]
        cost += 1000 * (prompt * PRICES["in"] + usage["output"] * PRICES["out"])
    assert gateway.spent() - before == cost > 0


def run_codex(agent, base, model):
    """Has Codex do the job with this model, and returns what it said."""
    folder = agent.home / ".codex"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(CODEX.format(model=model, base=base))
    printed = agent.run(
        "codex", "exec", "--dangerously-bypass-approvals-and-sandbox", "--json", JOB, CODEX_HOME=str(folder)
    )
    items = [event["item"] for event in map(json.loads, printed.splitlines()) if event["type"] == "item.completed"]
    return [item["text"] for item in items if item["type"] == "agent_message"]


@pytest.mark.parametrize("upstream", ["anthropic", "gemini", "openai", "ollama"])
def test_codex(agent, gateway, play, trap, upstream):
    look = {"name": "exec_command", "input": {"cmd": "cat sum.py"}}
    mend = {"name": "exec_command", "input": {"cmd": SED}}
    model = play(
        {"text": "I look first.", "calls": [look]},
        {"calls": [mend], "expect": ["return a - b"]},
        {"text": DONE, "expect": ["5"]},
    )
    before = gateway.spent()
    assert run_codex(agent, gateway.base, f"up_{upstream}/{MODEL}") == ["I look first.", DONE]
    check(agent, gateway, model, upstream, before, "exited with code 0")
    assert trap.asked == []


def test_codex_by_auto_costs_less_and_the_ledger_says_why(agent, scripted, distiq, tmp_path):
    """The job with a vendor's dear model, then with `auto` over the same vendor's models, at the built-in prices."""
    port = free_port()
    lines = ["[providers.anthropic]", f'base_url = "http://127.0.0.1:{port}"']
    gateway = Gateway(distiq, tmp_path, lines, ANTHROPIC_API_KEY="sk-of-nobody")
    model = Scripted(scripted, port, tmp_path)
    before, costs, wrong = agent.file.read_text(), {}, "def add(a, b):\n    return a - b\n"
    try:
        for name in ("claude-opus-5-5", "auto"):
            agent.file.write_text(before)
            look = {"name": "exec_command", "input": {"cmd": "cat sum.py"}}
            mend = {"name": "exec_command", "input": {"cmd": SED}}
            steps = [
                {"text": "I look first.", "calls": [look]},
                {"calls": [mend], "expect": ["return a - b"]},
                {"text": DONE, "expect": ["5"]},
            ]
            model.begin(steps, {"models": ["claude-opus-5-5", "claude-haiku-5-5"]})
            spent = gateway.spent()
            assert run_codex(agent, gateway.base, name) == ["I look first.", DONE]
            costs[name] = gateway.spent() - spent
            assert agent.file.read_text() == MENDED
            report = model.report()
            assert not report["violations"] and report["steps_left"] == 0, report
        # The dear model's prompt is read from the vendor's cache too, though Codex knows no marks.
        assert all(request["usage"]["cache_read"] > 0 for request in report["requests"][1:]), report
        told = json.loads(gateway.command("cost", "--json").stdout)
    finally:
        gateway.stop()
        model.stop()
    assert 0 < costs["auto"] < costs["claude-opus-5-5"], costs
    saved = told["totals"]["saved"]
    assert saved["route_nanousd"] > 0 and saved["prompt_cache_nanousd"] > 0, saved


@pytest.mark.parametrize("upstream", ["anthropic", "gemini"])
def test_opencode(agent, gateway, play, trap, upstream):
    path = str(agent.file)
    look = {"name": "read", "input": {"filePath": path}}
    mend = {"name": "edit", "input": {"filePath": path, "oldString": "a - b", "newString": "a + b"}}
    try_it = {"name": "bash", "input": {"command": "python3 sum.py", "description": "run it"}}
    model = play(
        {"text": "I look first.", "calls": [look]},
        {"calls": [mend], "expect": ["return a - b"]},
        {"calls": [try_it]},
        {"text": DONE, "expect": ["5"]},
    )
    before = gateway.spent()
    name = f"up_{upstream}/{MODEL}"
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Distiq",
        "options": {"baseURL": gateway.base + "/v1", "apiKey": "{env:DISTIQ_KEY}"},
        "models": {name: {"name": "scripted", "limit": {"context": 200000, "output": 8192}}},
    }
    settings = {
        "model": "distiq/" + name,
        "enabled_providers": ["distiq"],
        "provider": {"distiq": provider},
        "permission": "allow",
        "share": "disabled",
        "autoupdate": False,
    }
    printed = agent.run(
        # With a title it asks the model for none.
        "opencode", "run", "--pure", "--format", "json", "--title", "sum", JOB,
        OPENCODE_CONFIG_CONTENT=json.dumps(settings),
        OPENCODE_DISABLE_MODELS_FETCH="1",
        OPENCODE_DISABLE_LSP_DOWNLOAD="1",
    )
    events = map(json.loads, printed.splitlines())
    assert [event["part"]["text"] for event in events if event["type"] == "text"] == ["I look first.", DONE]
    check(agent, gateway, model, upstream, before, "Edit applied")
    # It looks for a library of its plugins whatever it is told; nothing waits for that.
    assert set(trap.asked) <= {"CONNECT registry.npmjs.org:443 HTTP/1.1"}
