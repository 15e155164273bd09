//! Answers that are kept, and batches.

use std::time::Duration;

use distiq_gateway::{Keys, NewKey};
use distiq_testkit::{Answer as Says, AtEnd, Script, ScriptedModel};
use serde_json::json;

use crate::support::{Desk, OPERATOR, request};

fn model() -> ScriptedModel {
    ScriptedModel::start(Script::steps([Says::text("hello")]).at_end(AtEnd::Repeat)).unwrap()
}

#[test]
fn a_request_goes_on_from_an_answer_by_its_id() {
    let model = model();
    let desk = Desk::new(&model);
    let keys = Keys::open(&desk.folder.path().join("gateway.db")).unwrap();
    let other = keys.create(&NewKey::default()).unwrap();
    for stream in [false, true] {
        let name = "anthropic/scripted-1";
        let first =
            desk.post("/v1/responses", &json!({ "model": name, "input": "one", "stream": stream }));
        let first = match stream {
            false => first.json(),
            true => first.events().last().unwrap()["response"].clone(),
        };
        let id = first["id"].as_str().unwrap();
        let kept = desk.get(&format!("/v1/responses/{id}")).json();
        assert_eq!(kept["output"], first["output"]);
        let next = json!({ "model": name, "input": "two", "previous_response_id": id });
        let second = desk.post("/v1/responses", &next);
        assert_eq!(second.status, 200, "{}", second.text());
        assert_eq!(second.json()["previous_response_id"], id);
        let requests = model.requests();
        let asked = &requests.last().unwrap().request.as_ref().unwrap().messages;
        let texts: Vec<String> = asked.iter().map(distiq_base::Message::text).collect();
        assert_eq!(texts, ["one", "hello", "two"]);
        let items = desk.get(&format!("/v1/responses/{id}/input_items")).json();
        assert_eq!(items["data"][0]["content"][0]["text"], "one");
        let secret = other.secret.expose();
        assert_eq!(desk.post_as(secret, "/v1/responses", &next).status, 404, "another's");
        let mut client = desk.connect();
        client.send(request("DELETE", &format!("/v1/responses/{id}"), OPERATOR, ""));
        assert_eq!(client.answer().json()["deleted"], true);
        assert_eq!(desk.get(&format!("/v1/responses/{id}")).status, 404);
        assert_eq!(desk.post("/v1/responses", &next).status, 404);
    }
    let body = json!({ "model": "anthropic/scripted-1", "input": "one", "store": false });
    let id = desk.post("/v1/responses", &body).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(desk.get(&format!("/v1/responses/{id}")).status, 404);
}

#[test]
fn a_batch_is_worked_off_by_any_provider() {
    let model = model();
    let desk = Desk::new(&model);
    let item = |id: &str, model: &str| {
        json!({ "custom_id": id, "params": { "model": model, "max_tokens": 9,
                "messages": [{ "role": "user", "content": id }] } })
    };
    let batch = json!({ "requests": [
        item("a", "anthropic/scripted-1"), item("b", "openai/scripted-1"), item("c", "none/x"),
    ] });
    let made = desk.post("/v1/messages/batches", &batch).json();
    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/messages/batches/{id}");
    let mut tries = 0;
    let ended = loop {
        let now = desk.get(&path).json();
        if now["processing_status"] == "ended" {
            break now;
        }
        tries += 1;
        assert!(tries < 2_000, "{now}");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(ended["request_counts"]["succeeded"], 3, "{ended}");
    let results = desk.get(&format!("{path}/results")).text();
    let lines: Vec<serde_json::Value> =
        results.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<&str> = lines.iter().map(|line| line["custom_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(lines[1]["result"]["message"]["content"][0]["text"], "hello");
    assert_eq!(desk.get("/v1/messages/batches").json()["data"][0]["id"], id);
    assert_eq!(desk.post("/v1/messages/batches", &json!({ "requests": [] })).status, 400);
    let twice = json!({ "requests": [item("a", "m"), item("a", "m")] });
    assert_eq!(desk.post("/v1/messages/batches", &twice).status, 400);
}

#[test]
fn an_answer_that_is_kept_here_is_gone_on_from_at_a_vendor_that_keeps_its_own() {
    let model = model();
    let desk = Desk::new(&model);
    let ask = |name: &str, input: &str, previous: &str| {
        let previous = Some(previous).filter(|id| !id.is_empty());
        let body = json!({ "model": name, "input": input, "previous_response_id": previous });
        desk.post("/v1/responses", &body)
    };
    let first = ask("anthropic/scripted-1", "one", "").json()["id"].as_str().unwrap().to_owned();
    // The scripted vendor names all its answers alike.
    let other = ask("anthropic/scripted-1", "other", "").json()["id"].clone();
    assert_ne!(first, other);
    let second = ask("items/scripted-1", "two", &first);
    assert_eq!(second.status, 200, "{}", second.text());
    let sent = model.requests().last().unwrap().clone();
    assert!(!String::from_utf8_lossy(&sent.body).contains(&first), "the vendor does not know it");
    let messages = &sent.request.as_ref().unwrap().messages;
    let texts: Vec<String> = messages.iter().map(distiq_base::Message::text).collect();
    assert_eq!(texts, ["one", "hello", "two"]);
    let theirs = ask("items/scripted-1", "three", "resp_of_the_vendor");
    let sent = model.requests().last().unwrap().clone();
    assert!(
        String::from_utf8_lossy(&sent.body).contains("resp_of_the_vendor"),
        "{}",
        theirs.text()
    );
}

#[test]
fn a_batch_ends_with_its_key() {
    let says = Says { pace_ms: 5, ..Says::text("hello") };
    let model = ScriptedModel::start(Script::steps([says]).at_end(AtEnd::Repeat)).unwrap();
    let desk = Desk::new(&model);
    let keys = Keys::open(&desk.folder.path().join("gateway.db")).unwrap();
    let key = keys.create(&NewKey::default()).unwrap();
    let items: Vec<_> = (0..300)
        .map(|n| {
            json!({ "custom_id": n.to_string(), "params": { "model": "anthropic/scripted-1",
                "max_tokens": 9, "messages": [{ "role": "user", "content": "hi" }] } })
        })
        .collect();
    let path = "/v1/messages/batches";
    let batch = desk.post_as(key.secret.expose(), path, &json!({ "requests": items })).json();
    while model.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    keys.revoke(&key.key.id).unwrap();
    let id = batch["id"].as_str().unwrap();
    while desk.get(&format!("{path}/{id}")).json()["processing_status"] != "ended" {
        std::thread::sleep(Duration::from_millis(5));
    }
    let results = desk.get(&format!("{path}/{id}/results")).text();
    assert_eq!(results.lines().count(), 300);
    let refused = results.matches("authentication_error").count();
    assert!(refused > 0 && model.requests().len() <= 300 - refused, "{refused}");
}
