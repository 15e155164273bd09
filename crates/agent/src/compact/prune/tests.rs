use serde_json::{Value, json};

use super::*;

fn answer(calls: &[(&str, &str, Value)]) -> Message {
    let mut content = vec![Content::Thinking { text: "hm".into(), signature: Some("s".into()) }];
    content.extend(calls.iter().map(|(id, name, input)| Content::ToolCall {
        id: (*id).into(),
        name: (*name).into(),
        arguments: input.to_string(),
    }));
    Message { role: Role::Assistant, content }
}

fn results(of: &[(&str, &str)]) -> Message {
    let content = of.iter().map(|(id, text)| Content::tool_result(*id, *text, false)).collect();
    Message { role: Role::User, content }
}

fn step(id: &str, name: &str, input: Value, text: &str) -> [Message; 2] {
    [answer(&[(id, name, input)]), results(&[(id, text)])]
}

fn text(lines: usize, word: &str) -> String {
    (0..lines).map(|n| format!("the {word} goes on, part {n}\n")).collect()
}

/// Puts so many more answers behind a history that all of it may be left out.
fn behind(mut messages: Vec<Message>, answers: usize) -> Vec<Message> {
    messages.extend((0..answers).map(|n| Message::assistant(format!("so far {n}"))));
    messages
}

fn found(messages: &[Message]) -> Vec<(String, String)> {
    let results = find(messages).results;
    results.into_iter().map(|result| (result.call_id, result.text)).collect()
}

#[test]
fn what_later_results_replace_is_left_out() {
    let read = |path: &str| json!({"path": path});
    let messages: Vec<Message> = [
        vec![Message::user("go")],
        step(
            "s1",
            "search",
            json!({"pattern": "total"}),
            &format!("src/a.py\n{}", text(30, "hit")),
        )
        .into(),
        step("a1", "read", read("src/a.py"), &text(40, "old")).into(),
        step("b1", "read", read("src/b.py"), &text(40, "same")).into(),
        step("t1", "shell", json!({"command": "make"}), &text(40, "run")).into(),
        step("e1", "edit", json!({"path": "src/a.py", "search": "x", "replace": "y"}), "edited")
            .into(),
        step("b2", "read", read("src/b.py"), &text(50, "same")).into(),
        step("c1", "read", read("src/c.py"), &text(40, "alone")).into(),
        step("t2", "shell", json!({"command": "make"}), &text(40, "run")).into(),
    ]
    .concat();
    let left_out = |messages: &[Message]| -> Vec<String> {
        found(messages).into_iter().map(|(_, text)| text).collect()
    };
    assert_eq!(
        left_out(&behind(messages.clone(), NEWEST)),
        [
            "[… search total: 749 bytes of places, looked at further on; call it again for all]",
            "[… read src/a.py: 990 bytes from before the file was changed; call it again for the text]",
            "[… read src/b.py: shown again further on]",
            "[… shell make: called again further on]",
        ]
    );
    // What was read again and only called unchanged stands nowhere else.
    let unchanged: Vec<Message> = [
        step("b1", "read", read("src/b.py"), &text(40, "same")),
        step("b2", "read", read("src/b.py"), "[unchanged since turn 1]"),
    ]
    .concat();
    assert_eq!(left_out(&behind(unchanged, NEWEST)), Vec::<String>::new());
    // The newest always stay.
    assert_eq!(left_out(&messages[..9]), Vec::<String>::new());
}

#[test]
fn long_results_of_long_ago_are_left_out_but_for_what_no_summary_may_blur() {
    let rule = "Never run the migration on a Friday.";
    let long = format!("{}{rule}\n{}", text(60, "page"), text(60, "leaf"));
    let messages = step("a", "read", json!({"path": "docs/a.md"}), &long).to_vec();
    let line =
        format!("[… read docs/a.md: {} bytes; call it again where they are needed]", long.len());
    let [(id, stands)] = found(&behind(messages.clone(), OLD_BEHIND)).try_into().unwrap();
    assert_eq!((id.as_str(), stands), ("a", format!("{line}\n{rule}")));
    assert_eq!(found(&behind(messages, OLD_BEHIND - 1)), []);
    // Nearly all of it would have to stay, or it is short.
    let rules: String = (0..90).map(|n| format!("never touch the table t_{n}\n")).collect();
    let short = step("b", "read", json!({"path": "b"}), &text(9, "x"));
    let kept = step("a", "read", json!({"path": "docs/a.md"}), &rules);
    let stands = found(&behind([kept, short].concat(), OLD_BEHIND));
    assert!(
        stands.iter().all(|(id, text)| id == "a" && text.len() < rules.len() / 4),
        "{stands:?}"
    );
}

#[test]
fn every_call_keeps_its_result_and_reasoning_behind_goes() {
    let old = [
        vec![Message::user("go")],
        step("a", "read", json!({"path": "a"}), &text(90, "a")).into(),
        vec![
            answer(&[("b", "shell", json!({"command": "x"})), ("c", "find", json!({}))]),
            results(&[("b", &text(90, "b")), ("c", "src/\n")]),
        ],
    ]
    .concat();
    let mut messages = behind(old.clone(), OLD_BEHIND);
    let only_thinks = Content::Thinking { text: "hm".into(), signature: Some("t".into()) };
    messages.push(Message { role: Role::Assistant, content: vec![only_thinks] });
    let prunable = find(&messages);
    assert_eq!(prunable.results.iter().map(|it| it.message).collect::<Vec<_>>(), [2, 4]);
    let mut pruned = messages.clone();
    apply(&mut pruned, &prunable.results);
    assert_eq!(pruned.len(), messages.len());
    // What stands before the first is as it was, its reasoning too.
    assert_eq!(pruned[..2], messages[..2]);
    let ids = |message: &Message| -> Vec<String> {
        let of = |content: &Content| match content {
            Content::ToolResult { call_id, .. } => Some(call_id.clone()),
            _ => None,
        };
        message.content.iter().filter_map(of).collect()
    };
    for (before, after) in messages.iter().zip(&pruned) {
        assert_eq!(ids(before), ids(after));
        assert!(!after.content.is_empty());
    }
    assert!(pruned[2..].iter().flat_map(|it| &it.content).all(|content| !is_bound(content)));
    // Once is enough.
    assert_eq!(find(&pruned), Prunable::default());
    let again = pruned.clone();
    apply(&mut pruned, &prunable.results);
    assert_eq!(pruned, again);
    // Of another history nothing is changed.
    apply(&mut pruned, &[PrunedResult { message: 99, call_id: "a".into(), text: "x".into() }]);
    assert_eq!(pruned, again);
}
