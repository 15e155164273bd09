use serde_json::{Value, json};

use crate::{Place, shape};

#[test]
fn a_verdict_has_its_exit_code_and_fits_its_schema() {
    let place = Place::new();
    let schema = place.run(&["schema", "permissions"]).json();
    for (line, verdict, code) in [
        ("ls | head", "allow", 0),
        ("make", "ask", 10),
        ("git status && sudo rm -rf /", "deny", 11),
        ("'unclosed", "ask", 10),
        ("", "allow", 0),
    ] {
        for flags in [&["--json"][..], &["--json", "--no-config"], &["--json", "--mode", "ask"]] {
            let ran = place.run(&[&["permissions", "check"], flags, &["--", line]].concat());
            assert_eq!((ran.code, ran.err.as_str()), (code, ""), "{line}: {}", ran.out);
            let json = ran.json();
            assert_eq!(json["verdict"], verdict, "{line}: {json}");
            assert_eq!(shape::faults(&schema, &json), Vec::<String>::new(), "{line}: {json}");
        }
    }
    let ran = place.run(&["permissions", "check", "--", "ls && touch x"]);
    assert_eq!(ran.code, 10);
    assert!(ran.out.starts_with("ask: ") && ran.out.contains("touch x"), "{}", ran.out);
    // Several words are one command, as they would be run.
    assert_eq!(place.run(&["permissions", "check", "--", "echo", "a; sudo b"]).code, 0);
    for wrong in
        [&["permissions", "check", "--json"][..], &["permissions", "check", "--mode", "x", "ls"]]
    {
        assert_eq!(place.run(wrong).code, 2);
    }
}

#[test]
fn rows_are_answered_one_by_one_and_a_bad_one_stops_nothing() {
    let place = Place::new();
    let schema = place.run(&["schema", "permissions"]).json();
    let long = "x".repeat((1 << 20) + 1);
    let rows = format!(
        "{}\nnope\n\n{}\n{long}\n{}\n{}\n{}",
        json!({"id": "a", "cmd": "ls"}),
        json!({"id": 7}),
        json!({"cmd": "ls"}),
        json!({"id": 8, "cmd": "sudo ls"}),
        json!({"id": 9, "cmd": "touch \u{0}"}),
    );
    let ran = place.pipe(&["permissions", "check", "--jsonl"], &rows);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let rows: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<&Value> = rows.iter().map(|row| &row["id"]).collect();
    assert_eq!(json!(ids), json!(["a", null, 7, null, null, 8, 9]));
    for row in &rows {
        assert_eq!(shape::faults(&schema, row), Vec::<String>::new(), "{row}");
    }
    assert_eq!(rows[0]["verdict"], "allow");
    assert_eq!(rows[5]["verdict"], "deny");
    assert_ne!(rows[6]["verdict"], "allow");
}
