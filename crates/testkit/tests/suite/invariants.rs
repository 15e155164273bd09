//! The invariants themselves: each has a session that breaks it and nothing else.

use distiq_base::Dialect;
use distiq_testkit::{Answer, AtEnd, Options, Script, ScriptedModel, Sessions};
use serde_json::{Value, json};

use crate::client::{post, question};

/// Plays bodies in order and returns what is found wrong.
async fn play(options: Options, dialect: Dialect, bodies: &[Value]) -> Vec<String> {
    let script = Script::steps([Answer::text("ok")]).at_end(AtEnd::Repeat);
    let model = ScriptedModel::start_with(script, options).unwrap();
    for body in bodies {
        post(&model, dialect, body).send().await.unwrap().bytes().await.unwrap();
    }
    model.violations().iter().map(ToString::to_string).collect()
}

/// Two requests of a session, the second one going on from the first, marks moved.
fn session(dialect: Dialect) -> [Value; 2] {
    let mut first = question(dialect, false);
    match dialect {
        Dialect::Anthropic => {
            first["system"] = json!([{"type": "text", "text": "You fix bugs in this project."}]);
            first["messages"][0]["content"] = json!([
                {"type": "text", "text": "Fix it.", "cache_control": {"type": "ephemeral"}}]);
        }
        Dialect::Openai | Dialect::Responses | Dialect::Gemini | Dialect::Ollama => {
            first["prompt_cache_key"] = json!("s-1");
            first["messages"] = json!([
                {"role": "developer", "content": "You fix bugs in this project."},
                {"role": "user", "content": "Fix it."}]);
        }
    }
    let mut second = first.clone();
    let messages = second["messages"].as_array_mut().unwrap();
    match dialect {
        Dialect::Anthropic => {
            messages[0]["content"] = json!("Fix it.");
            messages.push(json!({"role": "assistant", "content": [
                {"type": "tool_use", "id": "t", "name": "read", "input": {"path": "a", "n": 1}}]}));
            messages.push(json!({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": "file"}]}));
        }
        Dialect::Openai | Dialect::Responses | Dialect::Gemini | Dialect::Ollama => {
            messages.push(json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": "t", "type": "function",
                 "function": {"name": "read", "arguments": "{}"}}]}));
            messages.push(json!({"role": "tool", "tool_call_id": "t", "content": "file"}));
        }
    }
    [first, second]
}

async fn check(dialect: Dialect, change: impl Fn(&mut [Value; 2]), expected: &[&str]) {
    let mut bodies = session(dialect);
    change(&mut bodies);
    let found = play(Options::default(), dialect, &bodies).await;
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found} does not say {expected}");
    }
}

#[tokio::test]
async fn a_session_in_order_breaks_nothing() {
    for dialect in [Dialect::Anthropic, Dialect::Openai] {
        check(dialect, |_| {}, &[]).await;
    }
}

#[tokio::test]
async fn a_planted_date_is_caught_with_its_place() {
    let date = |body: &mut Value, day: &str| {
        let text = format!("You fix bugs in this project. Today is {day}. Be brief.");
        if body["system"].is_array() {
            body["system"][0]["text"] = json!(text);
        } else {
            body["messages"][0]["content"] = json!(text);
        }
    };
    for (dialect, place) in
        [(Dialect::Anthropic, "system[0] differs from byte 71"), (Dialect::Openai, "messages[0]")]
    {
        let change = |bodies: &mut [Value; 2]| {
            date(&mut bodies[0], "2026-11-20");
            date(&mut bodies[1], "2026-11-21");
        };
        check(dialect, change, &[place]).await;
        check(dialect, change, &["2026-11-2▸0. Be brief."]).await;
        check(dialect, change, &["2026-11-2▸1. Be brief."]).await;
    }
}

#[tokio::test]
async fn a_reordered_key_is_caught() {
    let turn = |fields: &mut Value| {
        let fields = fields.as_object_mut().unwrap();
        let name = fields.keys().next().unwrap().clone();
        let value = fields.shift_remove(&name).unwrap();
        fields.insert(name, value);
    };
    let tool = |bodies: &mut [Value; 2]| turn(&mut bodies[1]["tools"][0]);
    check(Dialect::Anthropic, tool, &["does not begin with request 0: tools[0] differs"]).await;
    check(Dialect::Openai, tool, &["tools[0] differs from byte 2 on"]).await;
    let input = |bodies: &mut [Value; 2]| {
        let mut third = bodies[1].clone();
        turn(&mut third["messages"][1]["content"][0]["input"]);
        bodies[0] = bodies[1].clone();
        bodies[1] = third;
    };
    check(Dialect::Anthropic, input, &["messages[1] differs"]).await;
}

#[tokio::test]
async fn what_is_gone_or_new_in_the_prefix_is_caught() {
    let dialect = Dialect::Anthropic;
    check(dialect, |b| b.swap(0, 1), &["messages[1] is gone"]).await;
    let more_tools = |bodies: &mut [Value; 2]| {
        let mut tool = bodies[1]["tools"][0].clone();
        tool["name"] = json!("more");
        bodies[1]["tools"].as_array_mut().unwrap().push(tool);
    };
    check(dialect, more_tools, &["tools has 2 elements, not 1"]).await;
    let key = |bodies: &mut [Value; 2]| bodies[1]["prompt_cache_key"] = json!("s-2");
    check(Dialect::Openai, key, &["its prompt_cache_key is not that of request 0"]).await;
}

#[tokio::test]
async fn what_is_unbounded_is_caught() {
    let result = |bodies: &mut [Value; 2]| {
        bodies[1]["messages"][2]["content"][0]["content"] = json!("x".repeat(65 * 1024));
    };
    check(Dialect::Anthropic, result, &["the tool result at messages[2] has 66560 bytes"]).await;
    let result = |bodies: &mut [Value; 2]| {
        bodies[1]["messages"][3]["content"] = json!("x".repeat(65 * 1024));
    };
    check(Dialect::Openai, result, &["the tool result at messages[3] has 66560 bytes"]).await;
    let image = |bodies: &mut [Value; 2]| {
        let source =
            json!({"type": "base64", "media_type": "image/png", "data": "A".repeat(11 << 20)});
        let image = json!({"type": "image", "source": source});
        bodies[1]["messages"][2]["content"].as_array_mut().unwrap().push(image);
    };
    check(Dialect::Anthropic, image, &["over 10485760"]).await;
}

#[tokio::test]
async fn what_the_vendor_refuses_is_caught() {
    let unpaired = |bodies: &mut [Value; 2]| {
        bodies[1]["messages"].as_array_mut().unwrap().pop();
        bodies[1]["messages"].as_array_mut().unwrap().push(json!({"role": "user", "content": "?"}));
    };
    check(Dialect::Anthropic, unpaired, &["without `tool_result` blocks"]).await;
    check(Dialect::Openai, unpaired, &["did not have response messages: t"]).await;
    let marks = |bodies: &mut [Value; 2]| {
        let block = json!({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}});
        for _ in 0..5 {
            bodies[1]["messages"][2]["content"].as_array_mut().unwrap().push(block.clone());
        }
    };
    check(Dialect::Anthropic, marks, &["Found 5", "it has 5 cache marks"]).await;
}

#[tokio::test]
async fn secrets_are_caught_wherever_they_are() {
    let [first, second] = session(Dialect::Anthropic);
    let mut leaks = second.clone();
    leaks["messages"][2]["content"][0]["content"] = json!("KEY=se\"cret-of-mine");
    let options = || Options { secrets: vec!["se\"cret-of-mine".into()], ..Options::default() };
    let found = play(options(), Dialect::Anthropic, &[first.clone(), leaks]).await;
    assert_eq!(found, ["request 1: secret number 0 is in its body or path"]);
    // The key of the auth header is a secret without being named.
    let mut leaks = second;
    leaks["messages"][2]["content"][0]["content"] = json!("key-of-the-test");
    let found = play(options(), Dialect::Anthropic, &[first, leaks]).await;
    assert_eq!(found, ["request 1: secret number 1 is in its body or path"]);

    let script = Script::steps([Answer::text("ok")]);
    let model = ScriptedModel::start_with(script, options()).unwrap();
    let request = post(&model, Dialect::Anthropic, &question(Dialect::Anthropic, false));
    request.header("x-trace", "a se\"cret-of-mine").send().await.unwrap();
    let found = model.violations();
    assert_eq!(found[0].what, "secret number 0 is in its header x-trace");
}

#[tokio::test]
async fn sessions_are_told_apart_as_asked() {
    let [first, second] = session(Dialect::Openai);
    let mut other = first.clone();
    other["messages"][1]["content"] = json!("Something else.");
    other["prompt_cache_key"] = json!("s-2");
    let mut fork = first.clone();
    fork["messages"].as_array_mut().unwrap().push(json!({"role": "assistant", "content": "no"}));
    let mixed = [first.clone(), other, second.clone()];
    let forked = [first, second, fork];
    for (bodies, sessions, wrong) in [
        (&mixed, Sessions::One, 4),
        (&mixed, Sessions::ByCacheKey, 0),
        (&mixed, Sessions::ByFirstMessage, 0),
        (&mixed, Sessions::Unrelated, 0),
        (&forked, Sessions::ByCacheKey, 1),
        (&forked, Sessions::Forked, 0),
    ] {
        let options = Options { sessions, ..Options::default() };
        let found = play(options, Dialect::Openai, bodies).await;
        assert_eq!(found.len(), wrong, "{sessions:?}: {found:#?}");
    }
}
