//! What is told of requests: metrics, sums, events, the access log, traces, the page.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use distiq_gateway::{AccessLog, AccessLogTo, Keys, NewKey, SpanSettings};
use distiq_router::{GroupBy, RowFilter};
use distiq_testkit::{Answer as Says, AtEnd, Script, ScriptedModel};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::support::{Desk, OPERATOR, request};

const SECRET: &str = "the words of the prompt";

fn model() -> ScriptedModel {
    let says = Says::text("the words of the answer");
    ScriptedModel::start(Script::steps([says]).at_end(AtEnd::Repeat)).unwrap()
}

fn ask(model: &str) -> Value {
    let message = json!({ "role": "user", "content": SECRET });
    json!({ "model": model, "max_tokens": 100, "temperature": 0.5, "messages": [message] })
}

/// Returns the value of a metric's line.
fn value(metrics: &str, line: &str) -> f64 {
    let found = metrics.lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no `{line}` in\n{metrics}"))
}

/// Waits until a text has what a request leaves behind when its connection is done.
fn until(what: impl Fn() -> String, wanted: &str) -> String {
    let end = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let text = what();
        if text.contains(wanted) {
            return text;
        }
        assert!(std::time::Instant::now() < end, "no `{wanted}` in\n{text}");
        std::thread::yield_now();
    }
}

#[test]
fn metrics_count_what_was_answered_and_what_was_turned_away() {
    let model = model();
    let desk = Desk::new(&model);
    for _ in 0..3 {
        assert_eq!(desk.post("/v1/messages", &ask("anthropic/claude-sonnet-4-5")).status, 200);
    }
    assert_eq!(desk.post("/v1/chat/completions", &ask("openai/gpt-4.1-mini")).status, 200);
    assert_eq!(desk.post_as("", "/v1/messages", &ask("x")).status, 401);
    assert_eq!(desk.post_as("wrong", "/v1/messages", &ask("x")).status, 401);
    assert_eq!(desk.get("/nowhere").status, 404);
    let ok = "distiq_requests_total{dialect=\"anthropic\",provider=\"anthropic\",\
              model=\"claude-sonnet-4-5\",tier=\"\",status=\"ok\"} 3";
    let text = until(|| desk.get("/metrics").text(), ok);
    let labels = "provider=\"anthropic\",model=\"claude-sonnet-4-5\",tier=\"\"";
    let rows = desk.rows(4);
    let of_anthropic = rows.iter().filter(|row| row.provider == "anthropic");
    let (mut output, mut cost) = (0, 0);
    for row in of_anthropic {
        output += row.usage.output;
        cost += row.cost_nanousd.unwrap().nanos();
    }
    let told = value(&text, &format!("distiq_tokens_total{{{labels},kind=\"output\"}}"));
    assert_eq!(told, output as f64);
    let told = value(&text, &format!("distiq_cost_usd_total{{{labels}}}"));
    assert!((told * 1e9 - cost as f64).abs() < 0.5, "{told}");
    for (line, count) in [
        ("distiq_denied_requests_total{reason=\"no_key\"}", 1.0),
        ("distiq_denied_requests_total{reason=\"wrong_key\"}", 1.0),
        ("distiq_http_requests_total{endpoint=\"chat\",code=\"401\"}", 2.0),
        ("distiq_http_requests_total{endpoint=\"other\",code=\"404\"}", 1.0),
        ("distiq_upstream_attempts_total{provider=\"anthropic\"}", 3.0),
        ("distiq_time_to_first_token_seconds_count{provider=\"anthropic\"}", 3.0),
        ("distiq_request_cost_usd_count{provider=\"anthropic\"}", 3.0),
        ("distiq_upstream_retries_total{provider=\"anthropic\"}", 0.0),
        ("distiq_requests_in_flight{dialect=\"anthropic\"}", 0.0),
    ] {
        assert_eq!(value(&text, line), count, "{line}");
    }
    assert!(value(&text, "process_open_fds") > 3.0);
    assert!(!text.contains(OPERATOR) && !text.contains(SECRET));
    let mut stranger = desk.connect();
    stranger.send(request("GET", "/metrics", "", ""));
    assert_eq!(stranger.answer().status, 401);
}

#[test]
fn models_that_callers_make_up_do_not_grow_the_metrics() {
    let model = model();
    let desk = Desk::new(&model);
    for n in 0..110 {
        assert_eq!(desk.post("/v1/messages", &ask(&format!("anthropic/m\"{n}\\"))).status, 200);
    }
    let text = until(|| desk.get("/metrics").text(), "model=\"other\",tier=\"\",status=\"ok\"} 10");
    assert!(text.contains("model=\"m\\\"99\\\\\""), "escaped");
    let series = text.lines().filter(|line| line.starts_with("distiq_requests_total{")).count();
    assert_eq!(series, 101);
}

#[test]
fn sums_equal_the_ledgers_and_a_key_sees_its_own() {
    let model = model();
    let desk = Desk::new(&model);
    let keys = Keys::open(&desk.folder.path().join("gateway.db")).unwrap();
    let new = NewKey {
        owner: "ann <b>".into(),
        day_nanousd: Some(distiq_base::Money::from_nanos(5_000_000)),
        ..NewKey::default()
    };
    let ann = keys.create(&new).unwrap();
    let key = ann.secret.expose();
    assert_eq!(desk.post_as(key, "/v1/messages", &ask("anthropic/claude-sonnet-4-5")).status, 200);
    assert_eq!(desk.post("/v1/chat/completions", &ask("openai/gpt-4.1-mini")).status, 200);
    desk.rows(2);
    let all = desk.get("/v1/distiq/stats").json();
    let zone = TimeZone::UTC;
    let ledger = |by| json!(desk.ledger.totals(&RowFilter::default(), by, &zone).unwrap());
    let mut total = ledger(GroupBy::All)[0].clone();
    total.as_object_mut().unwrap().shift_remove("name");
    assert_eq!(all["totals"], total);
    assert_eq!(all["totals"]["requests"], 2);
    assert_eq!(all["by"]["provider"]["groups"], ledger(GroupBy::Provider));
    assert_eq!(all["by"]["model"]["groups"], ledger(GroupBy::Model));
    assert_eq!(all["outcomes"]["attempts"], 2);
    assert_eq!(all["success_rate"], 1.0);
    assert_eq!(all["latest"].as_array().unwrap().len(), 2);
    assert!(all["nodes"].is_array());
    assert!(!all.to_string().contains(SECRET));
    let mut client = desk.connect();
    client.send(request("GET", "/v1/distiq/stats?period=today", key, ""));
    let own = client.answer().json();
    assert_eq!((&own["totals"]["requests"], &own["of"]), (&json!(1), &json!("key")));
    assert_eq!(own["by"]["key"]["groups"][0]["owner"], "ann <b>");
    assert_eq!(own["budgets"][0]["limit_nanousd"], 5_000_000);
    assert_eq!(own["budgets"][0]["spent_nanousd"], own["totals"]["cost_nanousd"]);
    assert_eq!(own["nodes"], Value::Null);
    assert_eq!(desk.get("/v1/distiq/stats?period=ever").status, 400);
}

#[test]
fn events_tell_of_requests_as_they_come_and_go() {
    let model = model();
    let desk = Desk::new(&model);
    let keys = Keys::open(&desk.folder.path().join("gateway.db")).unwrap();
    let ann = keys.create(&NewKey { owner: "ann".into(), ..NewKey::default() }).unwrap();
    let mut all = desk.connect();
    all.send(request("GET", "/v1/distiq/live", OPERATOR, ""));
    all.until("\"requests\":[]}\n\n");
    let mut own = desk.connect();
    own.send(request("GET", "/v1/distiq/live", ann.secret.expose(), ""));
    own.until("\"requests\":[]}\n\n");
    assert_eq!(desk.post("/v1/messages", &ask("anthropic/claude-sonnet-4-5")).status, 200);
    let seen = all.until("\"error\":null}\n\n");
    assert!(seen.contains("event: begun\n") && seen.contains("event: over\n"), "{seen}");
    assert!(seen.contains("\"provider\":\"anthropic\"") && !seen.contains(SECRET), "{seen}");
    let body = ask("openai/gpt-4.1-mini");
    assert_eq!(desk.post_as(ann.secret.expose(), "/v1/chat/completions", &body).status, 200);
    let seen = own.until("event: over\n");
    assert!(
        seen.contains("\"owner\":\"ann\"") && !seen.contains("claude"),
        "others' are not told: {seen}"
    );
    desk.stop();
}

#[test]
fn the_access_log_has_a_line_for_each_request_and_no_contents() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let log = AccessLog { to: AccessLogTo::File(path.clone()), file_bytes: 2_000 };
    let desk = Desk::with(&model, |options| options.seeing.access_log = Some(log));
    let mut body = ask("anthropic/claude-sonnet-4-5");
    body["stream"] = true.into();
    assert_eq!(desk.post("/v1/messages?key=a-key-in-the-address", &body).status, 200);
    for _ in 0..9 {
        assert_eq!(desk.post_as("wrong", "/v1/chat/completions", &ask("x")).status, 401);
    }
    desk.rows(1);
    desk.stop();
    let [old, new] = ["access.log.1", "access.log"]
        .map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap());
    assert!(old.len() <= 2_000 && new.len() <= 2_000);
    let lines: Vec<Value> =
        (old + &new).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!((2..=10).contains(&lines.len()), "{}", lines.len());
    let denied = lines.iter().filter(|line| line["denied"] == "wrong_key").count();
    assert!(denied >= 1 && lines.iter().all(|line| line["method"] == "POST"));
    let all = format!("{lines:?}");
    for secret in [SECRET, "the words of the answer", OPERATOR, "a-key-in-the-address", "wrong\""] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

/// The headers of a post, its first line under `line`, and its body.
type Post = (BTreeMap<String, String>, Vec<u8>);

/// A collector that takes whatever is posted.
fn collector() -> (String, Receiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, posts) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut headers = BTreeMap::new();
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some((name, value)) = line.trim().split_once(": ") {
                    headers.insert(name.to_ascii_lowercase(), value.to_owned());
                } else {
                    headers.insert("line".into(), line.trim().to_owned());
                }
                line.clear();
            }
            let mut body = vec![0; headers["content-length"].parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let end = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            reader.get_mut().write_all(end).unwrap();
            if sender.send((headers, body)).is_err() {
                return;
            }
        }
    });
    (address, posts)
}

#[test]
fn spans_follow_the_conventions_and_the_callers_trace() {
    let model = model();
    let (address, posts) = collector();
    let env = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(address.clone()),
        "OTEL_EXPORTER_OTLP_PROTOCOL" => Some("http/json".to_owned()),
        "OTEL_EXPORTER_OTLP_HEADERS" => Some("authorization=Bearer%20collectors-key".to_owned()),
        _ => None,
    };
    let spans = SpanSettings::from_env(&env).unwrap();
    let desk = Desk::with(&model, |options| options.seeing.spans = spans);
    let body = ask("anthropic/claude-sonnet-4-5").to_string();
    let mut client = desk.connect();
    client.send(format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: {OPERATOR}\r\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\
         tracestate: congo=t61rcWkgMzE\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(client.answer().status, 200);
    drop(client);
    let (headers, body) = posts.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(headers["line"], "POST /v1/traces HTTP/1.1");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["authorization"], "Bearer collectors-key");
    let batch: Value = serde_json::from_slice(&body).unwrap();
    let spans = batch["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let [server, client] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!(server["name"], "POST chat");
    assert_eq!((&server["kind"], &client["kind"]), (&json!(2), &json!(3)));
    assert_eq!(server["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(server["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(client["traceId"], server["traceId"]);
    assert_eq!(client["parentSpanId"], server["spanId"]);
    assert_eq!(client["name"], "chat claude-sonnet-4-5");
    let fields: BTreeMap<&str, &Value> = client["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (field["key"].as_str().unwrap(), &field["value"]))
        .collect();
    let row = &desk.rows(1)[0];
    for (name, value) in [
        ("gen_ai.operation.name", json!({ "stringValue": "chat" })),
        ("gen_ai.provider.name", json!({ "stringValue": "anthropic" })),
        ("gen_ai.request.model", json!({ "stringValue": "anthropic/claude-sonnet-4-5" })),
        ("gen_ai.response.model", json!({ "stringValue": "claude-sonnet-4-5" })),
        ("gen_ai.request.max_tokens", json!({ "intValue": "100" })),
        ("gen_ai.request.temperature", json!({ "doubleValue": 0.5 })),
        ("gen_ai.usage.input_tokens", json!({ "intValue": row.usage.prompt().to_string() })),
        ("gen_ai.usage.output_tokens", json!({ "intValue": row.usage.output.to_string() })),
        ("distiq.request.id", json!({ "stringValue": row.id.as_str() })),
    ] {
        assert_eq!(fields.get(name), Some(&&value), "{name}");
    }
    let text = String::from_utf8(body).unwrap();
    assert!(!text.contains(SECRET) && !text.contains(OPERATOR) && !text.contains("the answer"));
    // The vendor's own spans are below ours.
    let sent = &model.requests()[0];
    let expected =
        format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", client["spanId"].as_str().unwrap());
    assert_eq!(sent.header("traceparent"), Some(expected.as_str()));
    assert_eq!(sent.header("tracestate"), Some("congo=t61rcWkgMzE"));
}

#[test]
fn the_page_is_open_holds_no_figures_and_is_held_to_its_own_files() {
    let model = model();
    let desk = Desk::new(&model);
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/dashboard", "text/html; charset=utf-8"),
        ("/dashboard/style.css", "text/css; charset=utf-8"),
        ("/dashboard/page.js", "text/javascript; charset=utf-8"),
        ("/dashboard/charts.js", "text/javascript; charset=utf-8"),
        ("/dashboard/icon.svg", "image/svg+xml"),
    ] {
        let mut stranger = desk.connect();
        stranger.send(request("GET", path, "", ""));
        let answer = stranger.answer();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
        let text = answer.text();
        for address in ["https://", "//cdn", "innerHTML", "style=\"", "onclick"] {
            assert!(!text.contains(address), "`{address}` in {path}");
        }
    }
    for path in ["/v1/distiq/stats", "/v1/distiq/live"] {
        let mut stranger = desk.connect();
        stranger.send(request("GET", path, "", ""));
        assert_eq!(stranger.answer().status, 401, "{path}");
    }
}

#[test]
fn who_leaves_is_counted_with_what_the_ledger_holds() {
    let says = Says { pace_ms: 20, ..Says::text("word ".repeat(5_000)) };
    let model = ScriptedModel::start(Script::steps([says]).at_end(AtEnd::Repeat)).unwrap();
    let desk = Desk::new(&model);
    // Passed through, and from one dialect to another.
    for path in ["/v1/messages", "/v1/chat/completions"] {
        let mut body = ask("anthropic/claude-sonnet-4-5");
        body["stream"] = true.into();
        let mut client = desk.connect();
        client.send(request("POST", path, OPERATOR, &body.to_string()));
        client.until("word");
        let live = desk.get("/v1/distiq/stats").json();
        assert!(live["in_flight"].as_u64() >= Some(1), "{path}");
    }
    let labels = "provider=\"anthropic\",model=\"claude-sonnet-4-5\",tier=\"\"";
    let cancelled = |dialect: &str| {
        let line = format!("distiq_requests_total{{dialect=\"{dialect}\",{labels}");
        until(|| desk.get("/metrics").text(), &format!("{line},status=\"cancelled\"}} 1"))
    };
    cancelled("anthropic");
    let text = cancelled("openai");
    let rows = desk.rows(2);
    let output: u64 = rows.iter().map(|row| row.usage.output).sum();
    assert!(output > 0);
    let told = value(&text, &format!("distiq_tokens_total{{{labels},kind=\"output\"}}"));
    assert_eq!(told, output as f64);
    for dialect in ["anthropic", "openai"] {
        let line = format!("distiq_requests_in_flight{{dialect=\"{dialect}\"}}");
        assert_eq!(value(&text, &line), 0.0);
    }
    let stats = until(|| desk.get("/v1/distiq/stats?period=today").text(), "\"in_flight\":0");
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(stats["outcomes"]["errors"], json!([{ "name": "cancelled", "count": 2 }]));
    assert_eq!(stats["success_rate"], Value::Null, "nobody waited for an answer");
}
