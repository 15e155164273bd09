use serde_json::{Value, json};

use crate::{Place, shape};

#[test]
fn a_route_is_told_without_a_key_and_fits_its_schema() {
    let place = Place::new();
    let schema = place.run(&["schema", "route"]).json();
    for (prompt, label, tier) in [
        ("fix the typo in architecture.md", "simple", "budget"),
        ("make it multi-tenant", "complex", "premium"),
        ("исправь опечатку в README.md", "simple", "budget"),
        ("Напиши юнит-тесты для `parse_duration`, включая крайние случаи", "medium", "balanced"),
    ] {
        let ran = place.run(&["route", "--json", "--", prompt]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{prompt}: {}", ran.out);
        let json = ran.json();
        assert_eq!((&json["label"], &json["tier"]), (&json!(label), &json!(tier)), "{json}");
        assert_eq!(json["model"], Value::Null, "no key");
        assert!(json["expected_cost_nanousd"].as_i64().unwrap() > 0, "{json}");
        assert_eq!(shape::faults(&schema, &json), Vec::<String>::new(), "{json}");
    }
    let mut keyed = place.command(&["route", "--json", "--policy", "best", "--", "hi"]);
    keyed.env("OPENAI_API_KEY", "sk-none");
    let json: Value = serde_json::from_slice(&keyed.output().unwrap().stdout).unwrap();
    assert_eq!((&json["tier"], &json["model"]), (&json!("balanced"), &json!("openai/gpt-6.1-sol")));
    let ran = place.run(&["route", "make", "it", "multi-tenant"]);
    assert!(ran.out.starts_with("complex (") && ran.out.contains("tier premium"), "{}", ran.out);
    assert_eq!(place.run(&["route", "--json"]).code, 2);
    assert_eq!(place.run(&["route", "--policy", "x", "hi"]).code, 2);
}

#[test]
fn a_route_of_the_users_own_takes_what_is_said_like_its_utterances() {
    let place = Place::new();
    place.settings(
        "[routes.changelog]\nto = \"auto:budget\"\nutterances = [\"write the release notes for the new version\"]\n\
         [routes.house]\nto = \"house/qwen\"\nutterances = [\"объясни, что делает этот модуль\", \"explain what this module does\"]\n\
         [routes.nowhere]\nto = \"openai/gpt-6-luna\"\nutterances = [\"sing a song\"]\n\
         [providers.house]\nbase_url = \"http://127.0.0.1:9/v1\"\ndialect = \"openai\"\n",
    );
    let told = |prompt: &str| place.run(&["route", "--json", "--", prompt]).json();
    let json = told("Please write release notes for version 2.4");
    assert_eq!(json["tier"], "budget", "{json}");
    assert!(json["reasons"].to_string().contains("route `changelog`"), "{json}");
    assert_eq!(told("Объясни мне, что делает этот модуль")["model"], "house/qwen");
    let nobody = told("sing me a song");
    assert!(nobody["reasons"].to_string().contains("passed over"), "{nobody}");
    let other = told("make the release pipeline multi-tenant");
    assert!(!other["reasons"].to_string().contains("route `"), "{other}");
    place.settings("[routes.house]\nutterances = [\"sing a song\"]\n");
    let unfinished = place.run(&["route", "sing a song"]);
    assert!(unfinished.err.contains("`house`: it has no `to`"), "{}", unfinished.err);
}

#[test]
fn rows_of_any_length_are_answered_one_by_one() {
    let place = Place::new();
    let schema = place.run(&["schema", "route"]).json();
    let long =
        format!("fix the typo in a.md\n```\n{}\n```", "make it multi-tenant\n".repeat(50_000));
    let rows = format!(
        "{}\nnope\n{}\n{}\n{}",
        json!({"id": "a", "text": "make it multi-tenant"}),
        json!({"id": 1, "text": ""}),
        json!({"id": 2}),
        json!({"id": 3, "text": long}),
    );
    let ran = place.pipe(&["route", "--jsonl"], &rows);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let rows: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let labels: Vec<Value> = rows.iter().map(|row| json!([row["id"], row["label"]])).collect();
    assert_eq!(
        json!(labels),
        json!([["a", "complex"], [null, null], [1, "simple"], [2, null], [3, "simple"]])
    );
    for row in &rows {
        assert_eq!(shape::faults(&schema, row), Vec::<String>::new(), "{row}");
    }
}
