//! Every caller's dialect before every vendor's, streamed and whole, with tools, pictures, thinking.

use std::collections::BTreeMap;

use distiq_testkit::{Answer as Says, Script, ScriptedModel};
use serde_json::{Value, json};

use crate::support::{Answer, Desk};

const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A caller's dialect: how it asks and where the answer's parts are.
struct Caller {
    path: &'static str,
    /// Makes the request of a model.
    ask: fn(&str) -> Value,
    /// Puts the stream's events together: text, thinking, calls by name with their arguments, stop.
    gather: fn(&Answer) -> Got,
    /// Reads the same of a whole answer.
    whole: fn(&Answer) -> Got,
}

#[derive(Debug, Default, PartialEq)]
struct Got {
    text: String,
    calls: Vec<(String, Value)>,
    stop: String,
    output: u64,
}

const CALLERS: &[Caller] = &[
    Caller {
        path: "/v1/messages",
        ask: |model| {
            json!({
                "model": model, "max_tokens": 1000,
                "system": "Be brief.",
                "tools": [{ "name": "read", "description": "Reads.", "input_schema": {
                    "type": "object", "properties": { "path": { "type": "string" } } } }],
                "messages": [
                    { "role": "user", "content": [
                        { "type": "text", "text": "look" },
                        { "type": "image", "source": { "type": "base64",
                          "media_type": "image/png", "data": PIXEL } },
                    ] },
                    { "role": "assistant", "content": [
                        { "type": "tool_use", "id": "call_1", "name": "read", "input": { "path": "a" } },
                    ] },
                    { "role": "user", "content": [
                        { "type": "tool_result", "tool_use_id": "call_1", "content": "42" },
                    ] },
                ],
            })
        },
        gather: gather_anthropic,
        whole: |answer| {
            let body = answer.json();
            assert_eq!((&body["type"], &body["role"]), (&json!("message"), &json!("assistant")));
            let mut got = Got { stop: text(&body["stop_reason"]), ..Got::default() };
            got.output = body["usage"]["output_tokens"].as_u64().unwrap();
            for block in body["content"].as_array().unwrap() {
                match block["type"].as_str().unwrap() {
                    "text" => got.text.push_str(block["text"].as_str().unwrap()),
                    "tool_use" => got.calls.push((text(&block["name"]), block["input"].clone())),
                    _ => {}
                }
            }
            got
        },
    },
    Caller {
        path: "/v1/chat/completions",
        ask: |model| {
            json!({
                "model": model,
                "tools": [{ "type": "function", "function": { "name": "read",
                    "description": "Reads.", "parameters": {
                    "type": "object", "properties": { "path": { "type": "string" } } } } }],
                "messages": [
                    { "role": "system", "content": "Be brief." },
                    { "role": "user", "content": [
                        { "type": "text", "text": "look" },
                        { "type": "image_url", "image_url": {
                            "url": format!("data:image/png;base64,{PIXEL}") } },
                    ] },
                    { "role": "assistant", "content": null, "tool_calls": [{ "id": "call_1",
                        "type": "function", "function": { "name": "read",
                        "arguments": "{\"path\":\"a\"}" } }] },
                    { "role": "tool", "tool_call_id": "call_1", "content": "42" },
                ],
            })
        },
        gather: gather_openai,
        whole: |answer| {
            let body = answer.json();
            let choice = &body["choices"][0];
            let message = &choice["message"];
            let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
            Got {
                text: text(&message["content"]),
                calls: calls.iter().map(|call| call_of(&call["function"])).collect(),
                stop: text(&choice["finish_reason"]),
                output: body["usage"]["completion_tokens"].as_u64().unwrap(),
            }
        },
    },
    Caller {
        path: "/v1/responses",
        ask: |model| {
            json!({
                "model": model, "instructions": "Be brief.",
                "tools": [{ "type": "function", "name": "read", "description": "Reads.",
                    "parameters": { "type": "object",
                    "properties": { "path": { "type": "string" } } } }],
                "input": [
                    { "role": "user", "content": [
                        { "type": "input_text", "text": "look" },
                        { "type": "input_image",
                          "image_url": format!("data:image/png;base64,{PIXEL}") },
                    ] },
                    { "type": "function_call", "call_id": "call_1", "name": "read",
                      "arguments": "{\"path\":\"a\"}" },
                    { "type": "function_call_output", "call_id": "call_1", "output": "42" },
                ],
            })
        },
        gather: |answer| {
            let events = answer.events();
            assert_eq!(events.first().unwrap()["type"], "response.created");
            let last = events.last().unwrap();
            assert_eq!(last["type"], "response.completed");
            let pieces = events.iter().filter(|e| e["type"] == "response.output_text.delta");
            let said: String = pieces.map(|e| e["delta"].as_str().unwrap()).collect();
            let got = of_response(&last["response"]);
            assert_eq!(said, got.text);
            got
        },
        whole: |answer| of_response(&answer.json()),
    },
    Caller {
        path: "/v1beta/models/MODEL:generateContent",
        ask: |_| {
            json!({
                "systemInstruction": { "parts": [{ "text": "Be brief." }] },
                "tools": [{ "functionDeclarations": [{ "name": "read", "description": "Reads.",
                    "parameters": { "type": "OBJECT",
                    "properties": { "path": { "type": "STRING" } } } }] }],
                "contents": [
                    { "role": "user", "parts": [
                        { "text": "look" },
                        { "inlineData": { "mimeType": "image/png", "data": PIXEL } },
                    ] },
                    { "role": "model", "parts": [
                        { "functionCall": { "id": "call_1", "name": "read",
                          "args": { "path": "a" } } },
                    ] },
                    { "role": "user", "parts": [
                        { "functionResponse": { "id": "call_1", "name": "read",
                          "response": { "output": "42" } } },
                    ] },
                ],
            })
        },
        gather: |answer| {
            let mut all = Got::default();
            for event in answer.events() {
                let got = of_gemini(&event);
                all.text.push_str(&got.text);
                all.calls.extend(got.calls);
                if !got.stop.is_empty() {
                    (all.stop, all.output) = (got.stop, got.output);
                }
            }
            all
        },
        whole: |answer| of_gemini(&answer.json()),
    },
    Caller {
        path: "/api/chat",
        ask: |model| {
            json!({
                "model": model,
                "tools": [{ "type": "function", "function": { "name": "read",
                    "description": "Reads.", "parameters": {
                    "type": "object", "properties": { "path": { "type": "string" } } } } }],
                "messages": [
                    { "role": "system", "content": "Be brief." },
                    { "role": "user", "content": "look", "images": [PIXEL] },
                    { "role": "assistant", "content": "", "tool_calls": [{ "id": "call_1",
                        "function": { "name": "read", "arguments": { "path": "a" } } }] },
                    { "role": "tool", "tool_name": "read", "tool_call_id": "call_1",
                      "content": "42" },
                ],
            })
        },
        gather: |answer| {
            let text = answer.text();
            let lines: Vec<Value> =
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert!(lines.last().unwrap()["done"].as_bool().unwrap());
            let mut all = Got::default();
            for line in &lines {
                let got = of_ollama(line);
                all.text.push_str(&got.text);
                all.calls.extend(got.calls);
                if line["done"] == true {
                    (all.stop, all.output) = (got.stop, got.output);
                }
            }
            all
        },
        whole: |answer| of_ollama(&answer.json()),
    },
];

fn of_response(body: &Value) -> Got {
    assert_eq!((&body["object"], &body["status"]), (&json!("response"), &json!("completed")));
    let mut got = Got { stop: text(&body["status"]), ..Got::default() };
    got.output = body["usage"]["output_tokens"].as_u64().unwrap();
    for item in body["output"].as_array().unwrap() {
        match item["type"].as_str().unwrap() {
            "message" => {
                for part in item["content"].as_array().unwrap() {
                    got.text.push_str(part["text"].as_str().unwrap());
                }
            }
            "function_call" => got.calls.push(call_of(item)),
            _ => {}
        }
    }
    got
}

fn of_gemini(body: &Value) -> Got {
    let mut got = Got::default();
    let candidate = &body["candidates"][0];
    got.stop = text(&candidate["finishReason"]);
    let usage = &body["usageMetadata"];
    got.output = usage["candidatesTokenCount"].as_u64().unwrap_or_default()
        + usage["thoughtsTokenCount"].as_u64().unwrap_or_default();
    for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
        if part["thought"] != true {
            got.text.push_str(part["text"].as_str().unwrap_or_default());
        }
        if let Some(call) = part.get("functionCall") {
            got.calls.push((text(&call["name"]), call["args"].clone()));
        }
    }
    got
}

fn of_ollama(body: &Value) -> Got {
    let message = &body["message"];
    let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
    let call =
        |call: &Value| (text(&call["function"]["name"]), call["function"]["arguments"].clone());
    Got {
        text: text(&message["content"]),
        calls: calls.iter().map(call).collect(),
        stop: text(&body["done_reason"]),
        output: body["eval_count"].as_u64().unwrap_or_default(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn call_of(function: &Value) -> (String, Value) {
    let arguments = function["arguments"].as_str().unwrap();
    (text(&function["name"]), serde_json::from_str(arguments).unwrap())
}

fn gather_anthropic(answer: &Answer) -> Got {
    let mut got = Got::default();
    let mut arguments: BTreeMap<u64, String> = BTreeMap::new();
    let events = answer.events();
    assert_eq!(events.first().unwrap()["type"], "message_start");
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    for event in &events {
        let index = event["index"].as_u64().unwrap_or_default();
        match event["type"].as_str().unwrap() {
            "content_block_start" if event["content_block"]["type"] == "tool_use" => {
                got.calls.push((text(&event["content_block"]["name"]), Value::Null));
                arguments.insert(index, String::new());
            }
            "content_block_delta" => {
                got.text.push_str(event["delta"]["text"].as_str().unwrap_or_default());
                if let Some(json) = event["delta"]["partial_json"].as_str() {
                    arguments.get_mut(&index).unwrap().push_str(json);
                }
            }
            "message_delta" => {
                got.stop = text(&event["delta"]["stop_reason"]);
                got.output = event["usage"]["output_tokens"].as_u64().unwrap();
            }
            _ => {}
        }
    }
    for (call, arguments) in got.calls.iter_mut().zip(arguments.values()) {
        call.1 = serde_json::from_str(arguments).unwrap();
    }
    got
}

fn gather_openai(answer: &Answer) -> Got {
    let mut got = Got::default();
    let mut arguments: BTreeMap<u64, String> = BTreeMap::new();
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    for event in answer.events() {
        if let Some(output) = event["usage"]["completion_tokens"].as_u64() {
            got.output = output;
        }
        let Some(choice) = event["choices"].get(0) else { continue };
        got.text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().unwrap();
            if let Some(name) = call["function"]["name"].as_str() {
                got.calls.push((name.to_owned(), Value::Null));
            }
            let more = call["function"]["arguments"].as_str().unwrap_or_default();
            arguments.entry(index).or_default().push_str(more);
        }
        if let Some(stop) = choice["finish_reason"].as_str() {
            got.stop = stop.to_owned();
        }
    }
    for (call, arguments) in got.calls.iter_mut().zip(arguments.values()) {
        call.1 = serde_json::from_str(arguments).unwrap();
    }
    got
}

/// Changes a request to one of a stream, and returns its path.
fn streams(path: &str, model: &str, body: &mut Value) -> String {
    let path = path.replace("MODEL", model);
    if let Some(path) = path.strip_suffix(":generateContent") {
        return format!("{path}:streamGenerateContent?alt=sse");
    }
    body["stream"] = true.into();
    if path.contains("completions") {
        body["stream_options"] = json!({ "include_usage": true });
    }
    path
}

const MODELS: &[&str] = &["anthropic/scripted-1", "openai/scripted-1"];

/// Asks in every dialect for every vendor, streamed and whole, and holds both to be the same.
#[track_caller]
fn every_way(says: &Says, check: impl Fn(&Got, &str)) {
    let script = Script::steps([says.clone()]).at_end(distiq_testkit::AtEnd::Repeat);
    let model = ScriptedModel::start(script).unwrap();
    let desk = Desk::new(&model);
    let mut asked = 0;
    for caller in CALLERS {
        for name in MODELS {
            let way = format!("{} -> {name}", caller.path);
            let mut body = (caller.ask)(name);
            if caller.path.starts_with("/api") {
                body["stream"] = false.into();
            }
            let whole = desk.post(&caller.path.replace("MODEL", name), &body);
            assert_eq!(whole.status, 200, "{way}: {}", whole.text());
            let provider = name.split('/').next().unwrap();
            assert_eq!(whole.header("x-distiq-route").unwrap(), *name);
            assert!(whole.header("x-distiq-cache").is_none(), "there is no cache yet");
            let stream = desk.post(&streams(caller.path, name, &mut body), &body);
            assert_eq!(stream.status, 200, "{way}: {}", stream.text());
            assert!(stream.whole, "{way}");
            let kind = stream.header("content-type").unwrap();
            assert!(kind.starts_with("text/event-stream") || kind.contains("ndjson"), "{kind}");
            let (whole, streamed) = ((caller.whole)(&whole), (caller.gather)(&stream));
            assert_eq!(whole, streamed, "{way}");
            check(&whole, &way);
            asked += 2;
            let rows = desk.rows(asked);
            assert_eq!((rows.len(), rows[0].provider.as_str()), (asked, provider));
            assert_eq!(rows[0].usage.output, whole.output, "{way}");
            assert_eq!(stream.header("x-distiq-request-id").unwrap(), rows[0].id.as_str());
        }
    }
    // That the callers' requests do not begin with each other is no fault.
    let faults = model.violations().into_iter().map(|fault| fault.to_string());
    let faults: Vec<String> = faults.filter(|text| !text.contains("does not begin")).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    for request in model.requests() {
        let seen = request.request.unwrap();
        assert_eq!(seen.model, "scripted-1");
        assert_eq!(seen.tools[0].name, "read");
        assert_eq!(seen.system[0].text, "Be brief.");
        let body = request.json.to_string();
        assert!(body.contains(PIXEL), "{body}");
        assert!(body.contains("42"), "{body}");
    }
}

#[test]
fn texts_come_through_every_way() {
    every_way(&Says::text("Grüße, 世界 🌍!"), |got, way| {
        assert_eq!(got.text, "Grüße, 世界 🌍!", "{way}");
        let ends = ["end_turn", "stop", "completed", "STOP"];
        assert!(ends.contains(&got.stop.as_str()), "{way}: {}", got.stop);
        assert!(got.output > 0, "{way}");
    });
}

#[test]
fn parallel_calls_come_through_every_way() {
    let says = Says::text("Two.")
        .and_call("read", json!({ "path": "ä\"\\\n" }))
        .and_call("read", json!({ "path": "b", "deep": { "list": [1, 2.5, null, true] } }));
    every_way(&says, |got, way| {
        let calls = [
            ("read".to_owned(), json!({ "path": "ä\"\\\n" })),
            ("read".to_owned(), json!({ "path": "b", "deep": { "list": [1, 2.5, null, true] } })),
        ];
        assert_eq!(got.calls, calls, "{way}");
        let ends = ["tool_use", "tool_calls", "completed", "STOP", "stop"];
        assert!(ends.contains(&got.stop.as_str()), "{way}: {}", got.stop);
    });
}

#[test]
fn thinking_goes_with_its_text() {
    every_way(&Says::text("So.").after_thinking("hm", "c2ln"), |got, way| {
        assert_eq!(got.text, "So.", "{way}");
    });
}

#[test]
fn models_are_listed_in_the_callers_words() {
    let model = ScriptedModel::start(Script::steps([Says::text("x")])).unwrap();
    let desk = Desk::new(&model);
    let list = desk.get("/v1/models").json();
    assert_eq!(list["object"], "list");
    let id = text(&list["data"][0]["id"]);
    assert_eq!(desk.get(&format!("/v1/models/{id}")).json()["object"], "model");
    let mut client = desk.connect();
    let head = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nanthropic-version: 2023-06-01\r\n";
    client.send(format!("{head}x-api-key: {}\r\n\r\n", crate::support::OPERATOR));
    let list = client.answer().json();
    assert_eq!((&list["has_more"], &list["data"][0]["type"]), (&json!(false), &json!("model")));
    assert_eq!(desk.get("/v1/models/none").status, 404);
    let count = json!({ "model": "x", "messages": [{ "role": "user", "content": "hello there" }] });
    let count = desk.post("/v1/messages/count_tokens", &count).json();
    assert!(count["input_tokens"].as_u64().unwrap() > 0);
}

#[test]
fn what_became_of_a_request_is_told_to_its_key() {
    let script = Script::steps([Says::text("x")]).at_end(distiq_testkit::AtEnd::Repeat);
    let model = ScriptedModel::start(script).unwrap();
    let desk = Desk::new(&model);
    let body = (CALLERS[0].ask)("anthropic/claude-haiku-4-5");
    let answer = desk.post("/v1/messages", &body);
    let id = answer.header("x-distiq-request-id").unwrap().to_owned();
    let facts = desk.get(&format!("/v1/distiq/requests/{id}")).json();
    assert_eq!((&facts["state"], &facts["kind"]), (&json!("final"), &json!("gateway")));
    assert!(facts["cost_nanousd"].as_i64().unwrap() > 0);
    assert!(facts.get("tier").is_none(), "what nobody knows is left out: {facts}");
    let word = json!({ "request_id": id, "score": 1, "comment": "good" });
    assert_eq!(desk.post("/v1/distiq/feedback", &word).json()["kept"], true);
    let word = json!({ "request_id": id, "score": 7 });
    assert_eq!(desk.post("/v1/distiq/feedback", &word).status, 400);
    assert_eq!(desk.get("/v1/distiq/requests/none").status, 404);
}

#[test]
fn names_lead_to_models_and_what_is_lost_is_told() {
    let script = Script::steps([Says::text("x")]).at_end(distiq_testkit::AtEnd::Repeat);
    let model = ScriptedModel::start(script).unwrap();
    let desk = Desk::new(&model);
    let mut body = json!({ "model": "anthropic/scripted-1", "max_tokens": 9, "logit_bias": {},
        "seed": 1, "messages": [{ "role": "user", "content": "hi" }] });
    let answer = desk.post("/v1/chat/completions", &body);
    let dropped = answer.header("x-distiq-dropped").unwrap();
    assert!(dropped.contains("logit_bias") && dropped.contains("seed"), "{dropped}");
    body["model"] = "auto:cheap".into();
    let answer = desk.post("/v1/chat/completions", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let rows = desk.rows(2);
    assert_eq!((rows[0].route.as_str(), rows[0].tier.as_deref()), ("auto", Some("budget")));
    body["model"] = "auto:none".into();
    assert_eq!(desk.post("/v1/chat/completions", &body).status, 400);
    let list = desk.get("/v1/models").text();
    assert!(list.contains("\"auto:best\""), "{list}");
}

#[test]
fn auto_is_the_tier_that_the_users_words_ask_for() {
    let script = Script::steps([Says::text("x")]).at_end(distiq_testkit::AtEnd::Repeat);
    let model = ScriptedModel::start(script).unwrap();
    let desk = Desk::new(&model);
    let pasted = "fix the typo in a.md\n```\nmake it multi-tenant, migrate everything\n```";
    let told = [
        ("make it multi-tenant", "premium"),
        (pasted, "budget"),
        ("Write unit tests for `parse_duration` including edge cases", "balanced"),
    ];
    for (place, (words, tier)) in told.into_iter().enumerate() {
        let said = json!([{ "role": "user", "content": words }]);
        let body = json!({ "model": "auto", "max_tokens": 9, "messages": said });
        let answer = desk.post("/v1/chat/completions", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let row = desk.rows(place + 1).remove(0);
        assert_eq!((row.route.as_str(), row.tier.as_deref()), ("auto", Some(tier)), "{words}");
        let route = answer.header("x-distiq-route").unwrap().to_owned();
        assert_eq!(route, format!("{}/{}", row.provider, row.model));
        assert!(row.reasons.iter().any(|reason| reason.starts_with("the request is ")), "{row:?}");
    }
}
