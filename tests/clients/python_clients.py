"""The official Python SDKs behind one face: a case goes in, an `Outcome` comes out."""

import base64
import json
from dataclasses import dataclass, field

import anthropic
import google.genai
import google.genai.types
import httpx
import httpx2
import ollama
import openai

from running import KEY

TIMEOUT = 20
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = "weather"
ABOUT = "Tells the weather of a city"
SYSTEM = "Answer in one line."
QUESTION = "How warm is it?"


@dataclass
class Case:
    """What is asked: `turns` holds what went before as (calls, results)."""

    model: str
    stream: bool = False
    system: bool = False
    tools: bool = False
    must_call: bool = False
    image: bool = False
    schema: bool = False
    think: bool = False
    temperature: float | None = None
    max_tokens: int = 2000
    calls: list = field(default_factory=list)
    results: list = field(default_factory=list)


@dataclass
class Outcome:
    """What the client makes of the answer."""

    text: str = ""
    thinking: str = ""
    calls: list = field(default_factory=list)
    stop: str = ""
    tokens: tuple = (0, 0)
    error: str = ""
    status: int = 0
    retry_after: str = ""
    headers: dict = field(default_factory=dict)
    pieces: int = 0


def hook(outcome):
    """What an HTTP client calls with each head. To load certificates, which nothing here needs, takes longer than a case."""

    def keep(response):
        outcome.headers = {name.lower(): value for name, value in response.headers.items()}

    return {"response": [keep]}


class Client:
    """Runs a case and turns every failure that the SDK reports into an outcome."""

    errors = (Exception,)

    def run(self, base, case):
        outcome = Outcome()
        try:
            (self.stream if case.stream else self.whole)(base, case, outcome)
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001: what the SDK raises is what is looked at
            outcome.error = f"{type(error).__name__}: {error}"[:500]
            outcome.status = getattr(error, "status_code", None) or getattr(error, "code", None) or 0
            response = getattr(error, "response", None)
            outcome.retry_after = dict(getattr(response, "headers", None) or {}).get("retry-after", "")
        return outcome


class Anthropic(Client):
    name = "Anthropic Messages"
    language = "Python"
    path = "anthropic"

    def client(self, base, outcome):
        return anthropic.Anthropic(
            api_key=KEY,
            base_url=base,
            max_retries=0,
            timeout=TIMEOUT,
            http_client=httpx2.Client(verify=False, event_hooks=hook(outcome)),
            _strict_response_validation=True,
        )

    def request(self, case):
        parts = [{"type": "text", "text": QUESTION}]
        if case.image:
            source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
            parts.insert(0, {"type": "image", "source": source})
        messages = [{"role": "user", "content": parts}]
        if case.calls:
            uses = [
                {"type": "tool_use", "id": id, "name": TOOL, "input": arguments}
                for id, arguments in case.calls
            ]
            results = [
                {"type": "tool_result", "tool_use_id": id, "content": text} for id, text in case.results
            ]
            messages += [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]
        fields = {"model": case.model, "max_tokens": case.max_tokens, "messages": messages}
        if case.system:
            fields["system"] = SYSTEM
        if case.tools:
            fields["tools"] = [{"name": TOOL, "description": ABOUT, "input_schema": PARAMETERS}]
        if case.must_call:
            fields["tool_choice"] = {"type": "any"}
        if case.schema:
            fields["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if case.think:
            fields["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if case.temperature is not None:
            # The SDK itself no longer knows it; its older releases are in use.
            fields["extra_body"] = {"temperature": case.temperature}
        return fields

    def whole(self, base, case, outcome):
        self.take(self.client(base, outcome).messages.create(**self.request(case)), outcome)

    def stream(self, base, case, outcome):
        fields = self.request(case)
        with self.client(base, outcome).messages.stream(**fields) as stream:
            for event in stream:
                outcome.pieces += event.type == "content_block_delta"
            self.take(stream.get_final_message(), outcome)

    def take(self, message, outcome):
        for block in message.content:
            if block.type == "text":
                outcome.text += block.text
            elif block.type == "thinking":
                outcome.thinking += block.thinking
            elif block.type == "tool_use":
                outcome.calls.append((block.id, block.name, block.input))
        stops = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tools"}
        outcome.stop = stops.get(message.stop_reason, str(message.stop_reason))
        usage = message.usage
        cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        outcome.tokens = (usage.input_tokens + cached, usage.output_tokens)


class Openai(Client):
    name = "OpenAI Chat Completions"
    language = "Python"
    path = "openai"

    def client(self, base, outcome):
        return openai.OpenAI(
            api_key=KEY,
            base_url=base + "/v1",
            max_retries=0,
            timeout=TIMEOUT,
            http_client=httpx.Client(verify=False, event_hooks=hook(outcome)),
            _strict_response_validation=True,
        )

    def request(self, case):
        parts = [{"type": "text", "text": QUESTION}]
        if case.image:
            url = "data:image/png;base64," + PIXEL
            parts.insert(0, {"type": "image_url", "image_url": {"url": url}})
        messages = [{"role": "system", "content": SYSTEM}] if case.system else []
        messages.append({"role": "user", "content": parts})
        if case.calls:
            calls = [
                {"id": id, "type": "function", "function": {"name": TOOL, "arguments": json.dumps(arguments, ensure_ascii=False)}}
                for id, arguments in case.calls
            ]
            messages.append({"role": "assistant", "tool_calls": calls})
            messages += [{"role": "tool", "tool_call_id": id, "content": text} for id, text in case.results]
        fields = {"model": case.model, "max_completion_tokens": case.max_tokens, "messages": messages}
        if case.tools:
            function = {"name": TOOL, "description": ABOUT, "parameters": PARAMETERS}
            fields["tools"] = [{"type": "function", "function": function}]
        if case.must_call:
            fields["tool_choice"] = "required"
        if case.schema:
            schema = {"name": "weather", "schema": SCHEMA, "strict": True}
            fields["response_format"] = {"type": "json_schema", "json_schema": schema}
        if case.think:
            fields["reasoning_effort"] = "low"
        if case.temperature is not None:
            fields |= {"temperature": case.temperature, "top_p": 0.9, "presence_penalty": 0.5}
        return fields

    def whole(self, base, case, outcome):
        answer = self.client(base, outcome).chat.completions.create(**self.request(case))
        (choice,) = answer.choices
        message = choice.message
        outcome.text = message.content or ""
        outcome.thinking = (message.model_extra or {}).get("reasoning_content") or ""
        for call in message.tool_calls or []:
            outcome.calls.append((call.id, call.function.name, json.loads(call.function.arguments)))
        self.end(choice.finish_reason, answer.usage, outcome)

    def stream(self, base, case, outcome):
        options = {"include_usage": True}
        fields = self.request(case)
        usage, reason, calls = None, None, {}
        for chunk in self.client(base, outcome).chat.completions.create(
            stream=True, stream_options=options, **fields
        ):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                outcome.pieces += 1
                delta = choice.delta
                outcome.text += delta.content or ""
                outcome.thinking += (delta.model_extra or {}).get("reasoning_content") or ""
                for call in delta.tool_calls or []:
                    known = calls.setdefault(call.index, [call.id, call.function.name, ""])
                    known[2] += call.function.arguments or ""
                reason = choice.finish_reason or reason
        outcome.calls = [(id, name, json.loads(text)) for id, name, text in calls.values()]
        self.end(reason, usage, outcome)

    def end(self, reason, usage, outcome):
        outcome.stop = {"tool_calls": "tools"}.get(reason, str(reason))
        if usage:
            outcome.tokens = (usage.prompt_tokens, usage.completion_tokens)


class Responses(Openai):
    name = "OpenAI Responses"
    path = "responses"

    def request(self, case):
        parts = [{"type": "input_text", "text": QUESTION}]
        if case.image:
            parts.insert(0, {"type": "input_image", "image_url": "data:image/png;base64," + PIXEL, "detail": "auto"})
        items = [{"role": "user", "content": parts}]
        for id, arguments in case.calls:
            call = {"type": "function_call", "call_id": id, "name": TOOL, "arguments": json.dumps(arguments, ensure_ascii=False)}
            items.append(call)
        for id, text in case.results:
            items.append({"type": "function_call_output", "call_id": id, "output": text})
        fields = {"model": case.model, "input": items, "max_output_tokens": case.max_tokens, "store": False}
        if case.system:
            fields["instructions"] = SYSTEM
        if case.tools:
            tool = {"type": "function", "name": TOOL, "description": ABOUT, "parameters": PARAMETERS, "strict": False}
            fields["tools"] = [tool]
        if case.must_call:
            fields["tool_choice"] = "required"
        if case.schema:
            form = {"type": "json_schema", "name": "weather", "schema": SCHEMA, "strict": True}
            fields["text"] = {"format": form}
        if case.think:
            fields["reasoning"] = {"effort": "low", "summary": "auto"}
        if case.temperature is not None:
            fields |= {"temperature": case.temperature, "top_p": 0.9}
        return fields

    def whole(self, base, case, outcome):
        self.take(self.client(base, outcome).responses.create(**self.request(case)), outcome)

    def stream(self, base, case, outcome):
        last, numbers = None, []
        for event in self.client(base, outcome).responses.create(stream=True, **self.request(case)):
            numbers.append(event.sequence_number)
            outcome.pieces += event.type.endswith(".delta")
            if event.type in ("response.completed", "response.incomplete"):
                last = event.response
            elif event.type == "response.failed":
                raise RuntimeError(f"response.failed: {event.response.error}")
            elif event.type == "error":
                raise RuntimeError(f"error event: {event.message}")
        assert numbers == sorted(set(numbers)), numbers
        if last is None:
            raise RuntimeError("the stream ended without its last event")
        self.take(last, outcome)

    def take(self, answer, outcome):
        for item in answer.output:
            if item.type == "message":
                outcome.text += "".join(part.text for part in item.content)
            elif item.type == "reasoning":
                parts = [part.text for part in item.summary or []] + [part.text for part in item.content or []]
                outcome.thinking += "".join(parts)
            elif item.type == "function_call":
                outcome.calls.append((item.call_id, item.name, json.loads(item.arguments)))
        details = answer.incomplete_details
        if answer.status == "incomplete":
            outcome.stop = {"max_output_tokens": "length"}.get(details.reason, details.reason)
        else:
            outcome.stop = "tools" if outcome.calls else "stop"
        if answer.usage:
            outcome.tokens = (answer.usage.input_tokens, answer.usage.output_tokens)


class Gemini(Client):
    name = "Gemini generateContent"
    language = "Python"
    path = "gemini"

    def client(self, base, outcome):
        types = google.genai.types
        options = types.HttpOptions(
            base_url=base, timeout=TIMEOUT * 1000, client_args={"verify": False, "event_hooks": hook(outcome)}
        )
        return google.genai.Client(api_key=KEY, http_options=options)

    def request(self, case):
        types = google.genai.types
        parts = [types.Part(text=QUESTION)]
        if case.image:
            parts.insert(0, types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png"))
        contents = [types.Content(role="user", parts=parts)]
        if case.calls:
            calls = [
                types.Part(function_call=types.FunctionCall(id=id, name=TOOL, args=arguments))
                for id, arguments in case.calls
            ]
            results = [
                types.Part(function_response=types.FunctionResponse(id=id, name=TOOL, response={"output": text}))
                for id, text in case.results
            ]
            contents += [types.Content(role="model", parts=calls), types.Content(role="user", parts=results)]
        config = {"max_output_tokens": case.max_tokens}
        if case.system:
            config["system_instruction"] = SYSTEM
        if case.tools:
            function = types.FunctionDeclaration(name=TOOL, description=ABOUT, parameters_json_schema=PARAMETERS)
            config["tools"] = [types.Tool(function_declarations=[function])]
            config["automatic_function_calling"] = {"disable": True}
        if case.must_call:
            config["tool_config"] = {"function_calling_config": {"mode": "ANY"}}
        if case.schema:
            config |= {"response_mime_type": "application/json", "response_json_schema": SCHEMA}
        if case.think:
            config["thinking_config"] = {"thinking_budget": 1024, "include_thoughts": True}
        if case.temperature is not None:
            config |= {"temperature": case.temperature, "top_p": 0.95, "top_k": 64}
        return {"model": case.model, "contents": contents, "config": types.GenerateContentConfig(**config)}

    def whole(self, base, case, outcome):
        client = self.client(base, outcome)
        self.take([client.models.generate_content(**self.request(case))], outcome)

    def stream(self, base, case, outcome):
        client = self.client(base, outcome)
        self.take(client.models.generate_content_stream(**self.request(case)), outcome)

    def take(self, answers, outcome):
        reason = None
        for answer in answers:
            usage = answer.usage_metadata
            for candidate in answer.candidates or []:
                outcome.pieces += 1
                for part in (candidate.content and candidate.content.parts) or []:
                    if part.function_call:
                        call = part.function_call
                        outcome.calls.append((call.id, call.name, call.args))
                    elif part.thought:
                        outcome.thinking += part.text or ""
                    else:
                        outcome.text += part.text or ""
                reason = candidate.finish_reason or reason
            if usage and usage.prompt_token_count is not None:
                output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
                outcome.tokens = (usage.prompt_token_count, output)
        if reason is None:
            raise RuntimeError("the stream ended without a finish reason")
        names = {"STOP": "tools" if outcome.calls else "stop", "MAX_TOKENS": "length"}
        outcome.stop = names.get(reason.name, reason.name)


class Ollama(Client):
    name = "Ollama chat"
    language = "Python"
    path = "ollama"

    def client(self, base, outcome):
        headers = {"Authorization": f"Bearer {KEY}"}
        return ollama.Client(host=base, headers=headers, timeout=TIMEOUT, verify=False, event_hooks=hook(outcome))

    def request(self, case):
        messages = [{"role": "system", "content": SYSTEM}] if case.system else []
        question = {"role": "user", "content": QUESTION}
        if case.image:
            question["images"] = [PIXEL]
        messages.append(question)
        if case.calls:
            calls = [{"function": {"name": TOOL, "arguments": arguments}} for _, arguments in case.calls]
            messages.append({"role": "assistant", "content": "", "tool_calls": calls})
            messages += [{"role": "tool", "tool_name": TOOL, "content": text} for _, text in case.results]
        fields = {"model": case.model, "messages": messages, "options": {"num_predict": case.max_tokens}}
        if case.tools:
            function = {"name": TOOL, "description": ABOUT, "parameters": PARAMETERS}
            fields["tools"] = [{"type": "function", "function": function}]
        if case.schema:
            fields["format"] = SCHEMA
        if case.think:
            fields["think"] = True
        if case.temperature is not None:
            fields["options"] |= {"temperature": case.temperature, "top_k": 40}
        return fields

    def whole(self, base, case, outcome):
        self.take([self.client(base, outcome).chat(**self.request(case))], outcome)

    def stream(self, base, case, outcome):
        self.take(self.client(base, outcome).chat(stream=True, **self.request(case)), outcome)

    def take(self, answers, outcome):
        last = None
        for answer in answers:
            outcome.pieces += 1
            message = answer.message
            outcome.text += message.content or ""
            outcome.thinking += message.thinking or ""
            for call in message.tool_calls or []:
                outcome.calls.append(("", call.function.name, dict(call.function.arguments)))
            last = answer if answer.done else last
        if last is None:
            raise RuntimeError("the stream ended without `done`")
        outcome.stop = "tools" if outcome.calls else str(last.done_reason)
        outcome.tokens = (last.prompt_eval_count or 0, last.eval_count or 0)


CLIENTS = [Anthropic(), Openai(), Responses(), Gemini(), Ollama()]
