//! `distiq context` as its users run it.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::Value;

use crate::Place;

fn place() -> Place {
    let place = Place::new();
    place.write("src/http.py", "class Cookie:\n    def parse(self, header):\n        return header.split(';')\n\n    def dump(self):\n        return ''\n");
    place.write("src/other.py", "def unrelated(x):\n    return x\n");
    place
}

#[test]
fn a_request_gets_its_code_within_the_budget() {
    let place = place();
    let request = "parse the cookies of a header";
    let ran =
        place.run(&["context", "--json", "--tokens", "200", "--shape", "code", "--", request]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let context: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(context["counter"], "o200k");
    assert!(context["tokens_used"].as_u64().unwrap() <= 200);
    let first = &context["items"][0];
    assert_eq!((&first["path"], &first["shape"]), (&"src/http.py".into(), &"code".into()));
    assert_eq!((first["start_line"].as_u64(), first["end_line"].as_u64()), (Some(2), Some(3)));
    let text = context["text"].as_str().unwrap();
    assert!(text.starts_with("src/http.py:2-3\n    def parse(self, header):\n"), "{text}");
    let plain = place.run(&["context", "--tokens", "200", "--shape", "code", "--", request]);
    assert_eq!(plain.out, text);
    let hits = place.run(&["context", "--tokens", "200", "--shape", "hits", "--", request]);
    assert!(hits.out.starts_with("src/http.py\n  2-3 def parse(self, header)"), "{}", hits.out);
}

#[test]
fn rows_are_answered_and_bad_ones_told() {
    let place = place();
    let input =
        "{\"id\": 1, \"request\": \"cookie\"}\n{\"id\": 2}\n{\"id\": 3, \"request\": \"zebra\"}\n";
    let ran = place.pipe(&["context", "--jsonl", "--tokens", "100"], input);
    let rows: Vec<Value> = ran.out.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(rows.len(), 3, "{}", ran.out);
    assert!(rows[0]["ms"].is_number() && rows[0]["text"].as_str().unwrap().contains("src/http.py"));
    assert_eq!(rows[1]["error"]["message"], "Row 2: no `request` that is a text");
    assert_eq!((&rows[2]["text"], &rows[2]["tokens_used"]), (&"".into(), &0.into()));
    assert_eq!(place.run(&["context", "--tokens", "0", "x"]).code, 2);
    assert_eq!(place.run(&["context"]).code, 2);
}

#[test]
fn text_belongs_to_its_lines_right_behind_an_edit() {
    const CODE: &str = "def alpha():\n    return 1\n\n\ndef omega():\n    return 2\n";
    let place = Place::new();
    place.write("a.py", CODE);
    let shown = |line: u32| format!("a.py:{line}-{}\ndef omega():\n    return 2\n", line + 1);
    let of_code = ["context", "--shape", "code", "--tokens", "300"];
    let mut command = place.command(&[&of_code[..], &["--jsonl"]].concat());
    let mut context = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut requests = context.stdin.take().unwrap();
    let mut answers = BufReader::new(context.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut ask = |name: &str| {
        writeln!(requests, "{{\"id\": 1, \"request\": \"{name}\"}}").unwrap();
        let answer: Value = serde_json::from_str(&answers.next().unwrap()).unwrap();
        answer["text"].as_str().unwrap().to_owned()
    };
    assert!(ask("omega").contains(&shown(5)));
    place.write("a.py", &format!("# one\n# two\n# three\n{CODE}"));
    let text = ask("omega");
    assert!(text.contains(&shown(8)), "{text}");
    // What another process took up is there at once.
    place.write("b.py", "def vorpal_blade():\n    return 3\n");
    assert_eq!(place.run(&["index"]).code, 0);
    let text = ask("vorpal blade");
    assert!(text.contains("b.py:1-2\ndef vorpal_blade"), "{text}");
    drop(requests);
    assert!(context.wait().unwrap().success());
    place.write("a.py", &format!("# one\n{CODE}"));
    let ran = place.run(&[&of_code[..], &["--no-refresh", "omega"]].concat());
    assert!(ran.out.contains(&shown(6)), "{} {}", ran.out, ran.err);
}
