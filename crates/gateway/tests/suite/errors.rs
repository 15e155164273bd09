//! Failures: in the caller's dialect, with the right status, and never half an answer as whole.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use distiq_testkit::{Answer as Says, Fault, Outcome, RetryAfter, Script, ScriptedModel, Step};
use serde_json::{Value, json};

use crate::support::{Desk, OPERATOR, request};

const PATHS: &[&str] = &["/v1/messages", "/v1/chat/completions"];
const MODELS: &[&str] = &["anthropic/scripted-1", "openai/scripted-1"];

fn ask(model: &str, stream: bool) -> Value {
    json!({ "model": model, "max_tokens": 1000, "stream": stream,
            "messages": [{ "role": "user", "content": "hi" }] })
}

/// Tells whether an answer is an error in the words of its path.
fn is_error(path: &str, body: &Value) -> bool {
    let error = &body["error"];
    let shaped = match path {
        "/v1/messages" => body["type"] == "error" && error["type"].is_string(),
        _ => error["type"].is_string() && error.get("code").is_some(),
    };
    shaped && error["message"].as_str().is_some_and(|text| !text.is_empty())
}

#[test]
fn every_fault_is_an_answer_or_an_error_and_billed_once() {
    let says = Says::text("All of it, from the first word to the last one.");
    for fault in Fault::all() {
        if matches!(fault, Fault::Refused { .. }) {
            continue;
        }
        let faults = Script::function({
            let (fault, says) = (fault.clone(), says.clone());
            move |_| says.clone().after_faults([fault.clone()])
        });
        let model = ScriptedModel::start(faults).unwrap();
        let (anthropic, openai) = (model.base_url_anthropic(), model.base_url_openai());
        let desk = Desk::waiting(600, anthropic, openai, |_| {});
        let mut asked = 0;
        for path in PATHS {
            for name in MODELS {
                let way = format!("{path} -> {name}, {}", fault.name());
                let answer = desk.post(path, &ask(name, true));
                asked += 1;
                let text = answer.text();
                if answer.status != 200 {
                    assert!(is_error(path, &answer.json()), "{way}: {text}");
                    assert!(!fault.is_harmless(), "{way}: {text}");
                } else {
                    assert!(answer.whole, "{way}: {text}");
                    let ended = text.contains("[DONE]") || text.contains("message_stop");
                    let failed = answer.events().last().is_some_and(|last| is_error(path, last));
                    assert!(ended != failed, "{way}: neither or both\n{text}");
                    assert!(!(fault.is_harmless() && failed), "{way}: {text}");
                }
                let rows = desk.rows(asked);
                assert_eq!(rows.len(), asked, "{way}");
            }
        }
    }
}

#[test]
fn a_cut_is_an_error_and_a_whole_answer_is_not_made_of_half() {
    let says = Says::text("word ".repeat(100));
    let script =
        Script::function(move |_| says.clone().after_faults([Fault::CutAtEvent { event: 6 }]));
    let model = ScriptedModel::start(script).unwrap();
    let desk = Desk::new(&model);
    for path in PATHS {
        for name in MODELS {
            let streamed = desk.post(path, &ask(name, true));
            assert!(is_error(path, streamed.events().last().unwrap()), "{}", streamed.text());
            let whole = desk.post(path, &ask(name, false));
            assert_eq!(whole.status, 502, "{}", whole.text());
            assert!(is_error(path, &whole.json()), "{}", whole.text());
        }
    }
    for row in desk.rows(8) {
        assert_eq!(row.error.as_deref(), Some("truncated"));
    }
}

#[test]
fn a_wait_that_the_vendor_asks_for_is_passed_on() {
    let limited = Fault::RateLimited { retry_after: RetryAfter::Seconds(7) };
    let script = Script::function(move |_| Step::Fault(limited.clone()));
    let model = ScriptedModel::start(script).unwrap();
    let desk = Desk::new(&model);
    for path in PATHS {
        for name in MODELS {
            let answer = desk.post(path, &ask(name, true));
            assert_eq!(answer.status, 429, "{}", answer.text());
            assert_eq!(answer.header("retry-after"), Some("7"));
            assert!(is_error(path, &answer.json()));
        }
    }
}

#[test]
fn a_client_that_leaves_closes_the_vendors_stream_and_is_billed() {
    let says = Says { pace_ms: 20, ..Says::text("word ".repeat(5_000)) };
    let script = Script::function(move |request| match request.stream {
        true => says.clone().into(),
        false => says.clone().after_faults([Fault::StallBeforeHead]),
    });
    let model = ScriptedModel::start(script).unwrap();
    let desk = Desk::new(&model);
    for (number, path) in PATHS.iter().enumerate() {
        for stream in [true, false] {
            let known = model.requests().len();
            let mut client = desk.connect();
            let name = MODELS[number].replace("scripted-1", "claude-haiku-4-5");
            let name = if number == 0 { name.as_str() } else { "openai/gpt-5-mini" };
            let mut body = ask(name, stream);
            if number == 1 {
                body["max_completion_tokens"] = body["max_tokens"].take();
                body.as_object_mut().unwrap().remove("max_tokens");
            }
            client.send(request("POST", path, OPERATOR, &body.to_string()));
            if stream {
                client.until("word");
            } else {
                let deadline = Duration::from_secs(20);
                assert!(model.wait_for_requests(known + 1, deadline));
                std::thread::sleep(Duration::from_millis(100));
            }
            let left = Instant::now();
            drop(client);
            let gone = |requests: &[distiq_testkit::Captured]| {
                requests.len() > known && requests.last().unwrap().outcome == Outcome::ClientGone
            };
            let is_gone = model.wait_until(Duration::from_secs(20), gone);
            assert!(is_gone, "{path} {stream}: {:?}", model.requests().last());
            eprintln!("closed after {:?}", left.elapsed());
        }
    }
    for row in desk.rows(4) {
        assert_eq!(row.error.as_deref(), Some("cancelled"), "{row:?}");
        assert!(row.usage.prompt() > 0 && row.cost_nanousd.is_some(), "{row:?}");
    }
}

#[test]
fn a_silent_stream_is_kept_open_by_comments() {
    let says = Says::text("late words");
    let script =
        Script::function(move |_| says.clone().after_faults([Fault::StallAtEvent { event: 2 }]));
    let model = ScriptedModel::start(script).unwrap();
    let (anthropic, openai) = (model.base_url_anthropic(), model.base_url_openai());
    let desk = Desk::waiting(600, anthropic, openai, |options| {
        options.bounds.keep_alive = Duration::from_millis(100);
    });
    let answer = desk.post("/v1/messages", &ask("anthropic/scripted-1", true));
    assert!(answer.text().contains("\n: keep-alive\n\n") || answer.text().starts_with(": keep"));
    assert!(is_error("/v1/messages", answer.events().last().unwrap()), "{}", answer.text());
}

/// A vendor that talks for ever; tells how many bytes it could send.
fn endless() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 1 << 16];
        let _ = stream.read(&mut head).unwrap();
        let event = json!({ "id": "c", "object": "chat.completion.chunk", "model": "m",
            "choices": [{ "index": 0, "delta": { "content": "x".repeat(8_000) },
                          "finish_reason": null }] });
        let event = format!("data: {event}\n\n");
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        while stream.write_all(event.as_bytes()).is_ok() {
            counter.fetch_add(event.len() as u64, Ordering::SeqCst);
        }
    });
    (address, sent)
}

#[test]
fn a_slow_reader_slows_its_vendor() {
    let (vendor, sent) = endless();
    let desk = Desk::before(vendor.clone(), vendor, |_| {});
    let mut client = desk.connect();
    let body = ask("openai/scripted-1", true).to_string();
    client.send(request("POST", "/v1/chat/completions", OPERATOR, &body));
    client.until("xxxx");
    // Nobody reads: the vendor gets as far as the sockets' buffers hold, and no further.
    let mut last = 0;
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(200));
        let now = sent.load(Ordering::SeqCst);
        if now == last {
            return;
        }
        last = now;
    }
    panic!("{last} bytes, and still more");
}
