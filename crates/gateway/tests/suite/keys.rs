//! Who is let in, and how far.

use distiq_gateway::{Access, Gateway, GatewayError, Keys, NewKey, Options, SeeingOptions};
use distiq_testkit::{Answer as Says, AtEnd, Script, ScriptedModel};
use serde_json::{Value, json};

use crate::support::{Desk, OPERATOR, request};

fn model() -> ScriptedModel {
    ScriptedModel::start(Script::steps([Says::text("hello")]).at_end(AtEnd::Repeat)).unwrap()
}

fn ask(model: &str) -> Value {
    json!({ "model": model, "max_tokens": 100, "messages": [{ "role": "user", "content": "hi" }] })
}

fn keys(desk: &Desk) -> Keys {
    Keys::open(&desk.folder.path().join("gateway.db")).unwrap()
}

#[test]
fn a_key_is_needed_and_stands_where_the_vendors_stood() {
    let model = model();
    let desk = Desk::new(&model);
    let made = keys(&desk).create(&NewKey { owner: "ann".into(), ..NewKey::default() }).unwrap();
    let key = made.secret.expose();
    let body = ask("anthropic/scripted-1").to_string();
    let send = |path: &str, header: &str| {
        let mut client = desk.connect();
        client.send(format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\n{header}content-length: {}\r\n\r\n{body}",
            body.len()
        ));
        client.answer().status
    };
    let path = "/v1/messages";
    assert_eq!(send(path, &format!("x-api-key: {key}\r\n")), 200);
    assert_eq!(send(path, &format!("Authorization: Bearer {key}\r\n")), 200);
    assert_eq!(send(path, &format!("x-goog-api-key: {key}\r\n")), 200);
    assert_eq!(send(&format!("{path}?key={key}"), ""), 200);
    assert_eq!(send(path, ""), 401);
    assert_eq!(send(path, "x-api-key: dq-none-none\r\n"), 401);
    assert_eq!(send(path, "x-api-key: sk-the-vendors-own-key\r\n"), 401);
    for request in model.requests() {
        assert_eq!(request.header("x-api-key"), Some("sk-the-vendors-own-key"));
        let all = format!("{:?} {:?}", request.headers, request.path);
        assert!(!all.contains(key), "{all}");
    }
    keys(&desk).revoke(&made.key.id).unwrap();
    assert_eq!(send(path, &format!("x-api-key: {key}\r\n")), 401);
}

#[test]
fn guessing_is_limited() {
    let model = model();
    let desk = Desk::new(&model);
    let statuses: Vec<u16> = (0..30)
        .map(|n| desk.post_as(&format!("dq-{n}-guess"), "/v1/messages", &ask("x")).status)
        .collect();
    assert_eq!(statuses[0], 401);
    assert_eq!(statuses[29], 429);
    let slowed = desk.post_as("dq-1-guess", "/v1/messages", &ask("x"));
    assert!(slowed.header("retry-after").is_some());
    assert_eq!(desk.post("/v1/messages", &ask("anthropic/scripted-1")).status, 200);
    assert_eq!(model.requests().len(), 1);
}

#[test]
fn models_and_rates_of_a_key_are_held() {
    let model = model();
    let desk = Desk::new(&model);
    let made = keys(&desk)
        .create(&NewKey {
            models: vec!["anthropic/*".into()],
            requests_per_minute: Some(2),
            ..NewKey::default()
        })
        .unwrap();
    let post =
        |model: &str| desk.post_as(made.secret.expose(), "/v1/chat/completions", &ask(model));
    assert_eq!(post("openai/scripted-1").status, 403);
    assert_eq!(post("anthropic/scripted-1").status, 200);
    assert_eq!(post("anthropic/scripted-1").status, 200);
    let limited = post("anthropic/scripted-1");
    assert_eq!(limited.status, 429);
    let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(limited.json()["error"]["code"], "rate_limit_exceeded");
}

#[test]
fn keys_are_made_and_revoked_over_http_by_admins_alone() {
    let model = model();
    let desk = Desk::new(&model);
    let made = desk.post("/v1/distiq/keys", &json!({ "owner": "bob", "models": ["a"] }));
    assert_eq!(made.status, 200, "{}", made.text());
    let made = made.json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let refused = desk.post_as(key, "/v1/distiq/keys", &json!({}));
    assert_eq!(refused.status, 403);
    let list = desk.get("/v1/distiq/keys");
    assert!(!list.text().contains(key));
    assert_eq!(list.json()["keys"][0]["owner"], "bob");
    let mut client = desk.connect();
    client.send(request("DELETE", &format!("/v1/distiq/keys/{id}"), OPERATOR, ""));
    assert!(client.answer().json()["revoked"].is_string());
    assert_eq!(desk.post_as(key, "/v1/messages", &ask("x")).status, 401);
    assert_eq!(desk.post("/v1/distiq/keys", &json!({ "oner": "typo" })).status, 400);
    // What others did is not told.
    let other = keys(&desk).create(&NewKey::default()).unwrap();
    let answer = desk.post("/v1/messages", &ask("anthropic/scripted-1"));
    let id = answer.header("x-distiq-request-id").unwrap();
    let mut client = desk.connect();
    let path = format!("/v1/distiq/requests/{id}");
    client.send(request("GET", &path, other.secret.expose(), ""));
    assert_eq!(client.answer().status, 404);
}

#[test]
fn nobody_listens_wider_than_this_machine_without_a_key() {
    let model = model();
    let desk = Desk::new(&model);
    let bind = |access, operator_key: Option<&str>| {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            listen: "0.0.0.0:0".parse().unwrap(),
            access,
            operator_key: operator_key.map(distiq_base::Secret::new),
            database: folder.path().join("gateway.db"),
            hosts: Vec::new(),
            tls: None,
            seeing: SeeingOptions::default(),
            bounds: distiq_gateway::Bounds::default(),
        };
        let source = crate::support::Reading {
            cache: desk.folder.path().join("other.db"),
            anthropic: model.base_url_anthropic(),
            openai: model.base_url_openai(),
            ledger: std::sync::Arc::clone(&desk.ledger),
            limits: std::sync::Mutex::default(),
            timeouts: distiq_llm::Timeouts::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { Gateway::bind(options, std::sync::Arc::new(source)).map(drop) })
    };
    assert!(matches!(bind(Access::Open, Some("k")), Err(GatewayError::Unguarded(_))));
    assert!(matches!(bind(Access::Keys, None), Err(GatewayError::Unguarded(_))));
    assert!(bind(Access::Keys, Some("k")).is_ok());
}

#[test]
fn pages_of_other_sites_are_kept_out_of_an_open_gateway() {
    let model = model();
    let desk = Desk::with(&model, |options| options.access = Access::Open);
    let body = ask("anthropic/scripted-1").to_string();
    let send = |host: &str, more: &str| {
        let mut client = desk.connect();
        client.send(format!(
            "POST /v1/messages HTTP/1.1\r\nhost: {host}\r\n{more}content-length: {}\r\n\r\n{body}",
            body.len()
        ));
        client.answer().status
    };
    assert_eq!(send("localhost", ""), 200);
    assert_eq!(send("evil.example", ""), 403);
    assert_eq!(send("localhost", "origin: https://evil.example\r\n"), 403);
    assert_eq!(send("localhost", "content-type: text/plain\r\n"), 415);
}

#[test]
fn a_keys_budget_holds_under_many_clients() {
    let script = Script::steps([Says::text("word ".repeat(200))]).at_end(AtEnd::Repeat);
    let model = ScriptedModel::start(script).unwrap();
    let desk = Desk::new(&model);
    // About one cent an answer of up to 2,000 tokens.
    let budget = distiq_base::Money::from_nanos(50_000_000);
    let new = NewKey { day_nanousd: Some(budget), owner: "ann".into(), ..NewKey::default() };
    let made = keys(&desk).create(&new).unwrap();
    let mut body = ask("anthropic/claude-haiku-4-5");
    body["max_tokens"] = 2_000.into();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..32)
            .map(|_| {
                scope.spawn(|| desk.post_as(made.secret.expose(), "/v1/messages", &body).status)
            })
            .collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(statuses.contains(&402), "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 402)), "{statuses:?}");
    let rows = desk.rows(1);
    let spent: i64 = rows.iter().filter_map(|row| row.cost_nanousd).map(|cost| cost.nanos()).sum();
    assert!(spent > 0 && spent <= budget.nanos(), "{spent}");
    assert!(rows.iter().all(|row| row.key.as_deref() == Some(made.key.id.as_str())));
    let refused = desk.post_as(made.secret.expose(), "/v1/chat/completions", &body);
    if refused.status != 200 {
        assert_eq!(refused.json()["error"]["code"], "insufficient_quota");
        assert_eq!(refused.header("x-should-retry"), Some("false"));
    }
}
