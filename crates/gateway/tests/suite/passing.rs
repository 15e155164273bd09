//! Passing through: bodies, headers and streams byte for byte, and what only the gateway adds.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, Desk, OPERATOR};

/// A vendor that says exactly these bytes to every request, and tells what it got.
fn vendor(says: &'static [u8]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (send, got) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut text = String::new();
            let mut piece = [0; 1 << 16];
            loop {
                let read = stream.read(&mut piece).unwrap();
                text.push_str(&String::from_utf8_lossy(&piece[..read]));
                let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
                let told = head.to_ascii_lowercase();
                let told = told.lines().find_map(|line| line.strip_prefix("content-length: "));
                if read == 0 || body.len() >= told.map_or(0, |told| told.parse().unwrap()) {
                    break;
                }
            }
            let _ = send.send(text);
            let _ = stream.write_all(says);
        }
    });
    (address, got)
}

fn desk(address: &str) -> Desk {
    Desk::before(address.to_owned(), format!("{address}/v1"), |_| {})
}

fn post(desk: &Desk, path: &str, headers: &str, body: &str) -> Answer {
    let mut client = desk.connect();
    client.send(format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {OPERATOR}\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    client.answer()
}

const STREAM: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\
    \"type\":\"message\",\"role\":\"assistant\",\"model\":\"x\",\"content\":[],\"usage\":\
    {\"input_tokens\":3,\"output_tokens\":1,\"made_up\":7}}}\n\n\
    : a comment\nevent: novelty\ndata:   {\"type\":\"novelty\", \"kept\" : true}\n\n\
    event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\
    \"usage\":{\"output_tokens\":5}}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

#[test]
fn bodies_headers_and_streams_come_through_byte_for_byte() {
    let says = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nrequest-id: req_9\r\n\
         anthropic-ratelimit-requests-remaining: 4\r\nset-cookie: a=b\r\n\
         content-length: {}\r\n\r\n{STREAM}",
        STREAM.len()
    );
    let (address, got) = vendor(says.leak().as_bytes());
    let desk = desk(&address);
    let body = "{ \"model\":\"x\" ,\"stream\" : true,\n \"novel_field\": [1,2 ],\"max_tokens\":7,\
                \"messages\":[{\"role\":\"user\",\"content\":\"h\\u00fc\"}] }";
    let headers = "anthropic-beta: one,two\r\nanthropic-version: 2023-06-01\r\ncookie: secret=1\r\n\
                   x-custom: kept\r\nte: trailers\r\nx-distiq-optimize: off\r\n";
    let answer = post(&desk, "/v1/messages?beta=true", headers, body);
    assert_eq!((answer.status, answer.text().as_str()), (200, STREAM));
    assert_eq!(answer.header("anthropic-ratelimit-requests-remaining"), Some("4"));
    assert!(answer.header("set-cookie").is_none());
    assert_eq!(answer.header("x-distiq-route"), Some("anthropic/x"));
    let got = got.recv().unwrap();
    let (head, sent) = got.split_once("\r\n\r\n").unwrap();
    assert_eq!(sent, body);
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /v1/messages?beta=true http/1.1"), "{head}");
    for kept in ["anthropic-beta: one,two", "x-custom: kept", "x-api-key: sk-the-vendors-own-key"] {
        assert!(head.contains(kept), "{head}");
    }
    for gone in ["cookie", OPERATOR, "x-distiq", "\r\nte:"] {
        assert!(!head.contains(gone), "{gone} in {head}");
    }
    let rows = desk.rows(1);
    assert_eq!((rows[0].usage.input, rows[0].usage.output), (3, 5));
}

#[test]
fn an_openai_stream_is_asked_for_usage_and_loses_that_chunk_alone() {
    const CHUNK: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"x\",\
        \"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n\
        data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"x\",\"choices\":\
        [{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    const USAGE: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"x\",\
        \"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":2,\"total_tokens\":6}}\n\n";
    let body = format!("{CHUNK}{USAGE}data: [DONE]\n\n");
    let says = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (address, got) = vendor(says.leak().as_bytes());
    let desk = desk(&address);
    let body = json!({ "model": "x", "stream": true, "messages": [] }).to_string();
    let answer = post(&desk, "/v1/chat/completions", "", &body);
    assert_eq!(answer.text(), format!("{CHUNK}data: [DONE]\n\n"));
    assert!(got.recv().unwrap().contains("include_usage"));
    let rows = desk.rows(1);
    assert_eq!((rows[0].usage.input, rows[0].usage.output), (4, 2));
}

#[test]
fn a_cut_on_the_way_through_is_an_error_in_the_callers_words() {
    let cut = STREAM.get(..STREAM.len() - 60).unwrap();
    let says = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{cut}");
    let says = says.leak().as_bytes();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut piece = [0; 1 << 16];
        let _ = stream.read(&mut piece).unwrap();
        stream.write_all(says).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    });
    let desk = desk(&address);
    let body = json!({ "model": "x", "stream": true, "max_tokens": 5, "messages": [] });
    let answer = post(&desk, "/v1/messages", "", &body.to_string());
    assert!(answer.text().starts_with(STREAM.get(..100).unwrap()), "{}", answer.text());
    assert_eq!(answer.events().last().unwrap()["type"], "error", "{}", answer.text());
    assert!(answer.text().contains("\n\nevent: error\n"), "{}", answer.text());
    assert_eq!(desk.rows(1)[0].error.as_deref(), Some("truncated"));
}

#[test]
fn a_vendors_refusal_comes_back_in_its_own_words() {
    let body = "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"no\",\
                \"more\":1}}";
    let says = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nrequest-id: req_7\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (address, _got) = vendor(says.leak().as_bytes());
    let desk = desk(&address);
    let asked = json!({ "model": "x", "max_tokens": 5, "messages": [] }).to_string();
    let answer = post(&desk, "/v1/messages", "", &asked);
    assert_eq!((answer.status, answer.text().as_str()), (400, body));
    assert_eq!(answer.header("request-id"), Some("req_7"));
}

#[test]
fn endpoints_that_are_not_understood_are_passed_on() {
    let says = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello";
    let (address, got) = vendor(says.as_bytes());
    let desk = desk(&address);
    let answer = post(&desk, "/v1/audio/speech?a=b&key=zzz", "", "{\"model\":\"tts\"}");
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    assert!(got.recv().unwrap().starts_with("POST /v1/audio/speech?a=b HTTP/1.1"));
    assert_eq!(desk.get("/v1/files/f1").text(), "hello");
    assert!(got.recv().unwrap().starts_with("GET /v1/files/f1 HTTP/1.1"));
    assert_eq!(desk.get("/v1/%2e%2e/secret").status, 404);
    assert_eq!(desk.get("/v1/a/../b").status, 404);
}

#[test]
fn embeddings_are_asked_for_in_every_form() {
    const BODY: &str = "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\
        \"embedding\":[0.5,-1.0]}],\"model\":\"e\",\"usage\":{\"prompt_tokens\":2,\"total_tokens\":2}}";
    let says = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let (address, got) = vendor(says.leak().as_bytes());
    let desk = desk(&address);
    let openai = desk.post("/v1/embeddings", &json!({ "model": "openai/e", "input": "a" }));
    assert_eq!(openai.json()["data"][0]["embedding"], json!([0.5, -1.0]), "{}", openai.text());
    let gemini = desk.post(
        "/v1beta/models/openai/e:embedContent",
        &json!({ "content": { "parts": [{ "text": "a" }] } }),
    );
    assert_eq!(gemini.json()["embedding"]["values"], json!([0.5, -1.0]), "{}", gemini.text());
    let ollama = desk.post("/api/embed", &json!({ "model": "openai/e", "input": ["a"] }));
    assert_eq!(ollama.json()["embeddings"], json!([[0.5, -1.0]]), "{}", ollama.text());
    for _ in 0..3 {
        let got = got.recv().unwrap();
        assert!(got.starts_with("POST /v1/embeddings "), "{got}");
        assert!(got.contains("\"model\":\"e\""), "{got}");
    }
    let none = desk.post("/v1/embeddings", &json!({ "model": "anthropic/e", "input": "a" }));
    assert_eq!(none.status, 400);
    assert_eq!(desk.rows(3)[0].usage.input, 2);
}
