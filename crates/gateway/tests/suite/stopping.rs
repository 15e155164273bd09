//! Stopping in order, and reloading, without losing a stream.

use std::sync::Arc;
use std::time::Duration;

use distiq_testkit::{Answer as Says, AtEnd, Script, ScriptedModel};
use serde_json::{Value, json};

use crate::support::{Desk, OPERATOR, request};

fn ask() -> Value {
    json!({ "model": "anthropic/scripted-1", "max_tokens": 900, "stream": true,
            "messages": [{ "role": "user", "content": "hi" }] })
}

fn slow(words: usize, pace_ms: u64) -> ScriptedModel {
    let says = Says { pace_ms, ..Says::text("word ".repeat(words)) };
    ScriptedModel::start(Script::steps([says]).at_end(AtEnd::Repeat)).unwrap()
}

#[test]
fn a_stop_lets_streams_end() {
    let model = slow(200, 10);
    let desk = Desk::new(&model);
    let mut client = desk.connect();
    client.send(request("POST", "/v1/messages", OPERATOR, &ask().to_string()));
    let head = client.until("word");
    desk.handle.stop();
    let rest = client.until("message_stop");
    assert_eq!((head + &rest).matches("word ").count(), 200);
    assert!(
        std::net::TcpStream::connect(desk.address).is_err()
            || desk.connect().try_answer().is_none()
    );
    let rows = desk.rows(1);
    assert_eq!(rows[0].error, None);
    desk.stop();
}

#[test]
fn what_takes_too_long_is_told_so() {
    let model = slow(100_000, 20);
    let desk = Desk::with(&model, |options| options.bounds.drain = Duration::from_millis(200));
    let mut client = desk.connect();
    client.send(request("POST", "/v1/messages", OPERATOR, &ask().to_string()));
    client.until("word");
    desk.handle.stop();
    assert!(client.until("\"type\":\"error\"").contains("event: error"));
    let rows = desk.rows(1);
    assert_eq!(rows[0].error.as_deref(), Some("cancelled"));
    desk.stop();
}

#[test]
fn a_reload_keeps_streams_and_changes_what_follows() {
    let model = slow(200, 5);
    let desk = Desk::new(&model);
    let mut client = desk.connect();
    client.send(request("POST", "/v1/messages", OPERATOR, &ask().to_string()));
    client.until("word");
    desk.handle.reload().unwrap();
    client.until("message_stop");
    assert_eq!(desk.post("/v1/messages", &ask()).status, 200);
}

#[test]
fn a_second_gateway_takes_over_on_the_same_port() {
    let model = slow(1, 0);
    let old = Desk::with(&model, |_| {});
    let port = old.address;
    let new = Desk::with(&model, |options| options.listen = port);
    assert_eq!(new.address, port);
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let address = Arc::new(port);
    let asking = std::thread::spawn(move || {
        let mut answered = 0;
        while stopped.try_recv().is_err() {
            let mut stream = std::net::TcpStream::connect(*address).unwrap();
            let body = ask().to_string();
            std::io::Write::write_all(
                &mut stream,
                request("POST", "/v1/messages", OPERATOR, &body)
                    .replace("HTTP/1.1\r\n", "HTTP/1.1\r\nconnection: close\r\n")
                    .as_bytes(),
            )
            .unwrap();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
            assert!(text.contains("message_stop"), "{text}");
            answered += 1;
        }
        answered
    });
    std::thread::sleep(Duration::from_millis(200));
    old.stop();
    std::thread::sleep(Duration::from_millis(200));
    stop.send(()).unwrap();
    assert!(asking.join().unwrap() > 0);
}
