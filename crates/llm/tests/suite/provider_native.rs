//! The client of Gemini and of Ollama, in their own dialects.

use distiq_base::{Assembler, Dialect, Message, Request, Response, Secret, StopReason, Usage};
use distiq_llm::provider::{
    ModelListing, Provider, ProviderConfig, RawReply, RawRequest, Timeouts,
};
use distiq_llm::wire::Quirks;
use distiq_llm::{ProviderError, ProviderErrorKind as Kind};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::server::{Server, Step, chunk, head, last_chunk, whole};

const GEMINI: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Grüße\"}],\"role\":\"model\"},\"index\":0}],\"responseId\":\"r1\",\"modelVersion\":\"gemini-3.8-flash\"}\r\n\r\n\
data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"!\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":7,\"candidatesTokenCount\":3}}\r\n\r\n";

const OLLAMA: &str = "{\"model\":\"qwen3\",\"created_at\":\"2026-11-21T10:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"Grüße\"},\"done\":false}\n\
{\"model\":\"qwen3\",\"created_at\":\"2026-11-21T10:00:01Z\",\"message\":{\"role\":\"assistant\",\"content\":\"!\"},\"done\":false}\n\
{\"model\":\"qwen3\",\"created_at\":\"2026-11-21T10:00:01Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"total_duration\":9,\"prompt_eval_count\":7,\"eval_count\":3}\n";

const SHOW: &str = r#"{"parameters":"num_ctx 4096\nstop \"x\"","model_info":{"general.architecture":"qwen3","qwen3.context_length":40960},"capabilities":["completion","tools"]}"#;

fn provider(dialect: Dialect, base_url: String) -> Provider {
    Provider::new(ProviderConfig {
        name: "test".into(),
        dialect,
        base_url,
        key: Some(Secret::new("key-0123456789")),
        headers: Vec::new(),
        quirks: Quirks::default(),
        timeouts: Timeouts { head_ms: 20_000, first_byte_ms: 20_000, idle_ms: 20_000 },
        ca_file: None,
    })
    .unwrap()
}

fn request(model: &str, text: &str, stream: bool) -> Request {
    Request {
        model: model.into(),
        messages: vec![Message::user(text)],
        stream,
        ..Request::default()
    }
}

async fn ask(provider: &Provider, request: &Request) -> Result<Response, ProviderError> {
    let mut events = provider.stream(request).await?;
    let mut assembler = Assembler::default();
    while let Some(event) = events.next().await {
        assembler.push(&event?);
    }
    assert!(assembler.is_complete(), "a stream without an error has an end");
    Ok(assembler.into_response())
}

fn answer(status: &str, body: &[u8]) -> Vec<Step> {
    vec![whole(status, "", body)]
}

fn streamed(body: &str) -> Vec<Step> {
    vec![head(""), chunk(body.as_bytes()), last_chunk()]
}

fn json(server: &Server, number: usize) -> Value {
    serde_json::from_slice(&server.requests()[number].body).unwrap()
}

#[tokio::test]
async fn gemini_streams_as_events_and_answers_whole() {
    let array = format!("[{}]", GEMINI.replace("data: ", "").replacen("\r\n\r\n", ",", 1));
    let scripts = vec![streamed(GEMINI), streamed(&array)];
    for base in ["", "/v1beta", "/v1alpha"] {
        let server = Server::start(scripts.clone()).await;
        let gemini = provider(Dialect::Gemini, format!("{}{base}", server.url()));
        for stream in [true, false] {
            let response = ask(&gemini, &request("gemini-3.8-flash", "hi", stream)).await.unwrap();
            assert_eq!(response.stop, StopReason::EndTurn);
            assert_eq!(response.usage, Some(Usage { input: 7, output: 3, ..Usage::default() }));
            assert_eq!(response.into_message().text(), "Grüße!");
        }
        let version = if base.is_empty() { "/v1beta" } else { base };
        let sent: Vec<String> = server.requests().into_iter().map(|sent| sent.head).collect();
        let model = format!("POST {version}/models/gemini-3.8-flash");
        assert!(
            sent[0].starts_with(&format!("{model}:streamGenerateContent?alt=sse ")),
            "{sent:?}"
        );
        assert!(sent[1].starts_with(&format!("{model}:generateContent ")), "{sent:?}");
        assert!(sent[0].contains("x-goog-api-key: key-0123456789"), "{sent:?}");
        assert!(!sent[0].contains("authorization"), "{sent:?}");
    }
}

#[tokio::test]
async fn a_cut_gemini_stream_is_an_error_wherever_it_is_cut() {
    let frames: Vec<&str> = GEMINI.split_inclusive("\r\n\r\n").collect();
    for end in 0..frames.len() {
        let server = Server::start(vec![streamed(&frames[..end].concat())]).await;
        let gemini = provider(Dialect::Gemini, server.url());
        let error = ask(&gemini, &request("m", "hi", true)).await.unwrap_err();
        let expected = if end == 0 { Kind::NotTheApi } else { Kind::Truncated };
        assert!(error.kind == expected || error.kind == Kind::Truncated, "{error:?}");
    }
}

#[tokio::test]
async fn geminis_list_of_models_is_followed_page_by_page() {
    let page = |model: &str, next: &str| {
        let models =
            json!({"models": [{"name": format!("models/{model}")}], "nextPageToken": next});
        answer("200 OK", models.to_string().as_bytes())
    };
    let server = Server::start(vec![page("a", "p 2"), page("b", "")]).await;
    let listed = provider(Dialect::Gemini, server.url()).list_models().await.unwrap();
    let ids: Vec<_> = listed.into_iter().map(|model| model.id).collect();
    assert_eq!(ids, ["a", "b"]);
    let sent: Vec<String> = server.requests().into_iter().map(|sent| sent.head).collect();
    assert!(sent[0].starts_with("GET /v1beta/models?pageSize=1000 "), "{sent:?}");
    assert!(sent[1].starts_with("GET /v1beta/models?pageSize=1000&pageToken=p+2 "), "{sent:?}");
}

#[tokio::test]
async fn ollamas_window_is_asked_for_by_need_and_never_shrinks() {
    let show = || answer("200 OK", SHOW.as_bytes());
    let server = Server::start(vec![show(), streamed(OLLAMA)]).await;
    let ollama = provider(Dialect::Ollama, server.url());
    let long = "word ".repeat(12_000);
    for text in ["hi", &long, "hi again"] {
        let response = ask(&ollama, &request("qwen3", text, true)).await.unwrap();
        assert_eq!(response.stop, StopReason::EndTurn);
        assert_eq!(response.usage, Some(Usage { input: 7, output: 3, ..Usage::default() }));
        assert_eq!(response.into_message().text(), "Grüße!");
    }
    let sent = server.requests();
    let paths: Vec<_> = sent.iter().map(|sent| sent.head.lines().next().unwrap()).collect();
    assert_eq!(paths[0], "POST /api/show HTTP/1.1");
    assert!(paths[1..].iter().all(|path| *path == "POST /api/chat HTTP/1.1"), "{paths:?}");
    let windows: Vec<_> =
        (1..4).map(|n| json(&server, n)["options"]["num_ctx"].as_u64().unwrap()).collect();
    assert_eq!(windows, [8_192, 32_768, 32_768]);
    let body = json(&server, 1);
    assert_eq!((&body["truncate"], &body["shift"]), (&json!(false), &json!(false)));
    // A client that sets its own window keeps it.
    let mut own = request("qwen3", "hi", true);
    let extra = json!({"options": {"num_ctx": 512}}).as_object().cloned().unwrap();
    own.extra = Some((Dialect::Ollama, extra));
    ask(&ollama, &own).await.unwrap();
    assert_eq!(json(&server, 4)["options"]["num_ctx"], 512);
}

#[tokio::test]
async fn a_missing_model_and_a_missing_server_come_with_advice() {
    let missing = r#"{"error":"model 'qwen3' not found"}"#;
    let server = Server::start(vec![answer("404 Not Found", missing.as_bytes())]).await;
    let ollama = provider(Dialect::Ollama, server.url());
    let error = ask(&ollama, &request("qwen3", "hi", true)).await.unwrap_err();
    assert_eq!(error.kind, Kind::UnknownModel);
    assert!(error.message.contains("`ollama pull qwen3`"), "{error}");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ollama = provider(Dialect::Ollama, format!("http://{free}"));
    let error = ask(&ollama, &request("qwen3", "hi", true)).await.unwrap_err();
    assert!(error.message.contains("`ollama serve`"), "{error}");
    assert_eq!(ollama.version().await.unwrap_err().kind, Kind::Connect);
}

#[tokio::test]
async fn a_model_that_cannot_think_is_asked_again_without() {
    let refusal = r#"{"error":"\"gemma3\" does not support thinking"}"#;
    let scripts = vec![
        answer("200 OK", SHOW.as_bytes()),
        answer("400 Bad Request", refusal.as_bytes()),
        streamed(OLLAMA),
    ];
    let server = Server::start(scripts).await;
    let ollama = provider(Dialect::Ollama, server.url());
    let mut asked = request("gemma3", "hi", true);
    asked.effort = Some(distiq_base::Effort::High);
    ask(&ollama, &asked).await.unwrap();
    assert_eq!(json(&server, 1)["think"], "high");
    assert!(json(&server, 2).get("think").is_none());
}

#[tokio::test]
async fn an_ollama_stream_that_fails_or_is_cut_is_an_error() {
    let lines: Vec<&str> = OLLAMA.split_inclusive('\n').collect();
    let show = || answer("200 OK", SHOW.as_bytes());
    for end in 1..lines.len() {
        let server = Server::start(vec![show(), streamed(&lines[..end].concat())]).await;
        let error = ask(&provider(Dialect::Ollama, server.url()), &request("m", "hi", true)).await;
        assert_eq!(error.unwrap_err().kind, Kind::Truncated);
    }
    let failing = format!("{}{{\"error\":\"model runner has unexpectedly stopped\"}}\n", lines[0]);
    let server = Server::start(vec![show(), streamed(&failing)]).await;
    let error = ask(&provider(Dialect::Ollama, server.url()), &request("m", "hi", true)).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, Kind::Server);
    assert!(error.message.contains("unexpectedly stopped"), "{error}");
}

#[tokio::test]
async fn ollamas_models_and_version_are_read() {
    let tags = r#"{"models":[{"name":"qwen3:latest","model":"qwen3:latest","size":1,"digest":"d",
        "details":{"family":"qwen3","context_length":40960}}]}"#;
    let answers =
        vec![answer("200 OK", tags.as_bytes()), answer("200 OK", br#"{"version":"0.12.3"}"#)];
    let server = Server::start(answers).await;
    let ollama = provider(Dialect::Ollama, server.url());
    let expected = ModelListing {
        id: "qwen3:latest".into(),
        display_name: None,
        context_tokens: Some(40_960),
        max_output_tokens: None,
    };
    assert_eq!(ollama.list_models().await.unwrap(), [expected]);
    assert_eq!(ollama.version().await.unwrap(), "0.12.3");
}

#[tokio::test]
async fn a_body_that_is_passed_on_may_be_asked_behind_its_end() {
    let server = Server::start(vec![streamed(GEMINI)]).await;
    let gemini = provider(Dialect::Gemini, server.url());
    let request = RawRequest {
        path: "v1beta/models/gemini-3.8-flash:streamGenerateContent".into(),
        query: Some("alt=sse".into()),
        body: "{\"contents\":[]}".into(),
        ..RawRequest::default()
    };
    let RawReply::Answer(mut answer) = gemini.forward(&request).await.unwrap() else { panic!() };
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.body.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(bytes, GEMINI.as_bytes());
    // The answer's end is the body's, so whoever reads on the side comes back for more.
    assert!(answer.body.next().await.is_none());
    let sent = &server.requests()[0].head;
    assert!(
        sent.starts_with("POST /v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse ")
    );
}
