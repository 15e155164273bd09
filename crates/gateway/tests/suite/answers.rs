//! Answers that are given again, in every caller's dialect, streamed and whole.

use distiq_router::ResponseCache;
use distiq_testkit::{Answer as Says, Script, ScriptedModel};
use serde_json::{Value, json};

use crate::support::{Answer, Desk, OPERATOR};

fn model() -> ScriptedModel {
    let mut count = 0;
    ScriptedModel::start(Script::function(move |_| {
        count += 1;
        Says::text(format!("It is answer number {count}.")).into()
    }))
    .unwrap()
}

fn post(desk: &Desk, path: &str, headers: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let mut client = desk.connect();
    client.send(format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {OPERATOR}\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    client.answer()
}

const ON: &str = "x-distiq-optimize: on\r\n";

/// A caller's path and how it asks a question.
type Ask = (&'static str, fn(&str, bool) -> Value, &'static str);

const CALLERS: &[Ask] = &[
    (
        "/v1/messages",
        |text, stream| {
            json!({"model": "claude-sonnet-4-5", "max_tokens": 100, "stream": stream,
                "messages": [{"role": "user", "content": text}]})
        },
        "message_stop",
    ),
    (
        "/v1/chat/completions",
        |text, stream| json!({"model": "gpt-5.5", "stream": stream, "messages": [{"role": "user", "content": text}]}),
        "[DONE]",
    ),
    (
        "/v1/responses",
        |text, stream| json!({"model": "gpt-5.5", "store": false, "stream": stream, "input": text}),
        "response.completed",
    ),
];

#[test]
fn a_hit_comes_in_the_callers_dialect_streamed_and_whole() {
    for (path, ask, end) in CALLERS {
        let model = model();
        let desk = Desk::new(&model);
        let send = |text: &str, stream| post(&desk, path, ON, &ask(text, stream));
        let first = send("How do I sort a list in Python?", true);
        assert_eq!(
            (first.status, first.header("x-distiq-cache")),
            (200, Some("miss")),
            "{}",
            first.text()
        );
        for (text, stream, told) in [
            ("How do I sort a list in Python?", true, "hit"),
            ("How do I sort a list in Python?", false, "hit"),
            ("Could you tell me how to sort a list in Python?", true, "semantic"),
            ("In Python, how can I sort a list?", false, "semantic"),
        ] {
            let answer = send(text, stream);
            assert_eq!(answer.header("x-distiq-cache"), Some(told), "{path} {text}");
            assert!(answer.header("x-distiq-cache-id").is_some());
            assert!(answer.header("x-distiq-request-id").is_some());
            let body = answer.text();
            assert!(body.contains("It is answer number 1."), "{body}");
            assert_eq!(body.contains(end), stream, "{body}");
        }
        let other = send("How do I sort a list in Java?", false);
        assert_eq!(other.header("x-distiq-cache"), Some("miss"));
        assert_eq!(model.requests().len(), 2);
        let rows = desk.rows(6);
        assert_eq!(rows.iter().filter(|row| row.route == "cache").count(), 4);
        for row in rows.iter().filter(|row| row.route == "cache") {
            assert_eq!(row.cost_nanousd.map(|cost| cost.nanos()), Some(0));
            assert!(row.savings.response_cache.is_some_and(|saved| saved.nanos() > 0), "{row:?}");
        }
    }
}

#[test]
fn nobody_who_did_not_ask_is_served_and_who_refuses_is_not() {
    let model = model();
    let desk = Desk::new(&model);
    let (path, ask, _) = CALLERS[0];
    let body = ask("What is a closure?", false);
    let verdict = |headers: &str| {
        post(&desk, path, headers, &body).header("x-distiq-cache").map(str::to_owned)
    };
    assert_eq!(verdict(""), None);
    assert_eq!(verdict(""), None);
    assert_eq!(verdict(ON).as_deref(), Some("miss"));
    assert_eq!(verdict(ON).as_deref(), Some("hit"));
    assert_eq!(verdict("x-distiq-cache: on\r\n").as_deref(), Some("hit"));
    assert_eq!(
        verdict("x-distiq-optimize: on\r\nx-distiq-cache: off\r\n").as_deref(),
        Some("bypass")
    );
    assert_eq!(
        verdict("x-distiq-optimize: on\r\ncache-control: no-store\r\n").as_deref(),
        Some("bypass")
    );
    assert_eq!(model.requests().len(), 5);
    let tools =
        json!([{"name": "run", "description": "Runs.", "input_schema": {"type": "object"}}]);
    let mut acts = body.clone();
    acts["tools"] = tools;
    assert_eq!(post(&desk, path, ON, &acts).header("x-distiq-cache"), Some("bypass"));
    let path = desk.folder.path().join("cache.db");
    // What was used is written soon.
    let stats = std::iter::repeat_with(|| ResponseCache::stats(&path).unwrap());
    let stats = stats.take(10_000).find(|stats| stats.hits == 2).unwrap();
    assert_eq!(stats.entries, 1);
}

#[test]
fn one_owner_is_never_given_anothers_answer() {
    let model = model();
    let desk = Desk::new(&model);
    let key = |owner: &str| {
        let made = desk.post("/v1/distiq/keys", &json!({"owner": owner, "optimize": true}));
        made.json()["key"].as_str().unwrap().to_owned()
    };
    let (ann, ann_too, bob, nobody) = (key("ann"), key("ann"), key("bob"), key(""));
    let (path, ask, _) = CALLERS[0];
    let body = ask("What is a closure?", false);
    let verdict =
        |key: &str| desk.post_as(key, path, &body).header("x-distiq-cache").unwrap().to_owned();
    let verdicts = [&ann, &ann_too, &bob, &nobody, &bob].map(|key| verdict(key));
    assert_eq!(verdicts, ["miss", "hit", "miss", "miss", "hit"]);
}

#[test]
fn a_caller_without_marks_may_count_on_a_cache_that_wants_them() {
    let model = model();
    let desk = Desk::new(&model);
    let user = json!({ "role": "user", "content": "hi" });
    let tool = json!({ "type": "function", "function":
        { "name": "look", "parameters": { "type": "object", "properties": {} } } });
    let chat = |more: Value| {
        let mut body = json!({ "model": "claude-sonnet-4-5", "messages": [user] });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let past = json!([user, { "role": "assistant", "content": "yes?" }, user]);
    for (headers, body, is_marked) in [
        ("", chat(json!({})), false),
        ("", chat(json!({ "tools": [tool] })), true),
        ("", chat(json!({ "messages": past })), true),
        ("", chat(json!({ "prompt_cache_key": "a" })), true),
        ("x-distiq-optimize: off\r\n", chat(json!({ "messages": past })), false),
        (ON, chat(json!({})), true),
    ] {
        assert_eq!(post(&desk, "/v1/chat/completions", headers, &body).status, 200, "{body}");
        let sent = model.requests().pop().unwrap().json.to_string();
        assert_eq!(sent.contains("cache_control"), is_marked, "{headers}{body}: {sent}");
    }
    // Anthropic's own clients say what they want kept.
    let own = json!({ "model": "claude-sonnet-4-5", "max_tokens": 9, "messages": past });
    assert_eq!(post(&desk, "/v1/messages", "", &own).status, 200);
    assert!(!model.requests().pop().unwrap().json.to_string().contains("cache_control"));
}
