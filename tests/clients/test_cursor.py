"""Cursor cannot run here; what it sends (docs/clients.md) can be sent, and its commands be run."""

import json
import urllib.request

import pytest

from running import KEY, MODEL

UPSTREAMS = ["anthropic", "openai", "responses", "gemini"]
PATCH = "*** Begin Patch\n*** Update File: sum.py\n*** End Patch"


def post(gateway, path, body):
    """The chunks of a streamed answer, or the whole one."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    request = urllib.request.Request(gateway.base + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read().decode()
    if not body.get("stream"):
        return json.loads(text)
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("path", ["/cursor/v1/chat/completions", "/v1/chat/completions"])
def test_a_body_of_the_responses_api_is_answered_as_chat(path, upstream, gateway, play):
    calls = [{"name": "Read", "input": {"path": "sum.py"}}, {"name": "ApplyPatch", "input": {"input": PATCH}}]
    model = play({"text": "I patch.", "calls": calls})
    chunks = post(gateway, path, {
        "model": f"up_{upstream}/{MODEL}",
        "stream": True,
        "stream_options": {"include_usage": True},
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "medium", "summary": "auto"},
        "text": {"verbosity": "low"},
        "store": False,
        "input": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": [{"type": "input_text", "text": "Mend it."}]},
            {"type": "function_call", "call_id": "call_1", "name": "Read", "arguments": "{\"path\":\"a.py\"}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "the text of a.py"},
        ],
        "tools": [
            {"type": "function", "name": "Read", "description": "Reads",
             "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}},
            {"type": "custom", "name": "ApplyPatch", "description": "Patches",
             "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}},
        ],
    })
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "I patch."
    pieces = [piece for delta in deltas for piece in delta.get("tool_calls", [])]
    joined = {}
    for piece in pieces:
        call = joined.setdefault(piece["index"], {"type": piece.get("type"), "name": "", "text": ""})
        inner = piece.get("function") or piece.get("custom")
        call["name"] += inner.get("name", "")
        call["text"] += inner.get("arguments", "") + inner.get("input", "")
    read, patch = joined[0], joined[1]
    assert (read["type"], read["name"], json.loads(read["text"])) == ("function", "Read", {"path": "sum.py"})
    assert (patch["type"], patch["name"], patch["text"]) == ("custom", "ApplyPatch", PATCH)
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["usage"]["prompt_tokens"] > 0
    sent = json.dumps(model.report()["requests"][-1]["body"])
    assert "the text of a.py" in sent and "stream_options" not in sent or upstream == "openai"


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_anthropics_blocks_in_a_chat_request_are_understood(stream, upstream, gateway, play):
    model = play({"calls": [{"name": "Read", "input": {"path": "b.py"}}]})
    answer = post(gateway, "/cursor/chat/completions", {
        "model": f"up_{upstream}/{MODEL}",
        "stream": stream,
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "Mend it."}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": "a.py"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1",
                 "content": [{"type": "text", "text": "the text of a.py"}]}]},
        ],
        "tools": [{"name": "Read", "description": "Reads", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "auto"},
    })
    sent = json.dumps(model.report()["requests"][-1]["body"])
    assert "the text of a.py" in sent
    if stream:
        deltas = [choice["delta"] for chunk in answer for choice in chunk["choices"]]
        calls = [piece["function"] for delta in deltas for piece in delta.get("tool_calls", [])]
        assert json.loads("".join(call["arguments"] for call in calls)) == {"path": "b.py"}
    else:
        (call,) = answer["choices"][0]["message"]["tool_calls"]
        assert json.loads(call["function"]["arguments"]) == {"path": "b.py"}


def check(gateway, *more, key=KEY):
    environment = gateway.environment
    gateway.environment = environment | {"DISTIQ_GATEWAY_KEY": key}
    try:
        ran = gateway.command("cursor-test", "--url", gateway.base, "--model", f"up_anthropic/{MODEL}", "--json", *more)
    finally:
        gateway.environment = environment
    told = json.loads(ran.stdout)
    return ran.returncode, told, {one["name"]: one["status"] for one in told["checks"]}


def test_cursor_test_passes(gateway, play):
    call = {"name": "read_file", "input": {"path": "main.rs"}}
    play({"text": "Yes."}, {"calls": [call]}, {"text": "Yes."})
    code, told, checks = check(gateway)
    # Loopback is told to be out of Cursor's reach.
    assert checks.pop("address") == "warning" and not told["reachable"]
    assert checks.pop("models") in ("ok", "warning")
    assert checks == {"key check": "ok", "chat": "ok", "tools": "ok", "agent": "ok"}, told
    assert code == 0 and told["ok"]


def test_cursor_test_fails_where_cursor_would(gateway, play):
    cut = {"faults": [{"kind": "cut_at_event", "event": 3}] * 40, "text": "word " * 50}
    play(cut, at_end="repeat")
    code, told, checks = check(gateway)
    assert (code, told["ok"]) == (1, False)
    assert (checks["chat"], checks["tools"], checks["agent"]) == ("failed", "failed", "failed")


def test_cursor_test_tells_of_a_wrong_key_and_of_nobody(gateway):
    code, told, checks = check(gateway, key="sk-wrong")
    assert (code, checks["models"]) == (1, "failed") and "chat" not in checks
    assert "key" in json.dumps(told)
    ran = gateway.command("cursor-test", "--url", "http://127.0.0.1:9")
    assert ran.returncode == 1 and "distiq start" in ran.stdout


def test_cursor_custom_makes_a_key_that_works(gateway, play):
    play({"text": "Yes."}, {"calls": [{"name": "read_file", "input": {"path": "main.rs"}}]}, {"text": "Yes."})
    name = f"up_anthropic/{MODEL}"
    ran = gateway.command("cursor-custom", "--url", gateway.base, "--model", name, "--create-key", "--json")
    made = json.loads(ran.stdout)
    assert made["base_url"] == gateway.base + "/cursor/v1" and made["models"] == [name]
    assert not made["reachable"] and "tunnel" in made["steps"][0]
    code, _, _ = check(gateway, key=made["key"])
    assert code == 0
    public = json.loads(gateway.command("cursor-custom", "--url", "https://g.example.com", "--json").stdout)
    assert public["reachable"] and "auto" not in public["models"] and "auto:best" in public["models"]
    assert public["key"] is None
