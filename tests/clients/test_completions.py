"""OpenAI's older completions, by its SDKs' own types: a chat for providers that only know chats."""

import json

import httpx
import openai
import pytest

from running import KEY, MODEL

TEXT = "there was — naïve, 日本語, 🦀 — a gateway. " * 3


def client(gateway, strict=True):
    return openai.OpenAI(
        api_key=KEY, base_url=gateway.base + "/v1", max_retries=0, timeout=20,
        http_client=httpx.Client(verify=False), _strict_response_validation=strict,
    )


@pytest.mark.parametrize("upstream", ["anthropic", "responses", "gemini", "ollama"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_text_is_continued(stream, upstream, gateway, play):
    model = play({"text": TEXT})
    fields = {"model": f"up_{upstream}/{MODEL}", "prompt": "Once upon a time ", "max_tokens": 200}
    if stream:
        options = {"include_usage": True}
        # Its types know no chunk before the last, whose `finish_reason` is null at OpenAI, too.
        chunks = list(client(gateway, strict=False).completions.create(stream=True, stream_options=options, **fields))
        assert {chunk.object for chunk in chunks} == {"text_completion"}
        choices = [choice for chunk in chunks for choice in chunk.choices]
        text, reason, usage = "".join(c.text for c in choices), choices[-1].finish_reason, chunks[-1].usage
        assert len(choices) > 3
    else:
        answer = client(gateway).completions.create(**fields)
        (choice,) = answer.choices
        text, reason, usage = choice.text, choice.finish_reason, answer.usage
        assert answer.object == "text_completion"
    assert (text, reason) == (TEXT, "stop")
    assert usage.prompt_tokens > 3 and usage.completion_tokens > 20
    assert "Once upon a time " in json.dumps(model.report()["requests"][-1]["body"])


def test_a_gap_is_filled_and_length_is_told(gateway, play):
    model = play({"text": "return a + b", "stop": "max_tokens"})
    answer = client(gateway).completions.create(
        model=f"up_anthropic/{MODEL}", prompt="def add(a, b):\n    ", suffix="\n\nprint(add(2, 3))", max_tokens=16
    )
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("return a + b", "length")
    sent = json.dumps(model.report()["requests"][-1]["body"])
    assert "def add(a, b)" in sent and "print(add(2, 3))" in sent


def test_a_cut_is_an_error(gateway, play):
    play({"faults": [{"kind": "cut_at_event", "event": 3}] * 20, "text": TEXT * 3}, at_end="repeat")
    with pytest.raises(openai.APIError):
        list(client(gateway).completions.create(model=f"up_gemini/{MODEL}", prompt="Once", stream=True))


@pytest.mark.parametrize("fields", [{"echo": True}, {"prompt": ["a", "b"]}, {"prompt": [1, 2]}, {"n": 2}])
def test_what_a_chat_cannot_do_is_refused(fields, gateway, model):
    model.begin([], {})
    with pytest.raises(openai.BadRequestError):
        client(gateway).completions.create(**{"model": f"up_anthropic/{MODEL}", "prompt": "a", **fields})
    assert model.report()["requests"] == []
