//! Calls of tools that take free text, outwards.

use std::collections::HashSet;

use distiq_base::Request;
use serde_json::{Value, json};

use crate::wire::responses;

/// Returns the names of the tools of a request that take free text.
pub fn custom_tools(request: &Request) -> HashSet<String> {
    let custom = request.tools.iter().filter(|tool| responses::is_custom(tool));
    custom.map(|tool| tool.name.clone()).collect()
}

/// Writes the calls of these tools in a whole answer as calls with free text.
pub fn put_custom(answer: &mut Value, names: &HashSet<String>) {
    let calls = answer.pointer_mut("/choices/0/message/tool_calls").and_then(Value::as_array_mut);
    for call in calls.into_iter().flatten() {
        let text = |key: &str| call.pointer(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(name), Some(arguments)) = (text("/function/name"), text("/function/arguments"))
        else {
            continue;
        };
        if names.contains(&name) {
            let input = input(&arguments);
            let id = call.get("id").cloned();
            *call =
                json!({ "id": id, "type": "custom", "custom": { "name": name, "input": input } });
        }
    }
}

/// Returns the free text in arguments.
pub(super) fn input(arguments: &str) -> String {
    responses::arguments_to_input(arguments)
}
