"""Codex and opencode do a scripted job through the gateway, whose provider speaks another dialect than theirs."""

import json

import pytest

from running import MODEL, PRICES

JOB = "Mend sum.py: add must add."
DONE = "Mended: it adds now — naïve, 日本語, 🦀."
MENDED = "def add(a, b):\n    return a + b\n\n\nprint(add(2, 3))\n"
SED = "sed -i 's/a - b/a + b/' sum.py && python3 sum.py"

CODEX = """\
model = "up_{upstream}/{model}"
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
    folder = agent.home / ".codex"
    folder.mkdir()
    settings = CODEX.format(upstream=upstream, model=MODEL, base=gateway.base)
    (folder / "config.toml").write_text(settings)
    printed = agent.run(
        "codex", "exec", "--dangerously-bypass-approvals-and-sandbox", "--json", JOB, CODEX_HOME=str(folder)
    )
    items = [event["item"] for event in map(json.loads, printed.splitlines()) if event["type"] == "item.completed"]
    assert [item["text"] for item in items if item["type"] == "agent_message"] == ["I look first.", DONE]
    check(agent, gateway, model, upstream, before, "exited with code 0")
    assert trap.asked == []


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
