//! `distiq context` as its users run it.

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
