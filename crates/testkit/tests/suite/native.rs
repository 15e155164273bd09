//! The scripted model as Gemini and as Ollama.

use distiq_base::{Assembler, Content, Dialect, Response, StopReason};
use distiq_llm::wire::frames::JsonDecoder;
use distiq_llm::wire::sse::{SseDecoder, SseEvent};
use distiq_llm::wire::{WireError, gemini, ollama};
use distiq_testkit::{Answer, AtEnd, Fault, Options, Script, ScriptedModel, Sessions, Step};
use serde_json::{Value, json};

use crate::client::client;

fn gemini_question(text: &str) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": text}]}],
        "tools": [{"functionDeclarations": [{"name": "read",
            "parametersJsonSchema": {"type": "object"}}]}]})
}

fn ollama_question(text: &str, stream: bool) -> Value {
    json!({"model": "qwen3", "stream": stream, "messages": [{"role": "user", "content": text}]})
}

/// Sends a body and returns the status and the answer's bytes, as far as they came.
async fn post(model: &ScriptedModel, path: &str, body: &Value) -> (u16, Vec<u8>, bool) {
    let url = format!("{}{path}", model.base_url_gemini());
    let sent = client()
        .post(url)
        .header("x-goog-api-key", "key-of-the-test")
        .header("content-type", "application/json")
        .body(body.to_string());
    let mut answer = sent.send().await.unwrap();
    let status = answer.status().as_u16();
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return (status, bytes, true),
            Err(_) => return (status, bytes, false),
        }
    }
}

fn assemble(
    frames: Vec<SseEvent>,
    mut feed: impl FnMut(&SseEvent) -> Result<Vec<distiq_base::StreamEvent>, WireError>,
) -> Result<Assembler, WireError> {
    let mut assembler = Assembler::default();
    for frame in frames {
        feed(&frame)?.iter().for_each(|event| assembler.push(event));
    }
    Ok(assembler)
}

fn read_gemini(bytes: &[u8]) -> Result<Response, WireError> {
    let mut decoder = gemini::StreamDecoder::new();
    let frames = SseDecoder::new().push(bytes)?;
    let mut assembler = assemble(frames, |frame| decoder.feed(frame))?;
    decoder.finish()?.iter().for_each(|event| assembler.push(event));
    Ok(assembler.into_response())
}

fn read_ollama(bytes: &[u8]) -> Result<Response, WireError> {
    let mut values = JsonDecoder::new();
    let mut decoder = ollama::StreamDecoder::new();
    let frames = values.push(bytes)?;
    let assembler = assemble(frames, |frame| decoder.feed(frame))?;
    values.finish()?;
    decoder.finish()?;
    Ok(assembler.into_response())
}

const STREAM: &str = "/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse";
const ARRAY: &str = "/v1beta/models/gemini-3.8-flash:streamGenerateContent";
const WHOLE: &str = "/v1beta/models/gemini-3.8-flash:generateContent";

#[tokio::test]
async fn gemini_answers_in_every_form_and_wants_its_signature_back() {
    let answer = Answer::text("A sentence with naïve 日本語 words.")
        .after_thinking("Let me think.", "c2ln")
        .and_call("read", json!({"path": "src/日本.rs"}));
    let script = Script::steps([answer]).at_end(AtEnd::Repeat);
    let options = Options { sessions: Sessions::Unrelated, ..Options::default() };
    let model = ScriptedModel::start_with(script, options).unwrap();
    let mut found = Vec::new();
    for path in [STREAM, ARRAY, WHOLE] {
        let (status, bytes, whole) = post(&model, path, &gemini_question("hi")).await;
        assert!(status == 200 && whole, "{}", String::from_utf8_lossy(&bytes));
        let mut response = match path {
            STREAM => read_gemini(&bytes).unwrap(),
            _ => gemini::decode_response(&bytes).unwrap(),
        };
        assert_eq!(response.stop, StopReason::ToolUse);
        assert!(response.usage.unwrap().output > 10 && response.usage.unwrap().reasoning > 2);
        for part in &mut response.content {
            if let Content::ToolCall { id, .. } = part {
                assert!(id.starts_with("call_made_"), "{id}");
                *id = "c".into();
            }
        }
        found.push(response.content);
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);

    let mut history = gemini_question("hi");
    let contents = history["contents"].as_array_mut().unwrap();
    let call = json!({"functionCall": {"name": "read", "args": {}}, "thoughtSignature": "c2ln"});
    contents.push(json!({"role": "model", "parts": [call]}));
    let result = json!({"functionResponse": {"name": "read", "response": {"output": "x"}}});
    contents.push(json!({"role": "user", "parts": [result]}));
    let (status, _, _) = post(&model, WHOLE, &history).await;
    assert_eq!(status, 200);
    model.check();
    let mut bare = history.clone();
    bare["contents"][1]["parts"][0].as_object_mut().unwrap().remove("thoughtSignature");
    let (status, bytes, _) = post(&model, WHOLE, &bare).await;
    assert_eq!(status, 400);
    assert!(String::from_utf8_lossy(&bytes).contains("missing a `thought_signature`"));
}

#[tokio::test]
async fn ollama_answers_in_every_form() {
    let answer = Answer::text("A sentence with naïve 日本語 words.")
        .after_thinking("Let me think.", "c2ln")
        .and_call("read", json!({"path": "a"}));
    let script = Script::steps([answer]).at_end(AtEnd::Repeat);
    let options = Options { sessions: Sessions::Unrelated, ..Options::default() };
    let model = ScriptedModel::start_with(script, options).unwrap();
    let (_, bytes, _) = post(&model, "/api/chat", &ollama_question("hi", true)).await;
    let streamed = read_ollama(&bytes).unwrap();
    let (_, bytes, _) = post(&model, "/api/chat", &ollama_question("hi", false)).await;
    let whole = ollama::decode_response(&bytes).unwrap();
    assert_eq!(streamed.usage, whole.usage);
    assert_eq!(streamed.content.len(), 3);
    assert_eq!(streamed.stop, StopReason::ToolUse);
    assert!(whole.usage.unwrap().input > 0);
    let prompt = json!({"model": "qwen3", "prompt": "hi", "stream": false});
    let (_, bytes, _) = post(&model, "/api/generate", &prompt).await;
    let generated = ollama::decode_response(&bytes).unwrap();
    assert!(generated.into_message().text().starts_with("A sentence"));
    model.check();
}

#[tokio::test]
async fn lists_counts_and_embeddings_are_answered() {
    let model = ScriptedModel::start(Script::steps([] as [Step; 0])).unwrap();
    let get = async |path: &str| -> Value {
        let url = format!("{}{path}", model.base_url_ollama());
        let answer = client().get(url).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    };
    assert_eq!(get("/v1beta/models").await["models"][0]["name"], "models/scripted-1");
    assert_eq!(get("/v1beta/models/scripted-1").await["displayName"], "scripted-1");
    assert_eq!(get("/api/tags").await["models"][0]["model"], "scripted-1");
    assert!(get("/api/version").await["version"].is_string());
    let json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
    let count = "/v1beta/models/gemini-3.8-flash:countTokens";
    let (_, bytes, _) = post(&model, count, &gemini_question("hello world")).await;
    assert!(json(bytes)["totalTokens"].as_u64().unwrap() > 2);
    let embed = "/v1beta/models/gemini-embedding-2:embedContent";
    let body = json!({"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 3});
    let (_, bytes, _) = post(&model, embed, &body).await;
    assert_eq!(json(bytes)["embedding"]["values"].as_array().unwrap().len(), 3);
    let body = json!({"model": "nomic", "input": ["a", "b"]});
    let (_, bytes, _) = post(&model, "/api/embed", &body).await;
    assert_eq!(json(bytes)["embeddings"].as_array().unwrap().len(), 2);
    let (_, bytes, _) = post(&model, "/api/show", &json!({"model": "x"})).await;
    assert_eq!(ollama::decode_show(&bytes).unwrap().context_tokens, Some(131_072));
}

#[tokio::test]
async fn geminis_cache_reads_a_long_prefix_and_ollama_counts_all() {
    let script = Script::steps([Answer::text("ok")]).at_end(AtEnd::Repeat);
    let model = ScriptedModel::start(script).unwrap();
    let mut body = gemini_question(&"A sentence of many words. ".repeat(900));
    for expected in [false, true] {
        let (_, bytes, _) = post(&model, WHOLE, &body).await;
        let usage = gemini::decode_response(&bytes).unwrap().usage.unwrap();
        assert_eq!(usage.cache_read > 4_096, expected, "{usage:?}");
        let contents = body["contents"].as_array_mut().unwrap();
        contents.push(json!({"role": "model", "parts": [{"text": "ok"}]}));
        contents.push(json!({"role": "user", "parts": [{"text": "more"}]}));
    }
    model.check();
}

#[tokio::test]
async fn both_refuse_what_the_vendors_refuse() {
    let script = Script::steps([Answer::text("ok")]).at_end(AtEnd::Repeat);
    let model = ScriptedModel::start(script).unwrap();
    let gemini = |change: Value| {
        let mut body = gemini_question("hi");
        let fields = body.as_object_mut().unwrap();
        fields.extend(change.as_object().cloned().unwrap());
        body
    };
    let call = json!({"functionCall": {"name": "read", "args": {}}, "thoughtSignature": "AA=="});
    for (change, words) in [
        (json!({"contents": []}), "contents is not specified"),
        (json!({"model_name": "x"}), "Unknown name \\\"model_name\\\""),
        (json!({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}), "valid role"),
        (json!({"contents": [{"role": "user", "parts": [{}]}]}), "oneof field"),
        (
            json!({"contents": [{"role": "user", "parts": [{"text": "x"}]},
                {"role": "model", "parts": [call]}]}),
            "number of function response parts",
        ),
        (
            json!({"tools": [{"functionDeclarations": [{"name": "r",
                "parameters": {"type": "OBJECT", "additionalProperties": false}}]}]}),
            "Unknown name \\\"additionalProperties\\\"",
        ),
        (
            json!({"generationConfig": {"thinkingConfig":
                {"thinkingBudget": 1, "thinkingLevel": "low"}}}),
            "only set one of",
        ),
    ] {
        let (status, bytes, _) = post(&model, WHOLE, &gemini(change)).await;
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(status, 400, "{text}");
        assert!(text.contains(words) && text.contains("INVALID_ARGUMENT"), "{text}");
    }
    for (message, words) in [
        (json!({"role": "robot", "content": "x"}), "invalid role"),
        (json!({"role": "user", "content": ["x"]}), "cannot unmarshal array"),
        (json!({"role": "user", "content": "x", "images": ["data:image/png;base64,AA"]}), "base64"),
        (
            json!({"role": "assistant", "content": "", "tool_calls": [
                {"function": {"name": "a", "arguments": "{}"}}]}),
            "cannot unmarshal string",
        ),
    ] {
        let body = json!({"model": "qwen3", "messages": [message]});
        let (status, bytes, _) = post(&model, "/api/chat", &body).await;
        let text = String::from_utf8_lossy(&bytes);
        assert!(status == 400 && text.contains(words), "{text}");
    }
}

#[tokio::test]
async fn no_fault_looks_like_a_whole_answer() {
    let faults = [
        Fault::NoEndMark,
        Fault::CutAtEvent { event: 2 },
        Fault::BrokenEvent { event: 1 },
        Fault::ErrorEvent { event: 2 },
        Fault::ResetAtEvent { event: 1 },
        Fault::Status { status: 503 },
        Fault::EmptyBody,
        Fault::HtmlPage { status: 200 },
    ];
    for fault in faults {
        for dialect in [Dialect::Gemini, Dialect::Ollama] {
            let script = Script::steps([Step::Fault(fault.clone())]).at_end(AtEnd::Repeat);
            let model = ScriptedModel::start(script).unwrap();
            let (status, bytes, whole) = match dialect {
                Dialect::Gemini => post(&model, STREAM, &gemini_question("hi")).await,
                _ => post(&model, "/api/chat", &ollama_question("hi", true)).await,
            };
            let read = match dialect {
                Dialect::Gemini => read_gemini(&bytes),
                _ => read_ollama(&bytes),
            };
            let is_answer = status == 200 && whole && read.is_ok();
            assert!(!is_answer, "{fault:?} {dialect:?}: {}", String::from_utf8_lossy(&bytes));
        }
    }
}
