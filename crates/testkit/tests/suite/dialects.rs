//! What a client of each dialect gets for each kind of answer, streamed and whole.

use std::time::Duration;

use distiq_base::{Content, Dialect, Request, StopReason, Usage};
use distiq_llm::wire::responses::reasoning_signature;
use distiq_testkit::{Answer, AtEnd, Count, Options, Outcome, Script, ScriptedModel, Step};
use serde_json::{Value, json};

use crate::client::{ask, client, post, question, read_stream};

const DIALECTS: [Dialect; 3] = [Dialect::Anthropic, Dialect::Openai, Dialect::Responses];

#[tokio::test]
async fn every_content_arrives_streamed_and_whole() {
    let long = "A sentence with naïve 日本語 words. ".repeat(40);
    let answer = Answer::text(&long)
        .after_thinking("Let me think about it for a moment.", "c2lnbmVk")
        .and_call("read", json!({"path": "src/日本.rs", "lines": [1, 2]}))
        .and_call("read", json!({}))
        .and_call("read", json!({"path": long}));
    for dialect in DIALECTS {
        let steps = [answer.clone(), answer.clone()];
        let model = ScriptedModel::start(Script::steps(steps)).unwrap();
        for stream in [true, false] {
            let mut body = question(dialect, stream);
            body["max_tokens"] = json!(9000);
            if dialect != Dialect::Anthropic {
                body.as_object_mut().unwrap().remove("max_tokens");
            }
            let response = ask(&model, dialect, &body).await;
            let mut expected = answer.content.clone();
            let mut number = if stream { 0 } else { 3 };
            for content in &mut expected {
                match content {
                    Content::ToolCall { id, .. } => {
                        number += 1;
                        let prefix = if dialect == Dialect::Anthropic { "toolu" } else { "call" };
                        *id = format!("{prefix}_scripted_{number:04}");
                    }
                    Content::Thinking { signature, .. } => match dialect {
                        Dialect::Anthropic => {}
                        Dialect::Responses => {
                            let id = format!("rs_scripted_000{}_0", if stream { 1 } else { 2 });
                            *signature = Some(reasoning_signature(&id, "c2lnbmVk"));
                        }
                        _ => *signature = None,
                    },
                    _ => {}
                }
            }
            assert_eq!(response.content, expected, "{dialect:?} {stream}");
            assert_eq!(response.stop, StopReason::ToolUse);
            let usage = response.usage.unwrap();
            assert!(usage.output > 300 && usage.reasoning > 5 && usage.prompt() > 20, "{usage:?}");
            assert_eq!(Some(usage), model.requests().last().unwrap().usage);
        }
        assert_eq!(model.steps_left(), 0);
        model.check();
    }
}

#[tokio::test]
async fn a_stream_comes_in_the_vendors_order_and_in_small_pieces() {
    let model = ScriptedModel::start(Script::steps([Answer::sample()])).unwrap();
    let body = question(Dialect::Anthropic, true);
    let answer = post(&model, Dialect::Anthropic, &body).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
    let (_, frames, end) = read_stream(Dialect::Anthropic, answer).await;
    end.unwrap();
    let mut names: Vec<String> = frames.iter().map(|f| f.event.clone().unwrap()).collect();
    names.dedup();
    assert_eq!(
        names.join(" "),
        "message_start content_block_start ping content_block_delta content_block_stop \
         content_block_start content_block_delta content_block_stop message_delta message_stop"
    );
    assert!(frames.len() > 15);

    let model = ScriptedModel::start(Script::steps([Answer::sample()])).unwrap();
    let body = question(Dialect::Openai, true);
    let answer = post(&model, Dialect::Openai, &body).send().await.unwrap();
    let (_, frames, end) = read_stream(Dialect::Openai, answer).await;
    end.unwrap();
    assert_eq!(frames.last().unwrap().data, "[DONE]");
    let chunks: Vec<Value> = frames[..frames.len() - 1]
        .iter()
        .map(|frame| serde_json::from_str(&frame.data).unwrap())
        .collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let last = chunks.last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["completion_tokens"].as_u64() > Some(10));
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn counts_follow_the_cache_and_the_script() {
    for dialect in DIALECTS {
        let exact = Usage { input: 7, cache_read: 5, output: 3, ..Usage::default() };
        let steps = [
            Answer::text("one"),
            Answer::text("two"),
            Answer::text("three").counting(Count::Exactly(exact)),
            Answer::text("four").counting(Count::Missing),
        ];
        let model = ScriptedModel::start(Script::steps(steps)).unwrap();
        let mut body = question(dialect, true);
        let long = "Every word of this is counted. ".repeat(300);
        let list = if dialect == Dialect::Responses { "input" } else { "messages" };
        body[list] = match dialect {
            Dialect::Anthropic => json!([{"role": "user", "content": [
                {"type": "text", "text": long, "cache_control": {"type": "ephemeral"}}]}]),
            Dialect::Openai | Dialect::Responses | Dialect::Gemini | Dialect::Ollama => {
                json!([{"role": "user", "content": long}])
            }
        };
        let mut usages = Vec::new();
        for _ in 0..4 {
            usages.push(ask(&model, dialect, &body).await.usage);
        }
        let (first, second) = (usages[0].unwrap(), usages[1].unwrap());
        assert!(first.cache_write > 2000 && first.cache_read == 0, "{first:?}");
        assert_eq!((second.cache_read, second.cache_write), (first.cache_write, 0));
        assert_eq!(second.prompt(), first.prompt());
        assert_eq!(usages[2], Some(exact));
        assert_eq!(usages[3].unwrap_or_default(), Usage::default());
        model.check();
    }
}

#[tokio::test]
async fn an_openai_stream_tells_usage_only_when_asked() {
    let model = ScriptedModel::start(Script::steps([Answer::text("one")])).unwrap();
    let mut body = question(Dialect::Openai, true);
    body.as_object_mut().unwrap().remove("stream_options");
    assert_eq!(ask(&model, Dialect::Openai, &body).await.usage, None);
    assert!(model.requests()[0].usage.is_some());
}

#[tokio::test]
async fn an_answer_stops_at_the_requests_limit() {
    for (most, text_is_cut) in [(20, true), (80, false)] {
        let answer = Answer::text("one two three four ".repeat(10))
            .and_call("read", json!({"path": "a/very/long/path/".repeat(20)}));
        let model = ScriptedModel::start(Script::steps([answer.clone()])).unwrap();
        let mut body = question(Dialect::Anthropic, true);
        body["max_tokens"] = json!(most);
        let response = ask(&model, Dialect::Anthropic, &body).await;
        assert_eq!(response.stop, StopReason::MaxTokens);
        let output = response.usage.unwrap().output;
        assert!(output <= most && output + 3 >= most, "{output} of {most}");
        assert_eq!(response.content.len(), if text_is_cut { 1 } else { 2 });
        if let Some(Content::ToolCall { arguments, .. }) = response.content.get(1) {
            assert!(serde_json::from_str::<Value>(arguments).is_err());
        }
    }
}

#[tokio::test]
async fn a_function_sees_the_request_and_a_finished_script_refuses() {
    let script = Script::function(|request: &Request| {
        Step::from(Answer::text(format!("{} messages", request.messages.len())))
    });
    let model = ScriptedModel::start(script).unwrap();
    let body = question(Dialect::Anthropic, false);
    assert_eq!(ask(&model, Dialect::Anthropic, &body).await.content, [Content::text("1 messages")]);

    model.play(Script::steps([Answer::text("last")]).at_end(AtEnd::Repeat));
    for _ in 0..3 {
        assert_eq!(ask(&model, Dialect::Anthropic, &body).await.content, [Content::text("last")]);
    }
    model.check();
    model.play(Script::steps([] as [Answer; 0]));
    let refused = post(&model, Dialect::Anthropic, &body).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let found = model.violations();
    assert!(found.iter().any(|v| v.what.contains("the script is over")), "{found:?}");
}

#[tokio::test]
async fn keys_are_asked_for_and_models_are_listed() {
    let options = Options { required_key: Some("right-key".into()), ..Options::default() };
    let mut script = Script::steps([Answer::text("in")]);
    script.models = vec!["a".into(), "b".into()];
    let model = ScriptedModel::start_with(script, options).unwrap();
    for dialect in DIALECTS {
        let refused = post(&model, dialect, &question(dialect, true)).send().await.unwrap();
        assert_eq!(refused.status(), 401);
    }
    let list = client().get(format!("{}/models", model.base_url_openai()));
    let list = list.bearer_auth("right-key").send().await.unwrap().text().await.unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    let ids: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "b"]);
    let lost = client().get(format!("{}/v1/else", model.base_url_anthropic())).send().await;
    assert_eq!(lost.unwrap().status(), 404);
}

#[tokio::test]
async fn a_client_that_leaves_is_seen() {
    let slow = Answer::text("word ".repeat(2000)).paced(20);
    let model = ScriptedModel::start(Script::steps([slow])).unwrap();
    let body = question(Dialect::Anthropic, true);
    let mut answer = post(&model, Dialect::Anthropic, &body).send().await.unwrap();
    answer.chunk().await.unwrap().unwrap();
    assert_eq!(model.requests()[0].outcome, Outcome::Open);
    drop(answer);
    let gone = model.until(|captured| captured[0].outcome == Outcome::ClientGone);
    tokio::time::timeout(Duration::from_secs(60), gone).await.unwrap();
}

#[tokio::test]
async fn a_stored_answer_is_gone_on_from_listed_and_deleted() {
    let answers = [Answer::sample(), Answer::text("two"), Answer::text("three")];
    let model = ScriptedModel::start(Script::steps(answers)).unwrap();
    let mut body = question(Dialect::Responses, true);
    body["store"] = json!(true);
    let first = ask(&model, Dialect::Responses, &body).await;
    let call = first.content.iter().find_map(|c| match c {
        Content::ToolCall { id, .. } => Some(id.clone()),
        _ => None,
    });
    body["input"] = json!([{"type": "function_call_output", "call_id": call, "output": "r"}]);
    body["previous_response_id"] = json!(first.id);
    let second = ask(&model, Dialect::Responses, &body).await;
    assert_eq!(second.content, [Content::text("two")]);
    // The whole conversation was counted and read.
    let captured = model.requests();
    assert!(captured[1].usage.unwrap().prompt() > captured[0].usage.unwrap().prompt());
    assert_eq!(captured[1].request.as_ref().unwrap().messages.len(), 3);
    let at = |path: &str| format!("{}/responses/{path}", model.base_url_openai());
    let get = async |path: &str| {
        let answer =
            client().get(at(path)).header("x-key", "key-of-the-test").send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, stored) = get(&second.id).await;
    assert_eq!((status, &stored["previous_response_id"]), (200, &json!(first.id)));
    let (_, list) = get(&format!("{}/input_items?order=asc&limit=2", second.id)).await;
    assert_eq!((list["data"].as_array().unwrap().len(), &list["has_more"]), (2, &json!(true)));
    assert_eq!(list["data"][0]["content"][0]["text"], "hi");
    let gone = client().delete(at(&second.id)).send().await.unwrap();
    assert_eq!(gone.json::<Value>().await.unwrap()["deleted"], true);
    assert_eq!(get(&second.id).await.0, 404);
    body["previous_response_id"] = json!(second.id);
    let refused = post(&model, Dialect::Responses, &body).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("previous_response_not_found"));
}

#[tokio::test]
async fn embeddings_depend_on_the_text_alone() {
    let model = ScriptedModel::start(Script::steps([Answer::sample()])).unwrap();
    let embed = async |body: Value| {
        let url = format!("{}/embeddings", model.base_url_openai());
        let answer = client().post(url).body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    };
    let read = |bytes: &[u8]| distiq_llm::wire::openai::decode_embed_response(bytes).unwrap();
    let (_, first) = embed(json!({"model": "e", "input": ["a", "b"], "dimensions": 8})).await;
    let (_, again) =
        embed(json!({"model": "e", "input": "b", "dimensions": 8, "encoding_format": "base64"}))
            .await;
    let (first, again) = (read(&first), read(&again));
    assert_eq!((first.vectors.len(), first.vectors[0].len()), (2, 8));
    assert_eq!(first.vectors[1], again.vectors[0]);
    assert_ne!(first.vectors[0], first.vectors[1]);
    assert_eq!(first.tokens, Some(2));
    assert_eq!(embed(json!({"model": "e", "input": []})).await.0, 400);
}
