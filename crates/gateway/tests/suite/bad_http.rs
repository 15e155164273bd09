//! What is no request, or hardly one: answered cleanly, or closed; never a hang.

use std::net::Shutdown;
use std::time::Duration;

use distiq_testkit::{Answer as Says, AtEnd, Outcome, Script, ScriptedModel};
use serde_json::json;

use crate::support::{Desk, OPERATOR, request};

fn model() -> ScriptedModel {
    ScriptedModel::start(Script::steps([Says::text("hello")]).at_end(AtEnd::Repeat)).unwrap()
}

fn body() -> String {
    json!({ "model": "anthropic/scripted-1", "max_tokens": 9,
            "messages": [{ "role": "user", "content": "hi" }] })
    .to_string()
}

#[test]
fn bodies_that_are_no_requests_are_refused_in_the_callers_words() {
    let model = model();
    let desk = Desk::new(&model);
    let deep =
        format!("{{\"model\":\"m\",\"messages\":{}{}}}", "[".repeat(9_999), "]".repeat(9_999));
    let cases: &[&[u8]] = &[
        b"",
        b"{",
        b"[]",
        b"null",
        b"\"text\"",
        b"{\"model\":\"m\"",
        b"{\"model\":1,\"messages\":[]}",
        b"{\"model\":\"anthropic/m\",\"messages\":{}}",
        b"{\"model\":\"a\",\"model\":\"b\",\"messages\":[]}",
        b"{\"model\":\"a\xff\",\"messages\":[]}",
        b"\xef\xbb\xbf\x00\x01",
        deep.as_bytes(),
    ];
    for path in ["/v1/messages", "/v1/chat/completions"] {
        for case in cases {
            let mut client = desk.connect();
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {OPERATOR}\r\n\
                 content-length: {}\r\n\r\n",
                case.len()
            );
            client.send([head.as_bytes(), case].concat());
            let answer = client.answer();
            let shown = String::from_utf8_lossy(&case[..case.len().min(60)]).into_owned();
            assert!((400..500).contains(&answer.status), "{path} {shown}: {}", answer.text());
            assert!(answer.json()["error"]["message"].is_string(), "{path} {shown}");
            // The connection goes on.
            client.send(request("GET", "/health", "", ""));
            assert_eq!(client.answer().status, 200);
        }
    }
    // What is JSON with a model's name is the vendor's to refuse.
    assert!(model.requests().iter().all(|request| request.status == 400));
}

#[test]
fn large_bodies_are_told_so() {
    let model = model();
    let desk = Desk::with(&model, |options| options.bounds.body_bytes = 1 << 20);
    let size = 100 << 20;
    let head = |more: &str| {
        format!(
            "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: {OPERATOR}\r\n{more}\r\n"
        )
    };
    let told = format!("content-length: {size}\r\n");
    let mut client = desk.connect();
    client.send(head(&told));
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        client.send(&piece);
    }
    let answer = client.answer();
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["error"]["type"], "request_too_large");
    // Without a length, and with one but waiting for our word.
    let mut client = desk.connect();
    client.send(head("transfer-encoding: chunked\r\n"));
    for _ in 0..3 {
        client.send([format!("{:x}\r\n", 1 << 20).as_bytes(), &piece, b"\r\n"].concat());
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.answer().status, 413);
    let mut client = desk.connect();
    client.send(head(&format!("{told}expect: 100-continue\r\n")));
    assert_eq!(client.answer().status, 413);
}

#[test]
fn heads_are_bounded() {
    let model = model();
    let desk = Desk::new(&model);
    let mut client = desk.connect();
    let sent =
        client.try_send(format!("GET /health HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(200_000)));
    if let Some(answer) = client.try_answer().filter(|_| sent) {
        assert_eq!(answer.status, 431);
    }
    let mut client = desk.connect();
    client.send(format!("GET /health HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500)));
    assert_eq!(client.answer().status, 431);
    let mut client = desk.connect();
    client.send("GARBAGE\r\n\r\n");
    assert!(client.try_answer().is_none_or(|answer| answer.status == 400));
    assert_eq!(desk.get("/health").status, 200);
}

#[test]
fn old_and_pipelined_connections_are_served() {
    let model = model();
    let desk = Desk::new(&model);
    let body = body();
    // HTTP/1.0: the body ends with the connection.
    let mut client = desk.connect();
    client.send(format!(
        "POST /v1/messages HTTP/1.0\r\nx-api-key: {OPERATOR}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let answer = client.answer();
    assert_eq!((answer.status, answer.whole), (200, true));
    // Two at once.
    let mut client = desk.connect();
    let one = request("POST", "/v1/messages", OPERATOR, &body);
    client.send(format!("{one}{one}"));
    assert_eq!(client.answer().json()["type"], "message");
    assert_eq!(client.answer().json()["type"], "message");
}

#[test]
fn a_client_that_closes_its_half_is_answered_and_one_that_leaves_is_not() {
    let says = Says { pace_ms: 5, ..Says::text("word ".repeat(40)) };
    let script = Script::function(move |_| says.clone().into());
    let model = ScriptedModel::start(script).unwrap();
    let desk = Desk::new(&model);
    for (path, end) in [("/v1/messages", "message_stop"), ("/v1/responses", "response.completed")] {
        for stream in [true, false] {
            let mut body = json!({ "model": "anthropic/scripted-1", "stream": stream });
            if path == "/v1/messages" {
                body["max_tokens"] = 1000.into();
                body["messages"] = json!([{ "role": "user", "content": "hi" }]);
            } else {
                body["input"] = "hi".into();
            }
            let mut client = desk.connect();
            client.send(request("POST", path, OPERATOR, &body.to_string()));
            client.stream().shutdown(Shutdown::Write).unwrap();
            let told = String::from_utf8(client.try_bytes().unwrap()).unwrap();
            let answer = told.trim_start_matches("HTTP/1.1 100 Continue\r\n\r\n");
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{told}");
            assert!(!stream || told.contains(end) && told.ends_with("\r\n0\r\n\r\n"), "{told}");
        }
    }
    // Half a request is none, whoever sends it.
    let mut client = desk.connect();
    let one = request("POST", "/v1/messages", OPERATOR, &body());
    client.send(&one.as_bytes()[..one.len() - 5]);
    client.stream().shutdown(Shutdown::Write).unwrap();
    assert!(client.try_answer().is_none_or(|answer| answer.status == 400));
    assert!(desk.rows(4).iter().all(|row| row.error.is_none()));
    // Who leaves reads no more.
    let mut client = desk.connect();
    let long = json!({ "model": "anthropic/scripted-1", "max_tokens": 1000, "stream": true,
        "messages": [{ "role": "user", "content": "hi" }] });
    client.send(request("POST", "/v1/messages", OPERATOR, &long.to_string()));
    assert!(model.wait_for_requests(5, Duration::from_secs(20)));
    drop(client);
    let gone = |requests: &[distiq_testkit::Captured]| {
        requests.len() == 5 && requests.last().unwrap().outcome == Outcome::ClientGone
    };
    assert!(model.wait_until(Duration::from_secs(20), gone));
    assert_eq!(desk.rows(5)[0].error.as_deref(), Some("cancelled"));
}

#[test]
fn slow_heads_and_bodies_are_given_up() {
    let model = model();
    let desk = Desk::with(&model, |options| {
        options.bounds.head_wait = Duration::from_millis(200);
        options.bounds.body_pause = Duration::from_millis(200);
    });
    let mut client = desk.connect();
    client.send("POST /v1/messages HTTP/1.1\r\nhost: local");
    assert!(client.try_answer().is_none_or(|answer| answer.status == 408));
    let mut client = desk.connect();
    let whole = request("POST", "/v1/messages", OPERATOR, &body());
    client.send(&whole.as_bytes()[..whole.len() - 5]);
    assert_eq!(client.answer().status, 408);
    assert!(model.requests().is_empty());
}

#[test]
fn other_paths_and_methods_are_told() {
    let model = model();
    let desk = Desk::new(&model);
    let wrong = desk.get("/v1/messages");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    let mut client = desk.connect();
    client.send("GET /health HTTP/1.1\r\nhost: localhost\r\nhost: other\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    assert_eq!(desk.get("/none").status, 404);
    assert_eq!(desk.get("/health").json()["status"], "ok");
    assert_eq!(desk.get("/ready").json()["status"], "ready");
    let mut client = desk.connect();
    client.send("HEAD /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(client.until("\r\n\r\n").starts_with("HTTP/1.1 200"));
    let mut client = desk.connect();
    client.send(
        "OPTIONS /v1/messages HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost:3000\r\n\r\n",
    );
    let answer = client.answer();
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:3000"));
}
