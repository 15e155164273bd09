// The official JavaScript SDKs behind one face: a line of JSON with a case in, a line with its outcome out.

import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import readline from "node:readline";

const say = JSON.parse(process.argv[2]);
const { KEY, PIXEL, SCHEMA, PARAMETERS, TOOL, ABOUT, SYSTEM, QUESTION } = say;
const timeout = 20_000;

// Keeps the head of the newest answer.
let headers = {};
const fetched = globalThis.fetch;
globalThis.fetch = async (...request) => {
  const answer = await fetched(...request);
  headers = Object.fromEntries(answer.headers);
  return answer;
};

const empty = () => ({ text: "", thinking: "", calls: [], stop: "", tokens: [0, 0], pieces: 0 });

async function anthropic(base, ask) {
  const client = new Anthropic({ apiKey: KEY, baseURL: base, maxRetries: 0, timeout });
  const parts = [{ type: "text", text: QUESTION }];
  if (ask.image) parts.unshift({ type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } });
  const messages = [{ role: "user", content: parts }];
  if (ask.calls.length) {
    messages.push({ role: "assistant", content: ask.calls.map(([id, input]) => ({ type: "tool_use", id, name: TOOL, input })) });
    messages.push({ role: "user", content: ask.results.map(([id, content]) => ({ type: "tool_result", tool_use_id: id, content })) });
  }
  const fields = { model: ask.model, max_tokens: ask.max_tokens, messages };
  if (ask.system) fields.system = SYSTEM;
  if (ask.tools) fields.tools = [{ name: TOOL, description: ABOUT, input_schema: PARAMETERS }];
  if (ask.must_call) fields.tool_choice = { type: "any" };
  if (ask.schema) fields.output_config = { format: { type: "json_schema", schema: SCHEMA } };
  if (ask.think) fields.thinking = { type: "enabled", budget_tokens: 1024 };
  const out = empty();
  let message;
  if (ask.stream) {
    const stream = client.messages.stream(fields);
    for await (const event of stream) out.pieces += event.type === "content_block_delta" ? 1 : 0;
    message = await stream.finalMessage();
  } else message = await client.messages.create(fields);
  for (const block of message.content) {
    if (block.type === "text") out.text += block.text;
    else if (block.type === "thinking") out.thinking += block.thinking;
    else if (block.type === "tool_use") out.calls.push([block.id, block.name, block.input]);
  }
  out.stop = { end_turn: "stop", max_tokens: "length", tool_use: "tools" }[message.stop_reason] ?? message.stop_reason;
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = message.usage;
  out.tokens = [input_tokens + (cache_read_input_tokens ?? 0) + (cache_creation_input_tokens ?? 0), output_tokens];
  return out;
}

async function openai(base, ask) {
  const client = new OpenAI({ apiKey: KEY, baseURL: `${base}/v1`, maxRetries: 0, timeout });
  const parts = [{ type: "text", text: QUESTION }];
  if (ask.image) parts.unshift({ type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}` } });
  const messages = ask.system ? [{ role: "system", content: SYSTEM }] : [];
  messages.push({ role: "user", content: parts });
  if (ask.calls.length) {
    const calls = ask.calls.map(([id, input]) => ({ id, type: "function", function: { name: TOOL, arguments: JSON.stringify(input) } }));
    messages.push({ role: "assistant", tool_calls: calls });
    for (const [id, content] of ask.results) messages.push({ role: "tool", tool_call_id: id, content });
  }
  const fields = { model: ask.model, max_completion_tokens: ask.max_tokens, messages };
  if (ask.tools) fields.tools = [{ type: "function", function: { name: TOOL, description: ABOUT, parameters: PARAMETERS } }];
  if (ask.must_call) fields.tool_choice = "required";
  if (ask.schema) fields.response_format = { type: "json_schema", json_schema: { name: "weather", schema: SCHEMA, strict: true } };
  if (ask.think) fields.reasoning_effort = "low";
  const out = empty();
  const take = (calls) => calls.map((call) => [call.id, call.function.name, JSON.parse(call.function.arguments)]);
  let reason, usage;
  if (ask.stream) {
    const calls = [];
    const stream = await client.chat.completions.create({ ...fields, stream: true, stream_options: { include_usage: true } });
    for await (const chunk of stream) {
      usage = chunk.usage ?? usage;
      for (const { delta, finish_reason } of chunk.choices) {
        out.pieces += 1;
        out.text += delta.content ?? "";
        out.thinking += delta.reasoning_content ?? "";
        for (const call of delta.tool_calls ?? []) {
          calls[call.index] ??= { id: call.id, function: { name: call.function.name, arguments: "" } };
          calls[call.index].function.arguments += call.function.arguments ?? "";
        }
        reason = finish_reason ?? reason;
      }
    }
    out.calls = take(calls);
  } else {
    const answer = await client.chat.completions.create(fields);
    const { message, finish_reason } = answer.choices[0];
    out.text = message.content ?? "";
    out.thinking = message.reasoning_content ?? "";
    out.calls = take(message.tool_calls ?? []);
    [reason, usage] = [finish_reason, answer.usage];
  }
  out.stop = { tool_calls: "tools" }[reason] ?? String(reason);
  if (usage) out.tokens = [usage.prompt_tokens, usage.completion_tokens];
  return out;
}

async function responses(base, ask) {
  const client = new OpenAI({ apiKey: KEY, baseURL: `${base}/v1`, maxRetries: 0, timeout });
  const parts = [{ type: "input_text", text: QUESTION }];
  if (ask.image) parts.unshift({ type: "input_image", image_url: `data:image/png;base64,${PIXEL}`, detail: "auto" });
  const input = [{ role: "user", content: parts }];
  for (const [call_id, given] of ask.calls) input.push({ type: "function_call", call_id, name: TOOL, arguments: JSON.stringify(given) });
  for (const [call_id, output] of ask.results) input.push({ type: "function_call_output", call_id, output });
  const fields = { model: ask.model, input, max_output_tokens: ask.max_tokens, store: false };
  if (ask.system) fields.instructions = SYSTEM;
  if (ask.tools) fields.tools = [{ type: "function", name: TOOL, description: ABOUT, parameters: PARAMETERS, strict: false }];
  if (ask.must_call) fields.tool_choice = "required";
  if (ask.schema) fields.text = { format: { type: "json_schema", name: "weather", schema: SCHEMA, strict: true } };
  if (ask.think) fields.reasoning = { effort: "low", summary: "auto" };
  const out = empty();
  let answer;
  if (ask.stream) {
    for await (const event of await client.responses.create({ ...fields, stream: true })) {
      out.pieces += event.type.endsWith(".delta") ? 1 : 0;
      if (["response.completed", "response.incomplete"].includes(event.type)) answer = event.response;
      if (event.type === "response.failed") throw new Error(`response.failed: ${JSON.stringify(event.response.error)}`);
      if (event.type === "error") throw new Error(`error event: ${event.message}`);
    }
    if (!answer) throw new Error("the stream ended without its last event");
  } else answer = await client.responses.create(fields);
  for (const item of answer.output) {
    if (item.type === "message") out.text += item.content.map((part) => part.text).join("");
    else if (item.type === "reasoning") out.thinking += [...(item.summary ?? []), ...(item.content ?? [])].map((part) => part.text).join("");
    else if (item.type === "function_call") out.calls.push([item.call_id, item.name, JSON.parse(item.arguments)]);
  }
  if (answer.status === "incomplete") out.stop = { max_output_tokens: "length" }[answer.incomplete_details.reason];
  else out.stop = out.calls.length ? "tools" : "stop";
  if (answer.usage) out.tokens = [answer.usage.input_tokens, answer.usage.output_tokens];
  return out;
}

async function gemini(base, ask) {
  const client = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: base, timeout } });
  const parts = [{ text: QUESTION }];
  if (ask.image) parts.unshift({ inlineData: { mimeType: "image/png", data: PIXEL } });
  const contents = [{ role: "user", parts }];
  if (ask.calls.length) {
    contents.push({ role: "model", parts: ask.calls.map(([id, args]) => ({ functionCall: { id, name: TOOL, args } })) });
    contents.push({ role: "user", parts: ask.results.map(([id, output]) => ({ functionResponse: { id, name: TOOL, response: { output } } })) });
  }
  const config = { maxOutputTokens: ask.max_tokens };
  if (ask.system) config.systemInstruction = SYSTEM;
  if (ask.tools) config.tools = [{ functionDeclarations: [{ name: TOOL, description: ABOUT, parametersJsonSchema: PARAMETERS }] }];
  if (ask.must_call) config.toolConfig = { functionCallingConfig: { mode: "ANY" } };
  if (ask.schema) Object.assign(config, { responseMimeType: "application/json", responseJsonSchema: SCHEMA });
  if (ask.think) config.thinkingConfig = { thinkingBudget: 1024, includeThoughts: true };
  const request = { model: ask.model, contents, config };
  const out = empty();
  let reason;
  const take = (answer) => {
    for (const { content, finishReason } of answer.candidates ?? []) {
      out.pieces += 1;
      for (const part of content?.parts ?? []) {
        if (part.functionCall) out.calls.push([part.functionCall.id ?? "", part.functionCall.name, part.functionCall.args]);
        else if (part.thought) out.thinking += part.text ?? "";
        else out.text += part.text ?? "";
      }
      reason = finishReason ?? reason;
    }
    const usage = answer.usageMetadata;
    if (usage?.promptTokenCount != null) out.tokens = [usage.promptTokenCount, (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0)];
  };
  if (ask.stream) for await (const answer of await client.models.generateContentStream(request)) take(answer);
  else take(await client.models.generateContent(request));
  if (!reason) throw new Error("the stream ended without a finish reason");
  out.stop = { STOP: out.calls.length ? "tools" : "stop", MAX_TOKENS: "length" }[reason] ?? reason;
  return out;
}

async function ollama(base, ask) {
  const client = new Ollama({ host: base, headers: { Authorization: `Bearer ${KEY}` } });
  const messages = ask.system ? [{ role: "system", content: SYSTEM }] : [];
  messages.push({ role: "user", content: QUESTION, ...(ask.image ? { images: [PIXEL] } : {}) });
  if (ask.calls.length) {
    messages.push({ role: "assistant", content: "", tool_calls: ask.calls.map(([, input]) => ({ function: { name: TOOL, arguments: input } })) });
    for (const [, content] of ask.results) messages.push({ role: "tool", tool_name: TOOL, content });
  }
  const request = { model: ask.model, messages, options: { num_predict: ask.max_tokens } };
  if (ask.tools) request.tools = [{ type: "function", function: { name: TOOL, description: ABOUT, parameters: PARAMETERS } }];
  if (ask.schema) request.format = SCHEMA;
  if (ask.think) request.think = true;
  const out = empty();
  let last;
  const take = (answer) => {
    out.pieces += 1;
    out.text += answer.message.content ?? "";
    out.thinking += answer.message.thinking ?? "";
    for (const call of answer.message.tool_calls ?? []) out.calls.push(["", call.function.name, call.function.arguments]);
    if (answer.done) last = answer;
  };
  if (ask.stream) for await (const answer of await client.chat({ ...request, stream: true })) take(answer);
  else take(await client.chat(request));
  if (!last) throw new Error("the stream ended without `done`");
  out.stop = out.calls.length ? "tools" : String(last.done_reason);
  out.tokens = [last.prompt_eval_count ?? 0, last.eval_count ?? 0];
  return out;
}

const clients = { anthropic, openai, responses, gemini, ollama };
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { client, base, ask } = JSON.parse(line);
  headers = {};
  let outcome;
  try {
    outcome = { ...(await clients[client](base, ask)), error: "", status: 0, retry_after: "" };
  } catch (error) {
    const told = error.headers?.get?.("retry-after") ?? headers["retry-after"] ?? "";
    outcome = { ...empty(), error: `${error.name}: ${error.message}`.slice(0, 500), status: error.status ?? error.status_code ?? 0, retry_after: told };
  }
  console.log(JSON.stringify({ ...outcome, headers }));
}
