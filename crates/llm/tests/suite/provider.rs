//! The client against a server that behaves, and one that does not.

use std::time::Duration;

use distiq_base::{Assembler, Dialect, Message, Request, Response, Secret, StopReason, Usage};
use distiq_llm::provider::{Provider, ProviderConfig, ProviderSetupError, Timeouts};
use distiq_llm::wire::Quirks;
use distiq_llm::{Phase, ProviderError, ProviderErrorKind as Kind};
use futures::StreamExt;
use serde_json::Value;

use crate::server::{Server, Step, chunk, head, last_chunk, whole};

const KEY: &str = "sk-test-0123456789abcdef";

const ANTHROPIC: &str = "event: message_start\n\
data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\
\"model\":\"claude-sonnet-5-5\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n\
event: ping\ndata: {\"type\":\"ping\"}\n\n\
event: content_block_start\n\
data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
event: content_block_delta\n\
data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Grüße\"}}\n\n\
event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
event: message_delta\n\
data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":3}}\n\n\
event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

const OPENAI: &str = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\
\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Grüße\"},\"finish_reason\":null}]}\n\n\
data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\
\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\
\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\ndata: [DONE]\n\n";

fn config(dialect: Dialect, base_url: String) -> ProviderConfig {
    ProviderConfig {
        name: "test".into(),
        dialect,
        base_url,
        key: Some(Secret::new(KEY)),
        headers: Vec::new(),
        quirks: Quirks::default(),
        timeouts: Timeouts { head_ms: 20_000, first_byte_ms: 20_000, idle_ms: 20_000 },
        ca_file: None,
    }
}

fn anthropic(server: &Server) -> Provider {
    Provider::new(config(Dialect::Anthropic, server.url())).unwrap()
}

fn openai(server: &Server) -> Provider {
    Provider::new(config(Dialect::Openai, format!("{}/v1", server.url()))).unwrap()
}

fn request() -> Request {
    Request {
        model: "m".into(),
        messages: vec![Message::user("hi")],
        max_tokens: Some(100),
        stream: true,
        ..Request::default()
    }
}

/// Sends one request and reads its answer to the end.
async fn ask(provider: &Provider) -> Result<Response, ProviderError> {
    let mut events = provider.stream(&request()).await?;
    let mut assembler = Assembler::default();
    while let Some(event) = events.next().await {
        assembler.push(&event?);
    }
    assert!(assembler.is_complete(), "a stream without an error has an end");
    Ok(assembler.into_response())
}

/// Asks a server that gives one answer, and returns the error; no error may hold the key.
async fn fail(script: Vec<Step>) -> ProviderError {
    let server = Server::start(vec![script]).await;
    let error = ask(&anthropic(&server)).await.unwrap_err();
    assert_eq!(error.provider, "test");
    for text in [format!("{error:?}"), error.to_string(), error.hint()] {
        assert!(!text.contains(KEY), "{text}");
    }
    error
}

fn greeting() -> Vec<Step> {
    vec![head(""), chunk(ANTHROPIC.as_bytes()), last_chunk()]
}

#[tokio::test]
async fn both_dialects_answer_with_key_and_version() {
    let server = Server::start(vec![greeting()]).await;
    let response = ask(&anthropic(&server)).await.unwrap();
    assert_eq!((response.id.as_str(), response.stop), ("msg_1", StopReason::EndTurn));
    assert_eq!(response.usage, Some(Usage { input: 7, output: 3, ..Usage::default() }));
    let sent = &server.requests()[0];
    assert!(sent.head.starts_with("POST /v1/messages HTTP/1.1\r\n"), "{}", sent.head);
    for line in
        [&format!("x-api-key: {KEY}"), "anthropic-version: 2023-06-01", "user-agent: distiq/"]
    {
        assert!(sent.head.contains(line), "{}", sent.head);
    }
    assert!(!sent.head.contains("authorization"));

    let server = Server::start(vec![vec![head(""), chunk(OPENAI.as_bytes()), last_chunk()]]).await;
    let response = ask(&openai(&server)).await.unwrap();
    assert_eq!(response.into_message().text(), "Grüße");
    let sent = &server.requests()[0];
    assert!(sent.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", sent.head);
    assert!(sent.head.contains(&format!("authorization: Bearer {KEY}")));
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(body["stream_options"]["include_usage"], true);
}

#[tokio::test]
async fn responses_are_asked_for_at_their_own_place() {
    let stream = crate::wire_golden_responses::STREAM.as_bytes();
    let streamed = vec![head(""), chunk(stream), last_chunk()];
    let json = "content-type: application/json\r\n";
    let one = whole("200 OK", json, crate::wire_golden_responses::RESPONSE.as_bytes());
    let refused = br#"{"error":{"message":"Unsupported parameter: 'reasoning.effort' is not supported with this model.","type":"invalid_request_error"}}"#;
    let refused = whole("400 Bad Request", json, refused);
    let scripts = vec![streamed.clone(), vec![one], vec![refused], streamed];
    let server = Server::start(scripts).await;
    let config = ProviderConfig {
        quirks: Quirks::openai(),
        ..config(Dialect::Responses, format!("{}/v1", server.url()))
    };
    let provider = Provider::new(config).unwrap();
    for _ in 0..3 {
        let answer = ask(&provider).await.unwrap();
        assert_eq!((answer.id.as_str(), answer.stop), ("resp_1", StopReason::ToolUse));
        assert_eq!(answer.usage.unwrap().cache_read, 1500);
    }
    let requests = server.requests();
    assert!(requests[0].head.starts_with("POST /v1/responses "), "{}", requests[0].head);
    assert!(requests[0].head.contains(&format!("authorization: Bearer {KEY}")));
    let body = |at: usize| serde_json::from_slice::<Value>(&requests[at].body).unwrap();
    assert_eq!(body(0)["input"][0]["content"][0]["text"], "hi");
    assert_eq!((&body(0)["store"], &body(0)["stream"]), (&false.into(), &true.into()));
    // What the model does not know is left out from then on.
    assert!(body(2).get("include").is_some() && body(3).get("include").is_none());
}

#[tokio::test]
async fn an_answer_survives_any_split() {
    let bytes = ANTHROPIC.as_bytes();
    let mut script = vec![head("")];
    script.extend(bytes.chunks(7).map(chunk));
    script.push(last_chunk());
    let server = Server::start(vec![script]).await;
    assert_eq!(ask(&anthropic(&server)).await.unwrap().into_message().text(), "Grüße");
}

#[tokio::test]
async fn three_requests_take_one_connection() {
    // The end of the body comes late, as it may over a real network.
    let slow = vec![
        head(""),
        chunk(ANTHROPIC.as_bytes()),
        Step::Pause(Duration::from_millis(2)),
        last_chunk(),
    ];
    let refused = vec![whole("529 Overloaded", "", b"{}")];
    let server = Server::start(vec![slow, refused, greeting()]).await;
    let provider = anthropic(&server);
    assert!(ask(&provider).await.is_ok());
    assert_eq!(ask(&provider).await.unwrap_err().kind, Kind::Overloaded);
    assert!(ask(&provider).await.is_ok());
    assert_eq!((server.requests().len(), server.connections()), (3, 1));
}

#[tokio::test]
async fn dropping_an_answer_closes_its_connection() {
    let script = vec![head(""), chunk(&ANTHROPIC.as_bytes()[..300]), Step::Hang];
    let mut server = Server::start(vec![script]).await;
    let provider = anthropic(&server);
    let mut events = provider.stream(&request()).await.unwrap();
    assert!(events.next().await.unwrap().is_ok());
    drop(events);
    server.closed.recv().await.unwrap();
}

#[tokio::test]
async fn vendors_refusals_are_told_apart() {
    let check = |status: &'static str, headers: &'static str, body: &'static str| async move {
        let error = fail(vec![whole(status, headers, body.as_bytes())]).await;
        (error.kind, error.retry_after.map(|wait| wait.as_secs()), error.should_retry)
    };
    let json = |kind: &str| -> &'static str {
        format!("{{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":\"no\"}}}}")
            .leak()
    };
    let limited = json("rate_limit_error");
    let seconds = check("429 Too Many Requests", "retry-after: 7\r\n", limited).await;
    assert_eq!(seconds, (Kind::RateLimited, Some(7), None));
    let past = "retry-after: Fri, 20 Nov 2020 10:00:00 GMT\r\n";
    assert_eq!(check("429 Too Many", past, limited).await, (Kind::RateLimited, Some(0), None));
    let far = "retry-after: Fri, 20 Nov 2099 10:00:00 GMT\r\n";
    let (kind, wait, _) = check("429 Too Many", far, limited).await;
    assert_eq!(kind, Kind::RateLimited);
    assert!(wait.unwrap() > 1_000_000_000);
    let word = check("500 Oops", "x-should-retry: false\r\n", json("api_error")).await;
    assert_eq!(word, (Kind::Server, None, Some(false)));
    assert_eq!(check("529 Busy", "", json("overloaded_error")).await.0, Kind::Overloaded);
    assert_eq!(check("503 Down", "", "").await.0, Kind::Overloaded);
    assert_eq!(check("401 No", "", json("authentication_error")).await.0, Kind::Auth);
    assert_eq!(check("404 What", "", json("not_found_error")).await.0, Kind::UnknownModel);
}

#[tokio::test]
async fn the_key_is_taken_out_of_what_the_vendor_says() {
    let body = format!(
        "{{\"type\":\"error\",\"error\":{{\"type\":\"authentication_error\",\
         \"message\":\"bad key {KEY}\"}}}}"
    );
    let header = format!("request-id: {KEY}\r\n");
    let error = fail(vec![whole("401 No", &header, body.as_bytes())]).await;
    assert_eq!(error.message, "bad key ***");
    let page = format!("<html><title>{KEY} is not welcome</title></html>");
    fail(vec![whole("200 OK", "content-type: text/html\r\n", page.as_bytes())]).await;
    let place = format!("location: http://127.0.0.1:1/?key={KEY}\r\n");
    fail(vec![whole("302 Found", &place, b"")]).await;

    let server = Server::start(vec![greeting()]).await;
    let provider = anthropic(&server);
    assert!(!format!("{provider:?}").contains(KEY));
    let mut config = config(Dialect::Openai, server.url());
    config.headers = vec![("x-own".into(), Secret::new(KEY))];
    assert!(!format!("{config:?}").contains(KEY));
}

#[tokio::test]
async fn a_cut_answer_is_never_whole() {
    let half = &ANTHROPIC.as_bytes()[..ANTHROPIC.len() - 40];
    let cut = fail(vec![head(""), chunk(half), Step::Close]).await;
    let words = "the answer was cut off before its end";
    assert_eq!((cut.kind, cut.message.as_str()), (Kind::Truncated, words));
    let ended = fail(vec![head(""), chunk(half), last_chunk()]).await;
    assert_eq!(ended.kind, Kind::Truncated);
    let empty = fail(vec![head(""), last_chunk()]).await;
    assert_eq!(empty.kind, Kind::Truncated);
    let headless = fail(vec![Step::Close]).await;
    assert!(matches!(headless.kind, Kind::Connect | Kind::Truncated), "{headless:?}");
    assert!(headless.is_retryable());
}

#[tokio::test]
async fn what_came_before_a_fault_is_told_first_and_nothing_after_it() {
    let overloaded = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\
        \"overloaded_error\",\"message\":\"busy\"}}\n\n";
    let begun = ANTHROPIC.find("event: content_block_delta").unwrap();
    let at_once = format!("{}{overloaded}{ANTHROPIC}", &ANTHROPIC[..begun]);
    let server = Server::start(vec![vec![head(""), chunk(at_once.as_bytes()), last_chunk()]]).await;
    let events: Vec<_> = anthropic(&server).stream(&request()).await.unwrap().collect().await;
    let (last, before) = events.split_last().unwrap();
    assert_eq!(last.as_ref().unwrap_err().kind, Kind::Overloaded);
    let usage = Usage { input: 7, output: 1, ..Usage::default() };
    assert!(before.contains(&Ok(distiq_base::StreamEvent::Usage { usage })), "{before:?}");
    assert!(before.iter().all(Result::is_ok));
}

#[tokio::test]
async fn every_wait_has_an_end() {
    let wait = |script: Vec<Step>, timeouts: Timeouts| async move {
        let server = Server::start(vec![script]).await;
        let config = ProviderConfig { timeouts, ..config(Dialect::Anthropic, server.url()) };
        ask(&Provider::new(config).unwrap()).await.unwrap_err().kind
    };
    let long = Timeouts { head_ms: 20_000, first_byte_ms: 20_000, idle_ms: 20_000 };
    let kind = wait(vec![Step::Hang], Timeouts { head_ms: 30, ..long }).await;
    assert_eq!(kind, Kind::Timeout(Phase::Head));
    let kind = wait(vec![head(""), Step::Hang], Timeouts { first_byte_ms: 30, ..long }).await;
    assert_eq!(kind, Kind::Timeout(Phase::FirstByte));
    let begun = vec![head(""), chunk(&ANTHROPIC.as_bytes()[..300]), Step::Hang];
    let kind = wait(begun, Timeouts { idle_ms: 30, ..long }).await;
    assert_eq!(kind, Kind::Timeout(Phase::Idle));
    let refusal = Step::Send(b"HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\nhalf".to_vec());
    let kind = wait(vec![refusal, Step::Hang], Timeouts { first_byte_ms: 30, ..long }).await;
    assert_eq!(kind, Kind::Server, "what came of a refusal is used");
}

#[tokio::test]
async fn pings_and_comments_keep_an_answer_alive() {
    let mut script = vec![head("")];
    for sign in [": keep-alive\n\n", "event: ping\ndata: {\"type\":\"ping\"}\n\n", "\n"].repeat(2) {
        script.push(chunk(sign.as_bytes()));
        script.push(Step::Pause(Duration::from_millis(200)));
    }
    script.extend(greeting().into_iter().skip(1));
    let server = Server::start(vec![script]).await;
    let timeouts = Timeouts { head_ms: 20_000, first_byte_ms: 1_000, idle_ms: 1_000 };
    let config = ProviderConfig { timeouts, ..config(Dialect::Anthropic, server.url()) };
    assert!(ask(&Provider::new(config).unwrap()).await.is_ok());
}

#[tokio::test]
async fn gzip_is_unpacked() {
    let packed = gzip(ANTHROPIC.as_bytes());
    let script = vec![head("content-encoding: gzip\r\n"), chunk(&packed), last_chunk()];
    let server = Server::start(vec![script]).await;
    assert!(ask(&anthropic(&server)).await.is_ok());
    // On one machine, packing only costs time.
    assert!(!server.requests()[0].head.contains("accept-encoding"));
    let cut = &packed[..packed.len() / 2];
    let error = fail(vec![head("content-encoding: gzip\r\n"), chunk(cut), last_chunk()]).await;
    assert_eq!(error.kind, Kind::Truncated);
}

#[tokio::test]
async fn what_is_not_the_api_is_named() {
    let page = b"<!doctype html><html><head><title>Sign in to Corp Wi-Fi</title></head></html>";
    let error = fail(vec![whole("200 OK", "content-type: text/html\r\n", page)]).await;
    assert_eq!(error.kind, Kind::NotTheApi);
    assert!(error.message.contains("Sign in to Corp Wi-Fi"), "{}", error.message);
    assert!(error.hint().contains("base URL"), "{}", error.hint());
    let error = fail(vec![whole("404 Not Found", "content-type: text/html\r\n", page)]).await;
    assert_eq!(error.kind, Kind::NotTheApi);
    let error = fail(vec![whole("200 OK", "content-type: text/plain\r\n", b"It works!")]).await;
    assert_eq!(error.kind, Kind::Malformed);
    let error = fail(vec![Step::Send(b"SSH-2.0-OpenSSH\r\n".to_vec()), Step::Close]).await;
    assert!(matches!(error.kind, Kind::Connect | Kind::Malformed), "{error:?}");
}

#[tokio::test]
async fn one_json_object_is_taken_for_a_stream() {
    let body = br#"{"id":"msg_2","type":"message","role":"assistant","model":"x",
        "content":[{"type":"text","text":"whole"}],"stop_reason":"end_turn",
        "usage":{"input_tokens":1,"output_tokens":2}}"#;
    let server = Server::start(vec![vec![whole("200 OK", "", body)]]).await;
    let response = ask(&anthropic(&server)).await.unwrap();
    assert_eq!(response.usage, Some(Usage { input: 1, output: 2, ..Usage::default() }));
    assert_eq!(response.into_message().text(), "whole");
    let cut = vec![whole("200 OK", "", &body[..80])];
    assert_eq!(fail(cut).await.kind, Kind::Truncated);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::start(vec![greeting()]).await;
    let place = format!("location: {}/v1/messages\r\n", other.url());
    let error = fail(vec![whole("307 Temporary Redirect", &place, b"")]).await;
    assert_eq!(error.kind, Kind::Redirect);
    assert!(error.message.contains(&other.url()), "{}", error.message);
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_field_that_is_refused_is_left_out_from_then_on() {
    let refusal =
        br#"{"error":{"message":"Unknown field: stream_options","type":"invalid_request_error"}}"#;
    let answer = vec![head(""), chunk(OPENAI.as_bytes()), last_chunk()];
    let server =
        Server::start(vec![vec![whole("400 Bad Request", "", refusal)], answer.clone(), answer])
            .await;
    let provider = openai(&server);
    assert!(ask(&provider).await.is_ok());
    assert!(ask(&provider).await.is_ok());
    let sent: Vec<bool> = server
        .requests()
        .iter()
        .map(|sent| {
            serde_json::from_slice::<Value>(&sent.body).unwrap().get("stream_options").is_some()
        })
        .collect();
    assert_eq!(sent, [true, false, false]);

    let stubborn = Server::start(vec![vec![whole("400 Bad Request", "", refusal)]]).await;
    let error = ask(&openai(&stubborn)).await.unwrap_err();
    assert_eq!((error.kind, stubborn.requests().len()), (Kind::InvalidRequest, 2));
}

#[tokio::test]
async fn sizes_are_bounded() {
    let wide = format!("x-wide: {}\r\n", "w".repeat(70_000));
    let error = fail(vec![whole("200 OK", &wide, ANTHROPIC.as_bytes())]).await;
    assert_eq!(error.kind, Kind::Malformed);
    let mut script = vec![head(""), chunk(b"data: \"")];
    script.extend(std::iter::repeat_n(chunk(&vec![b'x'; 1 << 20]), 17));
    assert_eq!(fail(script).await.kind, Kind::Malformed);
    let mut script = vec![head("")];
    script.extend(std::iter::repeat_n(chunk(&b": 4567890123456\n".repeat(1 << 16)), 65));
    script.push(Step::Hang);
    let error = fail(script).await;
    assert_eq!(error.kind, Kind::Malformed);
    assert!(error.message.contains("67108864"), "{}", error.message);
}

#[tokio::test]
async fn a_closed_port_is_no_connection() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let provider = Provider::new(config(Dialect::Anthropic, format!("http://{free}"))).unwrap();
    let error = ask(&provider).await.unwrap_err();
    assert_eq!(error.kind, Kind::Connect);
    assert!(error.message.contains("refused"), "{}", error.message);
}

#[tokio::test]
async fn models_are_listed() {
    let list = br#"{"data":[{"id":"a","max_input_tokens":5},{"id":"b"}]}"#;
    let server = Server::start(vec![vec![whole("200 OK", "", list)]]).await;
    let ids = |models: Vec<distiq_llm::provider::ModelListing>| -> Vec<String> {
        models.into_iter().map(|model| model.id).collect()
    };
    assert_eq!(ids(anthropic(&server).list_models().await.unwrap()), ["a", "b"]);
    assert_eq!(ids(openai(&server).list_models().await.unwrap()), ["a", "b"]);
    let heads: Vec<String> = server.requests().into_iter().map(|sent| sent.head).collect();
    assert!(heads[0].starts_with("GET /v1/models?limit=1000 "), "{}", heads[0]);
    assert!(heads[1].starts_with("GET /v1/models "), "{}", heads[1]);
}

#[test]
fn unusable_addresses_and_keys_are_refused_at_once() {
    let setup = |base_url: &str, key: &str| {
        let key = Some(Secret::new(key));
        let config = ProviderConfig { key, ..config(Dialect::Openai, base_url.into()) };
        Provider::new(config).err().map(|error| error.to_string())
    };
    assert_eq!(setup("https://api.example.com/v1", KEY), None);
    for bad in
        ["", "api.example.com", "ftp://x", "https://u:p@x/v1", "https://x/v1?key=1", "https://x#a"]
    {
        let error = setup(bad, KEY).unwrap();
        assert!(error.starts_with("The base URL of `test` is not usable: "), "{bad}: {error}");
    }
    let error = setup("https://x/v1", "sk-with\nnewline").unwrap();
    assert!(error.contains("copy it again") && !error.contains("newline"), "{error}");
    let mut config = config(Dialect::Openai, "https://x".into());
    config.headers = vec![("bad header".into(), Secret::new("v"))];
    assert!(matches!(Provider::new(config), Err(ProviderSetupError::Header { .. })));
}

/// Packs bytes as gzip does, in one stored block.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (0_u32.wrapping_sub(crc & 1)));
        }
    }
    let length = u16::try_from(bytes.len()).unwrap();
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    packed.extend_from_slice(&length.to_le_bytes());
    packed.extend_from_slice(&(!length).to_le_bytes());
    packed.extend_from_slice(bytes);
    packed.extend_from_slice(&(!crc).to_le_bytes());
    packed.extend_from_slice(&u32::from(length).to_le_bytes());
    packed
}
