//! What the scripted model says: it searches, reads, edits and tests in one answer, and answers.
//! It looks at what the tools told it, as a model would.

use distiq_base::{Content, Request, Role};
use distiq_testkit::{Answer, Script, Step};
use serde_json::json;

use super::project::Project;

/// What the user asks for.
pub const PROMPT: &str = "The test of ten pieces fails: they should get the discount. Find the bug, fix it, run the tests.";

/// Writes the script for a project.
pub fn of(project: &'static Project) -> Script {
    Script::function(move |request| Step::Answer(answer(project, request)))
}

fn answer(project: &Project, request: &Request) -> Answer {
    let answers = request.messages.iter().filter(|m| m.role == Role::Assistant).count();
    let heard = last_result(request);
    let (wrong, right) = project.fix;
    match answers {
        0 => Answer::text("I look for where the discount is decided.")
            .and_call("search", json!({ "pattern": project.function })),
        1 if !heard.contains(project.path) => {
            Answer::text("The search did not find the discount; I cannot go on.")
        }
        1 => Answer::call("read", json!({ "path": project.path })),
        2 if !heard.contains(wrong) => {
            Answer::text("The file is not what the search said; I cannot go on.")
        }
        2 => Answer::text("Ten pieces should count, and `>` leaves them out. I fix it and test.")
            .and_call("edit", json!({ "path": project.path, "search": wrong, "replace": right }))
            .and_call("shell", json!({ "command": project.test_command })),
        _ if heard.contains(project.green_mark) => Answer::text(format!(
            "Fixed: in `{}` the discount began after ten pieces, now it begins with the tenth. \
             All tests pass.",
            project.path
        )),
        _ => Answer::text(format!("The tests are still red:\n{heard}")),
    }
}

/// Returns the text of the newest tool result.
fn last_result(request: &Request) -> String {
    let result = request.messages.iter().rev().flat_map(|message| message.content.iter().rev());
    let result = result.filter_map(|content| match content {
        Content::ToolResult { content, .. } => Some(content),
        _ => None,
    });
    let texts = result.take(1).flatten().filter_map(|content| match content {
        Content::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}
