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

const RULE: &str =
    "[[permissions.rules]]\ntool = \"shell\"\npattern = [\"make\"]\nverdict = \"allow\"\n";

fn verdict(place: &Place, line: &str) -> String {
    let json = place.run(&["permissions", "check", "--json", "--", line]).json();
    json["verdict"].as_str().unwrap().to_owned()
}

#[test]
fn a_folders_own_rules_allow_only_after_trust_and_only_as_they_were() {
    let place = Place::new();
    let deny = RULE.replace("make", "ls").replace("allow", "deny");
    let file = place.write(".distiq.toml", &format!("mode = \"full\"\n{RULE}{deny}"));
    assert_eq!((verdict(&place, "make"), verdict(&place, "ls")), ("ask".into(), "deny".into()));
    assert_eq!(verdict(&place, "make test"), "ask");
    let schema = place.run(&["schema", "trust"]).json();
    let json = place.run(&["trust", "--json"]).json();
    assert_eq!((shape::faults(&schema, &json), json["trusted"].clone()), (vec![], json!(true)));
    assert_eq!(verdict(&place, "make test"), "allow");
    assert_eq!(place.run(&["config", "get", "mode"]).ok(), "full\n");
    let json = place.run(&["trust", "--list", "--json"]).json();
    assert_eq!(
        (shape::faults(&schema, &json), json["folders"][0]["trusted"].clone()),
        (vec![], json!(true))
    );
    // One more byte and it is another file; that is said once.
    std::fs::write(&file, format!("mode = \"full\"\n{RULE}{deny}\n")).unwrap();
    let said = |ran: &crate::Ran| ran.err.contains("has changed since you trusted it");
    assert!(said(&place.run(&["config"])));
    assert!(!said(&place.run(&["config"])));
    assert_eq!(verdict(&place, "make test"), "ask");
    assert_eq!(place.run(&["trust"]).code, 0);
    assert_eq!(verdict(&place, "make test"), "allow");
    assert_eq!(place.run(&["trust", "--revoke"]).code, 0);
    assert_eq!(verdict(&place, "make test"), "ask");
    assert_eq!(place.run(&["permissions", "check", "--json", "--no-config", "--", "ls"]).code, 0);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(place.run(&["trust"]).code, 1);
}

#[test]
fn a_wrong_rule_is_told_with_its_line_and_example() {
    let place = Place::new();
    for (text, told) in [
        (
            format!("{}match = [\"ls\"]\n", RULE.replace("allow", "deny")),
            &["line 1", "`ls`", "does not match"][..],
        ),
        (RULE.replace("allow", "maybe"), &["line 4", "permissions.rules.verdict", "allow"]),
        (RULE.replace("tool", "tools"), &["line 2", "permissions.rules.tools"]),
        (RULE.replace("[\"make\"]", "\"make\""), &["line 1", "words such as"]),
        ("[permissions]\nrules = 3\n".to_owned(), &["line 2", "[[permissions.rules]]"]),
        ("[permissions]\nrule = []\n".to_owned(), &["line 2", "permissions.rule"]),
    ] {
        place.write(".distiq.toml", &text);
        let ran = place.run(&["permissions", "check", "--", "ls"]);
        assert_eq!(ran.code, 3, "{text}: {}", ran.err);
        assert!(told.iter().all(|word| ran.err.contains(word)), "{text}: {}", ran.err);
    }
}

#[test]
fn rules_are_listed_with_their_origin_and_what_was_kept_can_be_forgotten() {
    let place = Place::new();
    place.write(".distiq.toml", &RULE.replace("allow", "deny"));
    let schema = place.run(&["schema", "permissions"]).json();
    let json = place.run(&["permissions", "list", "--json"]).json();
    assert_eq!(shape::faults(&schema, &json), Vec::<String>::new(), "{json}");
    assert!(json["rules"][0]["origin"].as_str().unwrap().contains(".distiq.toml line 1"), "{json}");
    assert!(place.run(&["permissions", "list"]).ok().contains("deny   shell: make"));
    assert!(place.run(&["config", "--explain"]).ok().contains("deny shell make"));
    assert_eq!(place.run(&["permissions", "forget", "touch x"]).code, 1);
    let json = place.run(&["permissions", "forget", "--all", "--json"]).json();
    assert_eq!((shape::faults(&schema, &json), json), (vec![], json!({"forgotten": 0})));
}
