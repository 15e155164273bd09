use std::fs;

use serde_json::json;

use crate::{Place, shape};

#[test]
fn tools_do_what_they_say_and_their_output_fits_its_schema() {
    let place = Place::new();
    let schema = place.run(&["schema", "tool"]).json();
    place.write("a.txt", "one\ntwo\n");
    for (name, input) in [
        ("write", r#"{"path": "b.txt", "content": "x\n"}"#),
        ("read", r#"{"path": "a.txt"}"#),
        ("find", r#"{"pattern": "*.txt"}"#),
        ("search", r#"{"pattern": "two"}"#),
        ("edit", r#"{"path": "a.txt", "search": "two", "replace": "three"}"#),
        ("shell", r#"{"command": "echo hello"}"#),
    ] {
        let ran = place.run(&["tool", name, input]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}: {}", ran.out);
        let json = ran.json();
        assert_eq!(shape::faults(&schema, &json), Vec::<String>::new(), "{name}: {json}");
        assert_eq!(json["ok"], true);
    }
    assert_eq!(fs::read_to_string(place.project().join("a.txt")).unwrap(), "one\nthree\n");
    let json = place.pipe(&["tool", "read", "-"], r#"{"path": "b.txt"}"#).json();
    assert!(json["text"].as_str().unwrap().contains('x'));
}

#[test]
fn refusals_have_kinds_and_exit_codes_and_leave_files_alone() {
    let place = Place::new();
    let schema = place.run(&["schema", "tool"]).json();
    let file = place.write("a.txt", "one\r\ntwo\r\ntwo\r\n");
    let before = fs::read(&file).unwrap();
    for (name, input, mode, kind, code) in [
        (
            "edit",
            json!({"path": "a.txt", "search": "zwei", "replace": "x"}),
            "full",
            "not_found",
            1,
        ),
        ("edit", json!({"path": "a.txt", "search": "two", "replace": "x"}), "full", "ambiguous", 1),
        (
            "edit",
            json!({"path": "a.txt", "search": "one", "replace": "x"}),
            "read-only",
            "denied",
            5,
        ),
        ("edit", json!({"path": "a.txt", "search": "one", "replace": "x"}), "ask", "denied", 5),
        ("write", json!({"path": "../out.txt", "content": "x"}), "full", "denied", 5),
        ("read", json!({"path": "/etc/passwd"}), "full", "denied", 5),
        ("shell", json!({"command": "touch made"}), "read-only", "denied", 5),
        ("read", json!({"path": "none.txt"}), "full", "not_found", 1),
        ("read", json!({"path": "a.txt", "colour": 1}), "full", "invalid", 2),
    ] {
        let ran = place.run(&["tool", name, &input.to_string(), "--mode", mode]);
        let json = ran.json();
        assert_eq!((ran.code, json["kind"].as_str()), (code, Some(kind)), "{name} {input}: {json}");
        assert_eq!(shape::faults(&schema, &json), Vec::<String>::new(), "{json}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
    assert!(!place.project().join("made").exists());
    assert!(!place.folder().join("out.txt").exists());
}

#[test]
fn wrong_names_modes_and_json_are_usage_errors() {
    let place = Place::new();
    for (arguments, wanted) in [
        (&["tool", "fly"][..], "No tool `fly`"),
        (&["tool", "more"], "No tool `more`"),
        (
            &["tool", "read", "{path}"],
            "The arguments are not JSON: key must be a string at line 1 column 2",
        ),
        (&["tool", "read", "[]"], "The arguments are no JSON object"),
        (&["tool", "read", "{}", "--mode", "yolo"], "No mode `yolo`"),
    ] {
        let ran = place.run(arguments);
        let error = format!("error: {wanted}");
        assert_eq!((ran.code, ran.err.lines().next()), (2, Some(error.as_str())));
    }
}

#[test]
fn keys_are_not_in_the_environment_of_commands() {
    let place = Place::new();
    let mut command = place.command(&["tool", "shell", r#"{"command": "env"}"#]);
    command.env("ANTHROPIC_API_KEY", "sk-very-secret").env("PLAIN", "kept");
    let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(out.contains("PLAIN=kept") && !out.contains("sk-very-secret"), "{out}");
}
