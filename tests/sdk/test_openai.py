"""The OpenAI SDK on Chat Completions: what it sends, and what it makes of the answers."""

import openai
import pytest

MODEL = "gpt-6-sol"
TEXT = "First I look at the file — naïve, 日本語, 🦀 — then I change it. " * 3
READ = {
    "type": "function",
    "function": {
        "name": "read",
        "description": "Reads a file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}
PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def ask(client, **fields):
    request = {"model": MODEL, "messages": [{"role": "user", "content": "go"}], **fields}
    return client.chat.completions.create(**request)


def test_a_whole_text(serve):
    server = serve({"text": TEXT})
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "go"}]
    answer = ask(server.openai(), messages=messages, max_completion_tokens=2000)
    assert (answer.object, answer.model, len(answer.choices)) == ("chat.completion", MODEL, 1)
    choice = answer.choices[0]
    assert (choice.index, choice.finish_reason) == (0, "stop")
    assert (choice.message.role, choice.message.content) == ("assistant", TEXT)
    assert choice.message.tool_calls is None
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens > 5 and usage.completion_tokens > 40


def test_streamed_chunks_come_in_order_and_add_up(serve):
    calls = [{"name": "read", "input": {"path": "src/日本.rs", "lines": [1, 2]}}, {"name": "read", "input": {}}]
    server = serve({"text": TEXT, "calls": calls})
    options = {"include_usage": True}
    chunks = list(ask(server.openai(), stream=True, stream_options=options, tools=[READ]))
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    *chunks, last = chunks
    assert last.choices == [] and last.usage.completion_tokens > 40
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons[-1] == "tool_calls" and set(reasons[:-1]) == {None}
    text, seen = "", {}
    for chunk in chunks:
        delta = chunk.choices[0].delta
        text += delta.content or ""
        for call in delta.tool_calls or []:
            if call.index not in seen:
                assert call.index == len(seen) and call.id and call.function.name == "read"
                seen[call.index] = ""
            else:
                assert call.id is None and call.function.name is None
            seen[call.index] += call.function.arguments or ""
    assert text == TEXT
    assert seen == {0: '{"path":"src/日本.rs","lines":[1,2]}', 1: "{}"}


def test_a_stream_without_include_usage_tells_none(serve):
    server = serve({"text": TEXT})
    chunks = list(ask(server.openai(), stream=True))
    assert all(chunk.usage is None and len(chunk.choices) == 1 for chunk in chunks)


def test_the_stream_helper_builds_the_same_message(serve):
    calls = [{"name": "read", "input": {"path": path}} for path in ("a", "b", "c" * 200)]
    step = {"text": "Now.", "calls": calls}
    server = serve(step, step)
    fields = {"model": MODEL, "messages": [{"role": "user", "content": "go"}], "tools": [READ]}
    with server.openai().chat.completions.stream(**fields) as stream:
        streamed = stream.get_final_completion()
    whole = server.openai().chat.completions.create(**fields)
    for answer in (streamed, whole):
        message = answer.choices[0].message
        assert message.content == "Now."
        assert [call.function.arguments for call in message.tool_calls] == [
            '{"path":"a"}',
            '{"path":"b"}',
            '{"path":"' + "c" * 200 + '"}',
        ]
        assert len({call.id for call in message.tool_calls}) == 3
        assert answer.choices[0].finish_reason == "tool_calls"


def test_reasoning_is_shown_and_counted(serve):
    step = {"thinking": "The file first, then the test.", "text": "Now."}
    server = serve(step, step)
    options = {"include_usage": True}
    whole = ask(server.openai(), reasoning_effort="high")
    assert whole.choices[0].message.reasoning_content == "The file first, then the test."
    assert whole.usage.completion_tokens_details.reasoning_tokens >= 5
    chunks = list(ask(server.openai(), stream=True, stream_options=options))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert reasoning == "The file first, then the test."
    assert chunks[-1].usage.completion_tokens_details.reasoning_tokens >= 5


def test_a_loop_with_tools_and_images(serve):
    server = serve(
        {"calls": [{"name": "read", "input": {"path": "a"}}, {"name": "read", "input": {}}]},
        {"expect": ["second"], "text": "Done."},
    )
    client = server.openai()
    image = {"type": "image_url", "image_url": {"url": PIXEL}}
    messages = [{"role": "user", "content": [image, {"type": "text", "text": "What is it?"}]}]
    first = ask(client, messages=messages, tools=[READ], tool_choice="required").choices[0].message
    messages += [first.model_dump(exclude_none=True)]
    messages += [
        {"role": "tool", "tool_call_id": call.id, "content": content}
        for call, content in zip(first.tool_calls, ["first", "second"])
    ]
    assert ask(client, messages=messages, tools=[READ]).choices[0].message.content == "Done."


@pytest.mark.parametrize(("model", "writes"), [("gpt-6-sol", True), ("gpt-5.5", False)])
def test_cache_usage_is_automatic(serve, model, writes):
    server = serve({"text": "one"}, {"text": "two"})
    messages = [{"role": "user", "content": "Every word counts. " * 600}]
    fields = {"model": model, "messages": messages, "prompt_cache_key": "session-1"}
    first = ask(server.openai(), **fields).usage
    second = ask(server.openai(), **fields).usage
    assert first.prompt_tokens == second.prompt_tokens > 2000
    assert first.prompt_tokens_details.cached_tokens == 0
    cached = second.prompt_tokens_details.cached_tokens
    if writes:
        assert first.prompt_tokens_details.cache_write_tokens == first.prompt_tokens
        assert cached == first.prompt_tokens
    else:
        assert cached % 128 == 0 and 0 <= first.prompt_tokens - cached < 128


def test_the_limit_cuts_the_answer(serve):
    server = serve({"text": "word " * 500})
    answer = ask(server.openai(), max_completion_tokens=50)
    assert answer.choices[0].finish_reason == "length"
    assert 45 <= answer.usage.completion_tokens <= 50


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, openai.AuthenticationError, "invalid_api_key"),
        (403, openai.PermissionDeniedError, "forbidden"),
        (404, openai.NotFoundError, "model_not_found"),
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, "server_error"),
        (503, openai.InternalServerError, "slow_down"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_error_statuses_are_the_sdks_own_errors(serve, status, error, code, stream):
    server = serve({"fault": {"kind": "status", "status": status}})
    with pytest.raises(error) as caught:
        ask(server.openai(), stream=stream)
    assert (caught.value.status_code, caught.value.code) == (status, code)


def test_the_sdk_retries_what_it_may(serve):
    limited = {"kind": "rate_limited", "retry_after": {"milliseconds": 10}}
    server = serve({"faults": [limited, {"kind": "status", "status": 503}], "text": "at last"})
    answer = ask(server.openai(max_retries=2))
    assert answer.choices[0].message.content == "at last"
    assert [request["status"] for request in server.report()["requests"]] == [429, 503, 200]


def test_an_error_in_the_middle_of_a_stream_is_raised(serve):
    server = serve({"fault": {"kind": "error_event", "event": 4}})
    seen = []
    with pytest.raises(openai.APIError, match="The server had an error"):
        for chunk in ask(server.openai(), stream=True):
            seen.append(chunk.choices[0].delta.content)
    assert "".join(piece or "" for piece in seen).startswith("Here is")


@pytest.mark.parametrize("kind", ["split_utf8", "unknown_events", "gzip", "slow_drip"])
def test_harmless_faults_are_harmless(serve, kind):
    fault = {"kind": kind, **({"pause_ms": 0} if kind == "slow_drip" else {})}
    server = serve({"fault": fault})
    text = ""
    for chunk in ask(server.openai(), stream=True):
        for choice in chunk.choices:
            text += choice.delta.content or ""
    assert "日本語 and 🦀 survive" in text


def test_what_breaks_the_rules_is_refused(serve):
    server = serve()
    server.expected_violations = ["did not have response messages: call_1"]
    call = {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "user", "content": "never mind"},
    ]
    with pytest.raises(openai.BadRequestError, match="did not have response messages"):
        ask(server.openai(), messages=messages, tools=[READ])


def test_models_are_listed(serve):
    server = serve(models=["gpt-6-sol", "gpt-6-luna"])
    assert [model.id for model in server.openai().models.list()] == ["gpt-6-sol", "gpt-6-luna"]
