use std::fs;
use std::path::Path;

use crate::Place;

#[test]
fn reference_pages_are_what_the_code_says() {
    let place = Place::new();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    for page in ["cli", "config", "environment", "events", "exit-codes"] {
        let made = place.run(&["reference", page]).ok();
        let kept = fs::read_to_string(docs.join(format!("{page}.md"))).unwrap();
        assert!(made == kept, "docs/{page}.md is out of date: run `cargo xtask docs`");
    }
}

#[test]
fn every_command_has_help() {
    let place = Place::new();
    let help = place.run(&["--help"]).ok();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        assert!(place.run(&[name, "--help"]).ok().contains("Usage: distiq"), "{name}");
    }
}

#[test]
fn schemas_are_json_and_listed() {
    let place = Place::new();
    let names = place.run(&["schema"]).ok();
    for name in names.lines() {
        let schema = place.run(&["schema", name]).json();
        assert_eq!(schema["$id"], format!("urn:distiq:schema:{name}:1"));
    }
}
