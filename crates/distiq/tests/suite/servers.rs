//! A server that a model starts, uses from other commands and ends, with and without a sandbox.

use std::net::TcpListener;

use distiq_base::{Content, Message};
use distiq_testkit::{Answer, Script, ScriptedModel};
use serde_json::json;

use crate::{Place, Ran};

const GET: &str = "import sys, urllib.request as u\nprint(u.urlopen(f'http://127.0.0.1:{sys.argv[1]}/').status)\n";

/// Runs the calls one after the other and returns what the model is told of each.
fn told(sandbox: &str, calls: &[serde_json::Value]) -> Vec<String> {
    let steps = calls.iter().map(|input| Answer::text("next").and_call("shell", input.clone()));
    let model = ScriptedModel::start(Script::by_turn(
        steps.chain([Answer::text("That is all.")]).collect::<Vec<_>>(),
    ))
    .unwrap();
    let place = Place::new();
    place.write("get.py", GET);
    let mut command = place.command(&["run", "--mode", "full", "--price", "3/15", "serve"]);
    command
        .env("ANTHROPIC_BASE_URL", model.base_url_anthropic())
        .env("DISTIQ_MODEL", "scripted-1")
        .env("DISTIQ_SANDBOX", sandbox);
    let ran = Ran::of(command.output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let requests = model.requests();
    let request = requests.last().unwrap().request.clone().unwrap();
    request.messages.iter().flat_map(results).collect()
}

fn results(message: &Message) -> Vec<String> {
    let result = |content: &Content| match content {
        Content::ToolResult { content, .. } => content.iter().find_map(|part| match part {
            Content::Text { text } => Some(text.clone()),
            _ => None,
        }),
        _ => None,
    };
    message.content.iter().filter_map(result).collect()
}

#[test]
fn a_server_serves_the_next_command_until_it_is_killed() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let get = format!("python3 get.py {port} 2>&1 | tail -1");
    for sandbox in ["auto", "off"] {
        let told = told(
            sandbox,
            &[
                json!({"command": format!("python3 -m http.server {port} --bind 127.0.0.1"), "ready": port.to_string()}),
                json!({"command": get}),
                json!({"id": 1}),
                json!({"id": 1, "kill": true}),
                json!({"command": get}),
            ],
        );
        assert!(told[0].contains("[1: ready after "), "{sandbox}: {told:#?}");
        assert_eq!(told[1], "200", "{sandbox}: {told:#?}");
        assert!(
            told[2].contains("GET / HTTP/1.1") && told[2].contains("[1: running for "),
            "{sandbox}: {told:#?}"
        );
        assert!(told[3].contains("[1: killed]"), "{sandbox}: {told:#?}");
        assert!(told[4].contains("Connection refused"), "{sandbox}: {told:#?}");
    }
}
