"""The Anthropic SDK: what it sends, and what it makes of the answers."""

import anthropic
import pytest

MODEL = "claude-sonnet-4-6"
TEXT = "First I look at the file — naïve, 日本語, 🦀 — then I change it. " * 3
READ = {
    "name": "read",
    "description": "Reads a file",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
}
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def ask(client, **fields):
    request = {
        "model": MODEL,
        "max_tokens": 2000,
        "messages": [{"role": "user", "content": "go"}],
        **fields,
    }
    return client.messages.create(**request)


def test_a_whole_text(serve):
    server = serve({"text": TEXT})
    message = ask(server.anthropic(), system="Be brief.")
    assert (message.role, message.type, message.model) == ("assistant", "message", MODEL)
    assert [block.type for block in message.content] == ["text"]
    assert message.content[0].text == TEXT
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    assert message.usage.input_tokens > 3 and message.usage.output_tokens > 40
    request = server.report()["requests"][0]
    headers = dict(request["headers"])
    assert headers.get("x-api-key", headers.get("authorization", "")).endswith("sdk-tests")
    assert request["body"]["system"] == "Be brief."


def test_streamed_blocks_come_in_order_and_add_up(serve):
    step = {
        "thinking": "The file first.",
        "signature": "c2lnbmF0dXJl",
        "text": TEXT,
        "calls": [
            {"name": "read", "input": {"path": "src/日本.rs", "lines": [1, 2]}},
            {"name": "read", "input": {}},
        ],
    }
    server = serve(step)
    thinking = {"type": "enabled", "budget_tokens": 1024}
    events = list(ask(server.anthropic(), stream=True, tools=[READ], thinking=thinking))
    types = [event.type for event in events]
    assert types[0] == "message_start" and types[-2:] == ["message_delta", "message_stop"]
    assert types.count("message_start") == types.count("message_stop") == 1
    open_block, kinds, pieces = None, [], {}
    for event in events[1:-2]:
        if event.type == "content_block_start":
            assert open_block is None and event.index == len(kinds)
            open_block = event.index
            kinds.append(event.content_block.type)
            pieces[open_block] = []
        elif event.type == "content_block_delta":
            assert event.index == open_block
            pieces[open_block].append(event.delta)
        elif event.type == "content_block_stop":
            assert event.index == open_block
            open_block = None
        else:
            assert event.type == "ping"
    assert kinds == ["thinking", "text", "tool_use", "tool_use"]
    assert [piece.type for piece in pieces[0]][-1] == "signature_delta"
    assert "".join(piece.text for piece in pieces[1]) == TEXT
    assert len(pieces[1]) > 5 and len(pieces[2]) > 1
    start, end = events[0].message, events[-2]
    assert start.content == [] and start.stop_reason is None
    assert start.usage.input_tokens > 10 and end.usage.output_tokens > start.usage.output_tokens
    assert end.delta.stop_reason == "tool_use"


def test_the_stream_helper_builds_the_same_message(serve):
    calls = [{"name": "read", "input": {"path": path}} for path in ("a", "b", "c" * 200)]
    step = {"thinking": "Three at once.", "signature": "c2ln", "text": "Now.", "calls": calls}
    server = serve(step, step)
    fields = {
        "model": MODEL,
        "max_tokens": 2000,
        "tools": [READ],
        "messages": [{"role": "user", "content": "go"}],
    }
    with server.anthropic().messages.stream(**fields) as stream:
        streamed = stream.get_final_message()
    whole = server.anthropic().messages.create(**fields)
    for message in (streamed, whole):
        thinking, text, *calls = message.content
        assert (thinking.thinking, thinking.signature) == ("Three at once.", "c2ln")
        assert text.text == "Now."
        assert [call.input for call in calls] == [{"path": "a"}, {"path": "b"}, {"path": "c" * 200}]
        assert len({call.id for call in calls}) == 3
        assert message.stop_reason == "tool_use"
    assert streamed.usage.output_tokens == whole.usage.output_tokens


def test_a_loop_with_tools_and_images(serve):
    server = serve(
        {"calls": [{"name": "read", "input": {"path": "a"}}, {"name": "read", "input": {}}]},
        {"expect": ["second"], "text": "Done."},
    )
    client = server.anthropic()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    messages = [{"role": "user", "content": [image, {"type": "text", "text": "What is it?"}]}]
    first = ask(client, messages=messages, tools=[READ], tool_choice={"type": "any"})
    results = [
        {"type": "tool_result", "tool_use_id": first.content[0].id, "content": [image]},
        {
            "type": "tool_result",
            "tool_use_id": first.content[1].id,
            "content": "second",
            "is_error": True,
        },
    ]
    messages += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": results},
    ]
    assert ask(client, messages=messages, tools=[READ]).content[0].text == "Done."


def test_cache_usage_follows_the_marks(serve):
    server = serve({"text": "one"}, {"text": "two"})
    system = [
        {
            "type": "text",
            "text": "Every word counts. " * 600,
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        }
    ]
    first = ask(server.anthropic(), system=system).usage
    second = ask(server.anthropic(), system=system).usage
    assert first.cache_creation_input_tokens > 2000 and first.cache_read_input_tokens == 0
    assert first.cache_creation.ephemeral_1h_input_tokens == first.cache_creation_input_tokens
    assert first.cache_creation.ephemeral_5m_input_tokens == 0
    assert second.cache_read_input_tokens == first.cache_creation_input_tokens
    assert second.input_tokens == first.input_tokens < 20


def test_the_limit_cuts_the_answer(serve):
    server = serve({"text": "word " * 500})
    message = ask(server.anthropic(), max_tokens=50)
    assert message.stop_reason == "max_tokens"
    assert 45 <= message.usage.output_tokens <= 50


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, anthropic.AuthenticationError, "authentication_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.APIStatusError, "overloaded_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_error_statuses_are_the_sdks_own_errors(serve, status, error, kind, stream):
    server = serve({"fault": {"kind": "status", "status": status}})
    with pytest.raises(error) as caught:
        ask(server.anthropic(), stream=stream)
    assert caught.value.status_code == status
    assert caught.value.body["error"]["type"] == kind
    assert caught.value.request_id.startswith("req_")


def test_the_sdk_retries_what_it_may(serve):
    limited = {"kind": "rate_limited", "retry_after": {"milliseconds": 10}}
    server = serve({"faults": [limited, {"kind": "status", "status": 529}], "text": "at last"})
    assert ask(server.anthropic(max_retries=2)).content[0].text == "at last"
    assert [request["status"] for request in server.report()["requests"]] == [429, 529, 200]


def test_an_error_in_the_middle_of_a_stream_is_raised(serve):
    server = serve({"fault": {"kind": "error_event", "event": 4}})
    seen = []
    with pytest.raises(anthropic.APIStatusError) as caught:
        for event in ask(server.anthropic(), stream=True):
            seen.append(event.type)
    assert "content_block_delta" in seen and "message_stop" not in seen
    assert "Overloaded" in str(caught.value)


@pytest.mark.parametrize("kind", ["split_utf8", "unknown_events", "gzip", "slow_drip"])
def test_harmless_faults_are_harmless(serve, kind):
    fault = {"kind": kind, **({"pause_ms": 0} if kind == "slow_drip" else {})}
    server = serve({"fault": fault})
    # Unknown events cannot pass a strict validation: the SDK knows no such delta.
    client = server.anthropic(strict=kind != "unknown_events")
    pieces = []
    for event in ask(client, stream=True):
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            pieces.append(event.delta.text)
    assert "日本語 and 🦀 survive" in "".join(pieces)


def test_what_breaks_the_rules_is_refused(serve):
    server = serve()
    server.expected_violations = ["without `tool_result` blocks"]
    call = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": "never mind"},
    ]
    with pytest.raises(anthropic.BadRequestError, match="without `tool_result` blocks"):
        ask(server.anthropic(), messages=messages, tools=[READ])


def test_the_strict_client_would_see_a_missing_field(serve):
    server = serve({"text": "hi", "usage": None})
    with pytest.raises(anthropic.APIResponseValidationError):
        ask(server.anthropic())


def test_models_and_token_counts(serve):
    server = serve(models=["claude-sonnet-4-5", "claude-opus-5-5"])
    client = server.anthropic(strict=False)
    assert [model.id for model in client.models.list()] == ["claude-sonnet-4-5", "claude-opus-5-5"]
    messages = [{"role": "user", "content": "one two three"}]
    counted = client.messages.count_tokens(model=MODEL, messages=messages)
    assert 3 <= counted.input_tokens <= 10
