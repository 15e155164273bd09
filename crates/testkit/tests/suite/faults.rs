//! What a client sees of every fault, byte by byte.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use distiq_base::{Content, Dialect};
use distiq_testkit::{Answer, Fault, Outcome, Script, ScriptedModel, Step};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;

use crate::client::{ask, post, question, read_stream};

const DIALECTS: [Dialect; 3] = [Dialect::Anthropic, Dialect::Openai, Dialect::Responses];

/// What a fault must look like to a client of a stream.
enum Seen {
    /// A status, and a piece of the body or of a header.
    Status(u16, &'static str),
    /// No head: a broken or silent connection, with a piece of the client's words.
    NoHead(&'static str),
    /// Nothing more after so many pieces of the body; `None` means not even a head.
    Silence(Option<usize>),
    /// Status 200, then a bad end; and whether any of the answer came before it.
    BadEnd(&'static str, bool),
    /// Everything, as without the fault.
    Whole,
}

fn seen(fault: &Fault, dialect: Dialect) -> Seen {
    use Seen::{BadEnd, NoHead, Silence, Status, Whole};
    let anthropic = dialect == Dialect::Anthropic;
    match fault.name().as_str() {
        "rate_limited" if anthropic => Status(429, "rate_limit_error"),
        "rate_limited" => Status(429, "rate_limit_exceeded"),
        "rate_limited_seconds" => Status(429, "retry-after: 1\n"),
        "rate_limited_date" => Status(429, " GMT\n"),
        "rate_limited_milliseconds" => Status(429, "retry-after-ms: 20\n"),
        "error_400" => Status(400, "prompt is too long"),
        "status_401" if anthropic => Status(401, "authentication_error"),
        "status_401" => Status(401, "invalid_api_key"),
        "status_402" => Status(402, "credit"),
        "status_403" => Status(403, "not permitted"),
        "status_404" => Status(404, "unknown"),
        "status_413" => Status(413, "too large"),
        "status_500" => Status(500, "server error"),
        "status_502" => Status(502, "server error"),
        "status_503" => Status(503, "overloaded"),
        "status_529" => Status(529, "Overloaded"),
        "html_page_200" => Status(200, "<!DOCTYPE html>"),
        "html_page_502" => Status(502, "<!DOCTYPE html>"),
        "redirect" => Status(307, "location: https://example.invalid/"),
        "cut_before_head" => NoHead("IncompleteMessage"),
        "refused" | "reset" => NoHead("reset"),
        "stall_before_head" => Silence(None),
        "cut_before_first_byte" => BadEnd("UnexpectedEof", false),
        "cut_at_byte" => BadEnd("UnexpectedEof", false),
        "cut_at_event" => BadEnd("UnexpectedEof", true),
        "stall_before_first_event" => Silence(Some(0)),
        "stall_at_event" => Silence(Some(1)),
        "reset_at_event" => BadEnd("reset", true),
        "broken_event" => BadEnd("", true),
        "error_event" if anthropic => BadEnd("Overloaded", true),
        "error_event" => BadEnd("The server had an error", true),
        "huge_event" => BadEnd("larger than the limit", true),
        "no_end_mark" | "empty_body" => BadEnd("cut off", fault.name() == "no_end_mark"),
        "out_of_order" => BadEnd("", true),
        "truncated_arguments" | "split_utf8" | "unknown_events" | "gzip" | "slow_drip" => Whole,
        other => panic!("no expectation for the fault {other}"),
    }
}

async fn check(fault: Fault, dialect: Dialect) {
    let name = format!("{} in {dialect:?}", fault.name());
    let answer = Answer::sample();
    let steps = [Step::Fault(fault.clone()), Step::from(answer)];
    let model = ScriptedModel::start(Script::steps(steps)).unwrap();
    let body = question(dialect, true);
    let request = post(&model, dialect, &body);
    let expected = seen(&fault, dialect);
    if let Seen::Silence(pieces) = expected {
        silence(&model, request, pieces).await;
        return after(&fault, &model, dialect, &body).await;
    }
    let started = Instant::now();
    let sent = request.send().await;
    if let Fault::Refused { for_ms } = fault {
        refused(&model, dialect, &body, started + Duration::from_millis(for_ms)).await;
    }
    match expected {
        Seen::Silence(_) => unreachable!(),
        Seen::Status(status, piece) => {
            let answer = sent.unwrap();
            assert_eq!(answer.status(), status, "{name}");
            let mut all = String::new();
            for (name, value) in answer.headers() {
                all += &format!("{name}: {}\n", value.to_str().unwrap());
            }
            all += &answer.text().await.unwrap();
            assert!(all.contains(piece), "{name}: {all}");
        }
        Seen::NoHead(words) => {
            let error = format!("{:?}", sent.unwrap_err());
            assert!(error.contains(words), "{name}: {error}");
        }
        Seen::BadEnd(words, has_content) => {
            let (assembler, _, end) = read_stream(dialect, sent.unwrap()).await;
            if fault != Fault::OutOfOrder {
                let error = end.unwrap_err();
                assert!(error.contains(words), "{name}: {error}");
            }
            let came = assembler.into_response().content;
            if has_content && fault.name() != "broken_event" {
                let sample = Answer::sample().content;
                if dialect == Dialect::Responses && came.is_empty() {
                    // Its first events tell of the answer and name the item.
                    return after(&fault, &model, dialect, &body).await;
                }
                let Some(Content::Text { text }) = came.first() else { panic!("{name}: {came:?}") };
                let Content::Text { text: whole } = &sample[0] else { unreachable!() };
                let begins = whole.starts_with(text) || fault == Fault::OutOfOrder;
                assert!(begins && !text.is_empty() || dialect != Dialect::Openai, "{name}: {text}");
            }
        }
        Seen::Whole => {
            let (assembler, _, end) = read_stream(dialect, sent.unwrap()).await;
            end.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(assembler.is_complete(), "{name}");
            check_whole(&fault, &assembler.into_response().content, &name);
        }
    }
    after(&fault, &model, dialect, &body).await;
}

/// Nothing comes for a while after what should come. A slow machine can only make this pass.
async fn silence(model: &ScriptedModel, request: reqwest::RequestBuilder, pieces: Option<usize>) {
    const A_WHILE: Duration = Duration::from_millis(100);
    let mut send = Box::pin(request.send());
    let Some(pieces) = pieces else {
        let asked = model.until(|captured| captured.len() == 1);
        tokio::select! {
            _ = &mut send => panic!("a head came"),
            () = asked => {}
        }
        assert!(tokio::time::timeout(A_WHILE, send).await.is_err());
        return;
    };
    let mut answer = send.await.unwrap();
    for _ in 0..pieces {
        assert!(!answer.chunk().await.unwrap().unwrap().is_empty());
    }
    assert!(tokio::time::timeout(A_WHILE, answer.chunk()).await.is_err());
}

/// The next connection is refused, unless the machine was too slow to come in time.
async fn refused(model: &ScriptedModel, dialect: Dialect, body: &Value, until: Instant) {
    match post(model, dialect, body).send().await {
        Ok(_) => assert!(Instant::now() > until, "it was let in too early"),
        Err(error) => assert!(error.is_connect(), "{error:?}"),
    }
    // Connecting again and again until the port listens is what a client does, too.
    while post(model, dialect, &json!({})).send().await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    model.play(Script::steps([Answer::sample()]));
}

fn check_whole(fault: &Fault, content: &[Content], name: &str) {
    let sample = Answer::sample().content;
    assert_eq!(content[0], sample[0], "{name}");
    let Content::ToolCall { arguments, .. } = &content[1] else { panic!("{name}: {content:?}") };
    let valid = serde_json::from_str::<Value>(arguments).is_ok();
    assert_eq!(valid, *fault != Fault::TruncatedArguments, "{name}: {arguments}");
}

#[tokio::test]
async fn a_port_that_refuses_stays_its_servers() {
    let model = ScriptedModel::start(Script::steps([Fault::Refused { for_ms: 60_000 }])).unwrap();
    let address: SocketAddr =
        model.base_url_anthropic().trim_start_matches("http://").parse().unwrap();
    post(&model, Dialect::Anthropic, &question(Dialect::Anthropic, true)).send().await.unwrap_err();
    let met = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(met.kind(), ErrorKind::ConnectionRefused);
    let taken = TcpSocket::new_v4().unwrap().bind(address).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
}

/// The next request gets the whole answer, and the capture tells what struck.
async fn after(fault: &Fault, model: &ScriptedModel, dialect: Dialect, body: &Value) {
    let response = ask(model, dialect, body).await;
    check_whole(&Fault::Gzip, &response.content, "the next answer");
    let captured = model.requests();
    assert_eq!(captured[0].fault, Some(fault.name()));
    assert_eq!(captured.last().unwrap().fault, None);
    let closed = model.until(|captured| captured[0].outcome != Outcome::Open);
    tokio::time::timeout(Duration::from_secs(60), closed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_fault_looks_as_it_should_to_a_client() {
    let places = Arc::new(Semaphore::new(6));
    let mut running = Vec::new();
    for dialect in DIALECTS {
        for fault in Fault::all() {
            let places = Arc::clone(&places);
            running.push((
                fault.name(),
                tokio::spawn(async move {
                    let _place = places.acquire().await;
                    check(fault, dialect).await;
                }),
            ));
        }
    }
    let mut failed = Vec::new();
    for (name, task) in running {
        if task.await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[tokio::test]
async fn whole_answers_can_be_harmed_too() {
    for dialect in DIALECTS {
        for (fault, harmed) in [
            (Fault::CutAtEvent { event: 0 }, "UnexpectedEof"),
            (Fault::BrokenEvent { event: 0 }, ""),
            (Fault::Gzip, "whole"),
            (Fault::SplitUtf8, "whole"),
        ] {
            let model = ScriptedModel::start(Script::steps([Step::Fault(fault.clone())])).unwrap();
            match post(&model, dialect, &question(dialect, false))
                .send()
                .await
                .unwrap()
                .bytes()
                .await
            {
                Ok(bytes) => {
                    let whole = serde_json::from_slice::<Value>(&bytes).is_ok();
                    assert_eq!(whole, harmed == "whole", "{fault:?}");
                }
                Err(error) => assert!(format!("{error:?}").contains(harmed), "{error:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_step_fails_first_and_answers_then() {
    let faults = [Fault::Status { status: 500 }, Fault::HtmlPage { status: 200 }];
    let steps = [Answer::sample().after_faults(faults)];
    let model = ScriptedModel::start(Script::steps(steps)).unwrap();
    let body = question(Dialect::Openai, true);
    for status in [500, 200] {
        let answer = post(&model, Dialect::Openai, &body).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    let response = ask(&model, Dialect::Openai, &body).await;
    check_whole(&Fault::Gzip, &response.content, "after faults");
    assert_eq!(model.steps_left(), 0);
    model.check();
}
