//! Vendors that send what no scripted model would: bytes by hand, through the gateway.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use distiq_router::RowState;
use serde_json::{Value, json};

use crate::support::{Answer, Desk};

const ANTHROPIC: &str = "/v1/messages";
const OPENAI: &str = "/v1/chat/completions";
const PATHS: [&str; 2] = [ANTHROPIC, OPENAI];
const STREAM: &str = "200 OK\r\ncontent-type: text/event-stream";
const JSON: &str = "200 OK\r\ncontent-type: application/json";

const ANTHROPIC_BEGUN: &str = concat!(
    r#"data: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","#,
    r#""model":"m","content":[],"usage":{"input_tokens":10,"output_tokens":1}}}"#,
    "\n\n",
    r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    "\n\n",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"word"}}"#,
    "\n\n",
);
const ANTHROPIC_END: &str = concat!(
    r#"data: {"type":"content_block_stop","index":0}"#,
    "\n\n",
    r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}"#,
    "\n\n",
    r#"data: {"type":"message_stop"}"#,
    "\n\n",
);
const OPENAI_BEGUN: &str = concat!(
    r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","#,
    r#""choices":[{"index":0,"delta":{"content":"word"},"finish_reason":null}]}"#,
    "\n\n",
);
const OPENAI_FINISH: &str = concat!(
    r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","#,
    r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    "\n\n",
);
const DONE: &str = "data: [DONE]\n\n";

/// A server that answers every request with the same pieces and closes; the last piece is repeated
/// where it never ends.
struct Vendor {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Default)]
struct Says {
    head: String,
    pieces: Vec<Vec<u8>>,
    repeats: bool,
}

impl Vendor {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (says, stopped) = (Arc::new(Mutex::new(Says::default())), Arc::default());
        let (answers, stops) = (Arc::clone(&says), Arc::<AtomicBool>::clone(&stopped));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stops.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                let says: Says = answers.lock().unwrap().clone();
                std::thread::spawn(move || {
                    read_request(&mut stream);
                    let _ = answer(&mut stream, &says);
                });
            }
        });
        Self { address, says, stopped, thread: Some(thread) }
    }

    fn says(&self, head: &str, pieces: &[&str]) {
        let pieces = pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect();
        *self.says.lock().unwrap() = Says { head: head.to_owned(), pieces, repeats: false };
    }

    fn repeats(&self) {
        self.says.lock().unwrap().repeats = true;
    }

    fn desk(&self, wait_ms: u64) -> Desk {
        let base = format!("http://{}", self.address);
        Desk::waiting(wait_ms, base.clone(), format!("{base}/v1"), |_| {})
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = std::net::TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

fn read_request(stream: &mut impl Read) {
    let mut seen = Vec::new();
    let mut byte = [0; 1];
    while !seen.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        seen.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&seen).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    let _ = stream.read_exact(&mut body);
}

fn answer(stream: &mut impl Write, says: &Says) -> std::io::Result<()> {
    let always = "connection: close\r\ntransfer-encoding: chunked";
    write!(stream, "HTTP/1.1 {}\r\n{always}\r\n\r\n", says.head)?;
    let mut send = |piece: &[u8]| {
        write!(stream, "{:x}\r\n", piece.len())?;
        stream.write_all(&[piece, b"\r\n"].concat())?;
        std::thread::sleep(Duration::from_millis(10));
        Ok::<_, std::io::Error>(())
    };
    for piece in &says.pieces {
        send(piece)?;
    }
    if says.repeats {
        loop {
            send(says.pieces.last().unwrap())?;
        }
    }
    stream.write_all(b"0\r\n\r\n")
}

fn ask(provider: &str, stream: bool) -> Value {
    json!({ "model": format!("{provider}/claude-haiku-4-5"), "max_tokens": 1000, "stream": stream,
            "messages": [{ "role": "user", "content": "hi" }] })
}

fn is_error(event: &Value) -> bool {
    event["error"]["message"].is_string()
}

/// Tells whether a stream holds anything by which it would pass for whole.
fn has_end(answer: &Answer) -> bool {
    let text = answer.text();
    ["[DONE]", "message_stop", "stop_reason\":\"", "finish_reason\":\""]
        .iter()
        .any(|mark| text.contains(mark))
}

#[test]
fn a_stream_that_is_not_whole_shows_no_mark_of_an_end_in_any_dialect() {
    let vendor = Vendor::start();
    let desk = vendor.desk(10_000);
    let cut = OPENAI_BEGUN.get(..OPENAI_BEGUN.len() - 20).unwrap();
    let stop = ANTHROPIC_END.split_inclusive("\n\n").last().unwrap();
    let mut asked = 0;
    for (provider, pieces) in [
        ("openai", vec![OPENAI_BEGUN, DONE]),
        ("openai", vec![OPENAI_BEGUN]),
        ("openai", vec![OPENAI_BEGUN, cut]),
        ("openai", vec![OPENAI_BEGUN, "data: {broken\n\n", OPENAI_FINISH, DONE]),
        (
            "anthropic",
            vec![ANTHROPIC_BEGUN, "data: {broken\n\ndata: {\"type\":\"message_stop\"}\n\n"],
        ),
        ("anthropic", vec![ANTHROPIC_BEGUN, ANTHROPIC_BEGUN, ANTHROPIC_END]),
        ("anthropic", vec![": hello\n\n", stop]),
    ] {
        vendor.says(STREAM, &pieces);
        for path in PATHS {
            let answer = desk.post(path, &ask(provider, true));
            let way = format!("{path} before {provider}: {pieces:?}\n{}", answer.text());
            match answer.status {
                200 => {
                    assert!(!has_end(&answer), "{way}");
                    assert!(answer.events().last().is_some_and(is_error), "{way}");
                }
                status => assert!(status >= 500 && is_error(&answer.json()), "{way}"),
            }
            asked += 1;
        }
    }
    assert!(desk.rows(asked).iter().all(|row| row.error.is_some()));
}

#[test]
fn a_last_event_without_its_empty_line_is_an_event_in_every_dialect() {
    let vendor = Vendor::start();
    let desk = vendor.desk(10_000);
    let ends = [ANTHROPIC_END.trim_end(), DONE.trim_end()];
    for (provider, pieces) in [
        ("anthropic", [ANTHROPIC_BEGUN, ends[0]].concat()),
        ("openai", [OPENAI_BEGUN, OPENAI_FINISH, ends[1]].concat()),
    ] {
        vendor.says(STREAM, &[&pieces]);
        for path in PATHS {
            let answer = desk.post(path, &ask(provider, true));
            assert!(answer.text().ends_with("\n\n"), "{}", answer.text());
            assert!(!answer.events().iter().any(is_error), "{}", answer.text());
            assert!(has_end(&answer), "{}", answer.text());
        }
    }
    assert!(desk.rows(4).iter().all(|row| row.error.is_none()));
}

#[test]
fn a_count_that_cannot_be_true_is_none_and_keeps_nobody_from_being_billed() {
    let vendor = Vendor::start();
    let desk = vendor.desk(10_000);
    let mut asked = 0;
    for count in ["1000000000000000", "18446744073709551615", "-5", "null", "\"10\""] {
        let begun =
            ANTHROPIC_BEGUN.replace("\"input_tokens\":10", &format!("\"input_tokens\":{count}"));
        let end =
            ANTHROPIC_END.replace("\"output_tokens\":5", &format!("\"output_tokens\":{count}"));
        vendor.says(STREAM, &[&begun, &end]);
        for path in PATHS {
            let answer = desk.post(path, &ask("anthropic", true));
            assert!(!answer.events().iter().any(is_error) && has_end(&answer), "{}", answer.text());
            asked += 1;
            let row = desk.rows(asked).remove(0);
            assert_eq!(row.state, RowState::Estimated, "{count}: {row:?}");
            assert!(row.usage.input > 0 && row.usage.prompt() < 1000, "{count}: {row:?}");
        }
    }
}

#[test]
fn a_failures_status_outweighs_the_type_in_its_body_and_names_its_request() {
    let vendor = Vendor::start();
    let desk = vendor.desk(10_000);
    let long = json!({ "error": { "message": "no".repeat(1 << 20), "type": "x" } }).to_string();
    let typed = |name: &str| {
        json!({ "type": "error", "error": { "type": name, "message": "no" } }).to_string()
    };
    let mut asked = 0;
    for (told, status, body) in [
        (401, 401, typed("server_error")),
        (400, 400, typed("overloaded_error")),
        (400, 400, long),
        (403, 403, typed("api_error")),
        (403, 403, "no".to_owned()),
        (404, 404, typed("server_error")),
        (413, 413, typed("api_error")),
        (429, 429, typed("overloaded_error")),
        (429, 429, "<html>".to_owned()),
        (500, 500, typed("invalid_request_error")),
    ] {
        vendor.says(&format!("{told} X\r\ncontent-type: application/json"), &[&body]);
        for provider in ["anthropic", "openai"] {
            for path in PATHS {
                let answer = desk.post(path, &ask(provider, true));
                assert_eq!(answer.status, status, "{path} {provider} {told}: {}", answer.text());
                asked += 1;
                let rows = desk.rows(asked);
                let id = answer.header("x-distiq-request-id").unwrap();
                assert_eq!(rows[0].id.as_str(), id);
            }
        }
    }
}

#[test]
fn signs_of_life_alone_keep_an_answer_waiting_for_a_while_and_not_for_ever() {
    let vendor = Vendor::start();
    let desk = vendor.desk(100);
    for (kind, pieces) in [
        (STREAM, vec![": wait\n\n"]),
        (STREAM, vec![ANTHROPIC_BEGUN, ": wait\n\n"]),
        (JSON, vec!["\n"]),
    ] {
        vendor.says(kind, &pieces);
        vendor.repeats();
        for path in PATHS {
            let answer = desk.post(path, &ask("anthropic", kind == STREAM));
            match answer.status {
                200 => assert!(answer.events().last().is_some_and(is_error), "{}", answer.text()),
                status => assert_eq!(status, 504, "{}", answer.text()),
            }
            assert!(!has_end(&answer), "{}", answer.text());
        }
    }
}

#[test]
fn a_byte_order_mark_before_a_whole_answer_is_passed_over() {
    let vendor = Vendor::start();
    let desk = vendor.desk(10_000);
    let body = json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "finish_reason": "stop",
                      "message": { "role": "assistant", "content": "word" } }] });
    vendor.says(JSON, &[&format!("\u{feff}{body}")]);
    for path in PATHS {
        let answer = desk.post(path, &ask("openai", false));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains("word"));
    }
}
