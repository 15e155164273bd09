//! A model that looks before it acts, so that it gets to the end whatever a kill left.

use distiq_base::{Content, Request};
use distiq_testkit::{Answer, Script, Step};
use serde_json::json;

/// What is to be done: a file, its state before (or no file), its state afterwards.
pub const FILES: [(&str, Option<&str>, &str); 3] = [
    ("one.txt", Some("state one old"), "state one new"),
    ("two.txt", Some("state two old"), "state two new"),
    ("made/three.txt", None, "state three new"),
];

/// Long enough that a write in place would be torn.
pub fn content(state: &str) -> String {
    let lines = if state.contains("three") { 4 } else { 4_000 };
    format!("{state}\n{}", "a line that stays as it is\n".repeat(lines))
}

pub fn script() -> Script {
    Script::function(|request| Step::Answer(answer(request)))
}

fn answer(request: &Request) -> Answer {
    let look =
        json!({"command": "echo STATES; grep -h ^state one.txt two.txt made/three.txt; true"});
    let Some(states) = newest_result(request).filter(|text| text.starts_with("STATES")) else {
        return Answer::text(
            "I look at what there is, for I cannot know what has been done by now.",
        )
        .and_call("shell", look);
    };
    let edits: Vec<_> = FILES
        .iter()
        .filter_map(|(path, old, new)| Some((path, (*old)?, new)))
        .filter(|(_, old, _)| states.contains(*old))
        .map(|(path, old, new)| json!({"path": path, "search": old, "replace": new}))
        .collect();
    if !edits.is_empty() {
        return Answer::text("Some states are old; I make them new and look again.")
            .and_call("edit", json!({ "edits": edits }))
            .and_call("shell", look);
    }
    let (path, _, new) = FILES[2];
    if !states.contains(new) {
        return Answer::text("One file is missing.")
            .and_call("write", json!({"path": path, "content": content(new)}))
            .and_call("shell", look);
    }
    Answer::text("All states are new, and each of the three files is where it belongs.")
}

/// Returns the last tool result, where it is in the newest message but for what the user said.
fn newest_result(request: &Request) -> Option<&str> {
    let content = request.messages.iter().rev().flat_map(|message| message.content.iter().rev());
    content
        .take_while(|part| !matches!(part, Content::ToolCall { .. }))
        .find_map(|part| match part {
            Content::ToolResult { content, is_error: false, .. } => Some(content),
            _ => None,
        })
        .and_then(|content| match content.first() {
            Some(Content::Text { text }) => Some(text.as_str()),
            _ => None,
        })
}
