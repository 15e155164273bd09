"""Every client's dialect over every provider's: what works, what is emulated, what is refused.

The table in docs/compatibility.md is made from these results: `DISTIQ_WRITE_DOCS=1` writes it,
otherwise it must be as the results are.
"""

import json
import os
import pathlib

import pytest

import python_clients as sdk
from conftest import CLIENTS
from python_clients import Case
from running import MODEL, ROOT, UPSTREAMS

PAGE = ROOT / "docs" / "compatibility.md"
FEATURES = {
    "text": "text",
    "stream": "streamed text",
    "system": "system prompt",
    "tools": "parallel tool calls and their results",
    "image": "image",
    "json": "JSON by schema",
    "thinking": "thinking",
    "length": "stop by length",
    "limited": "rate limit told with its wait",
    "cut": "a cut stream is an error",
}
TEXT = "Eight degrees — naïve, 日本語, 🦀. " * 4
CALLS = [{"city": "Oslo"}, {"city": "Санкт-Петербург"}]
RESULTS = {}


def ask(client, gateway, upstream, **fields):
    return client.run(gateway.base, Case(model=f"up_{upstream}/{MODEL}", **fields))


def note(client, upstream, feature, outcome, ok):
    """Writes down how a feature came out, and tells whether there is more to look at."""
    emulated = outcome.headers.get("x-distiq-emulated", "")
    dropped = outcome.headers.get("x-distiq-dropped", "")
    if outcome.status == 400 and "Distiq" in outcome.error:
        word = "refused"
    elif outcome.error and ok:
        raise AssertionError(outcome.error)
    elif dropped:
        word = "dropped"
    elif emulated:
        word = "emulated"
    else:
        word = "yes"
    RESULTS[client.name, client.language, upstream, feature] = word
    return word


def sent(model):
    """All bodies that reached the model, as text."""
    return json.dumps([request["body"] for request in model.report()["requests"]], ensure_ascii=False)


def test_text(client, upstream, gateway, play):
    play({"text": TEXT})
    outcome = ask(client, gateway, upstream)
    note(client, upstream, "text", outcome, True)
    assert (outcome.text, outcome.stop, outcome.calls) == (TEXT, "stop", [])
    assert outcome.tokens[0] > 3 and outcome.tokens[1] > 40
    assert outcome.headers["x-distiq-request-id"]


def test_stream(client, upstream, gateway, play):
    play({"text": TEXT})
    outcome = ask(client, gateway, upstream, stream=True)
    note(client, upstream, "stream", outcome, True)
    assert (outcome.text, outcome.stop, outcome.calls) == (TEXT, "stop", [])
    assert outcome.tokens[0] > 3 and outcome.tokens[1] > 40
    assert outcome.pieces > 3, "it came at once"


def test_system(client, upstream, gateway, play):
    model = play({"text": TEXT})
    outcome = ask(client, gateway, upstream, system=True)
    note(client, upstream, "system", outcome, True)
    assert outcome.text == TEXT and sdk.SYSTEM in sent(model)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_tools(client, upstream, gateway, play, stream):
    calls = [{"name": sdk.TOOL, "input": arguments} for arguments in CALLS]
    model = play({"text": "Let me see.", "calls": calls}, {"text": TEXT})
    first = ask(client, gateway, upstream, stream=stream, tools=True, must_call=True)
    assert not first.error
    assert [(name, arguments) for _, name, arguments in first.calls] == [(sdk.TOOL, each) for each in CALLS]
    assert first.stop == "tools" and first.text == "Let me see."
    ids = [id for id, _, _ in first.calls]
    # Gemini's model names no calls, and Ollama's clients know no names.
    if client.path != "ollama" and (client.path, upstream) != ("gemini", "gemini"):
        assert all(ids) and len(set(ids)) == len(ids)
    outcome = ask(
        client, gateway, upstream, stream=stream, tools=True,
        calls=list(zip(ids, CALLS)), results=list(zip(ids, ["8 degrees", "3 градуса"])),
    )
    note(client, upstream, "tools", outcome, True)
    assert outcome.text == TEXT and outcome.calls == []
    bodies = sent(model)
    assert all(text in bodies for text in ("8 degrees", "3 градуса", sdk.ABOUT, "Санкт-Петербург"))


def test_image(client, upstream, gateway, play):
    model = play({"text": TEXT})
    outcome = ask(client, gateway, upstream, image=True)
    note(client, upstream, "image", outcome, True)
    # Google's client writes the other alphabet.
    sent_picture = sent(model).replace("-", "+").replace("_", "/")
    assert outcome.text == TEXT and sdk.PIXEL in sent_picture


def test_json(client, upstream, gateway, play):
    answer = {"city": "Oslo", "degrees": 8}
    model = play({"text": json.dumps(answer)})
    outcome = ask(client, gateway, upstream, schema=True)
    note(client, upstream, "json", outcome, True)
    assert json.loads(outcome.text) == answer and '"degrees"' in sent(model)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_thinking(client, upstream, gateway, play, stream):
    play({"thinking": "It is cold there.", "signature": "c2ln", "text": TEXT})
    outcome = ask(client, gateway, upstream, stream=stream, think=True, max_tokens=4000)
    word = note(client, upstream, "thinking", outcome, True)
    assert outcome.text == TEXT
    # Chat Completions of OpenAI itself shows none.
    if word == "yes" and not (upstream == "openai"):
        assert outcome.thinking == "It is cold there."


def test_length(client, upstream, gateway, play):
    play({"text": "Eight deg", "stop": "max_tokens"})
    outcome = ask(client, gateway, upstream, stream=True, max_tokens=16)
    note(client, upstream, "length", outcome, True)
    assert (outcome.text, outcome.stop) == ("Eight deg", "length")


def test_limited(client, upstream, gateway, play):
    play({"faults": [{"kind": "rate_limited", "retry_after": {"seconds": 77}}], "text": TEXT}, at_end="repeat")
    outcome = ask(client, gateway, upstream)
    note(client, upstream, "limited", outcome, False)
    # Ollama's own client gives no access to the head.
    assert outcome.status == 429, outcome.error
    assert outcome.headers.get("retry-after") in ("76", "77"), outcome.headers


@pytest.mark.parametrize("at", [1, 3], ids=["early", "late"])
def test_cut(client, upstream, gateway, play, at):
    fault = {"kind": "cut_at_event", "event": at}
    play({"faults": [fault] * 5, "text": TEXT * 3}, at_end="repeat")
    outcome = ask(client, gateway, upstream, stream=True)
    note(client, upstream, "cut", outcome, False)
    assert outcome.error, "half an answer was shown as whole"


def test_the_page_is_as_the_results_are():
    rows = [(client, upstream) for client in CLIENTS for upstream in UPSTREAMS]
    wanted = len(rows) * len(FEATURES)
    if len(RESULTS) < wanted:
        pytest.skip("only a part was run")
    lines = [
        "# Which client works with which provider",
        "",
        "Made from the results of `tests/clients`: the official SDKs in Python and JavaScript against the gateway,",
        "with the scripted model behind it speaking each provider's dialect. *yes*: as if the client spoke to its own",
        "vendor. *emulated*, *dropped*: named in the response head `x-distiq-emulated` or `x-distiq-dropped`.",
        "*refused*: a clear error before anything is sent.",
        "",
        "| client | language | provider's dialect | " + " | ".join(FEATURES.values()) + " |",
        "|---" * (3 + len(FEATURES)) + "|",
    ]
    for client, upstream in rows:
        cells = [RESULTS[client.name, client.language, upstream, feature] for feature in FEATURES]
        lines.append(f"| {client.name} | {client.language} | {upstream} | " + " | ".join(cells) + " |")
    text = "\n".join(lines) + "\n"
    if os.environ.get("DISTIQ_WRITE_DOCS"):
        PAGE.write_text(text)
    assert pathlib.Path(PAGE).read_text() == text, "run it with DISTIQ_WRITE_DOCS=1 and look at what changed"
