//! What saves money, as its users meet it: answers without a model, kept answers, shorter texts.

use std::fs;
use std::path::PathBuf;

use distiq_testkit::{Answer, AtEnd, Script, ScriptedModel};
use serde_json::{Value, json};

use crate::gateway::Running;
use crate::{Place, Ran};

const CART: &str =
    "class Cart:\n    def total(self):\n        # TODO: add the tax\n        return 0\n";

#[test]
fn what_the_project_answers_needs_no_key() {
    let place = Place::new();
    place.write("cart.py", CART);
    let ran = place.run(&["run", "where is Cart defined?"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("cart.py:1") && ran.out.contains("without a model"), "{}", ran.out);
    let ran = place.run(&["run", "Покажи все TODO"]);
    assert!(ran.code == 0 && ran.out.contains("add the tax"), "{} {}", ran.out, ran.err);
    let cost = place.run(&["cost", "--json"]).json();
    assert_eq!(cost["totals"]["requests"], 2, "{cost}");
    assert_eq!(cost["totals"]["cost_nanousd"], 0, "{cost}");
}

#[test]
fn what_the_project_cannot_answer_says_that_a_key_is_missing() {
    let place = Place::new();
    place.write("cart.py", CART);
    let no_key =
        |ran: Ran| assert!(ran.code == 3 && ran.err.contains("distiq setup"), "{}", ran.err);
    no_key(place.run(&["run", "where is Basket defined?"]));
    no_key(place.run(&["run", "--no-local", "where is Cart defined?"]));
    no_key(place.run(&["run", "explain the cart"]));
    place.settings("[economy]\nlocal_answers = false\n");
    no_key(place.run(&["run", "where is Cart defined?"]));
}

fn question(text: &str) -> Value {
    json!({ "model": "claude-sonnet-4-5", "max_tokens": 500,
        "messages": [{ "role": "user", "content": text }] })
}

fn always(says: &str) -> ScriptedModel {
    ScriptedModel::start(Script::steps([Answer::text(says)]).at_end(AtEnd::Repeat)).unwrap()
}

#[test]
fn a_kept_answer_is_found_told_and_taken_away() {
    let (place, model) = (Place::new(), always("A trie."));
    let upstream = model.base_url_anthropic();
    let gateway = Running::start(&place, &["--no-auth", "--upstream", &upstream], |_| {});
    let ask = |text| gateway.ask_with("x-distiq-cache: on\r\n", &question(text));
    assert!(ask("What is a prefix tree?").contains("x-distiq-cache: miss"));
    assert!(ask("What is a prefix tree?").contains("x-distiq-cache: hit"));
    let again = ask("Could you please tell me what is a prefix tree?");
    assert!(again.contains("x-distiq-cache: semantic") && again.contains("A trie."), "{again}");
    assert!(ask("What is not a prefix tree?").contains("x-distiq-cache: miss"));
    assert_eq!(model.requests().len(), 2);

    // An answer is kept behind its end, which its asker does not wait for.
    let stats = || place.run(&["cache", "stats", "--json"]).json();
    let begun = std::time::Instant::now();
    while stats()["entries"] != 2 {
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{}", stats());
    }
    let id = again.lines().find_map(|line| line.strip_prefix("x-distiq-cache-id: ")).unwrap();
    assert_eq!(place.run(&["cache", "evict", id]).code, 0);
    assert!(ask("What is a prefix tree?").contains("x-distiq-cache: miss"));
    assert_eq!(place.run(&["cache", "evict", "nothing-of-it"]).code, 1);
    assert_eq!(place.run(&["cache", "clear"]).code, 0);
    assert_eq!(place.run(&["cache", "stats", "--json"]).json()["entries"], 0);
    gateway.stop();
    let cost = place.run(&["cost", "--json"]).json();
    assert_eq!(cost["totals"]["requests"], 5, "a hit is on the ledger too: {cost}");
}

#[test]
fn two_questions_are_compared_by_hand() {
    let place = Place::new();
    let check = |a, b| place.run(&["cache", "check", "--json", a, b]).json()["agree"].clone();
    assert_eq!(check("How do I list files?", "Please tell me how do I list files?"), true);
    assert_eq!(check("How do I turn it on?", "How do I turn it off?"), false);
    assert_eq!(check("Что такое trie?", "Что такое heap?"), false);
}

/// Prose as people write it, with a fact in each paragraph.
fn prose() -> String {
    let paragraph = |n: usize| {
        format!(
            "It is in general quite important to understand that this service was really written a \
             very long time ago by a team of people who have basically all left since then. As one \
             might expect, there are of course many parts of it that nobody likes to touch, and \
             most of us would rather talk about something else at lunch. The table `orders_{n}` keeps its \
             records for {n} days. Needless to say, everybody hopes that it goes on to work well in \
             the future, as it more or less always has in the past.\n\n"
        )
    };
    (30..50).map(paragraph).collect()
}

#[test]
fn a_text_is_made_shorter_without_what_must_stay() {
    let place = Place::new();
    place.write("doc.md", &prose());
    let told = place.run(&["compress", "--json", "doc.md"]).json();
    let (before, after) = (&told["tokens_before"], &told["tokens_after"]);
    assert!(after.as_u64().unwrap() * 3 < before.as_u64().unwrap() * 2, "{before} {after}");
    let plain = place.pipe(&["compress", "-"], &prose());
    assert_eq!(plain.out, told["text"].as_str().unwrap());
    let kept = place.run(&["compress", "--for", "how long is orders_41 kept?", "doc.md"]);
    assert!(
        kept.out.contains("The table `orders_41` keeps its records for 41 days"),
        "{}",
        kept.out
    );
    let wrong = place.run(&["compress", "--ratio", "0", "doc.md"]);
    assert!(wrong.code == 2 && wrong.err.contains("--ratio"), "{}", wrong.err);
    assert_eq!(place.run(&["compress", "missing.md"]).code, 1);
}

#[test]
fn a_document_goes_to_the_vendor_shorter_where_the_client_asks_for_it() {
    let (place, model) = (Place::new(), always("41 days"));
    let upstream = model.base_url_anthropic();
    let gateway = Running::start(&place, &["--no-auth", "--upstream", &upstream], |_| {});
    let body = json!({ "model": "claude-sonnet-4-5", "max_tokens": 500, "messages": [{
        "role": "user", "content": [
            { "type": "document", "source":
                { "type": "text", "media_type": "text/plain", "data": prose() } },
            { "type": "text", "text": "how long is orders_41 kept?" },
        ] }] });
    for headers in
        ["", "x-distiq-optimize: on\r\n", "x-distiq-optimize: on\r\nx-distiq-cache: off\r\n"]
    {
        let answer = gateway.ask_with(headers, &body);
        assert!(answer.contains("41 days"), "{answer}");
    }
    let sent: Vec<String> = model
        .requests()
        .iter()
        .map(|seen| {
            seen.json["messages"][0]["content"][0]["source"]["data"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(sent[0], prose(), "untouched where nothing is asked for");
    assert!(sent[1].len() * 3 < sent[0].len() * 2, "{} of {}", sent[1].len(), sent[0].len());
    assert!(sent[1].contains("`orders_41`"), "{}", sent[1]);
    assert_eq!(sent[1], sent[2], "the same each time, for the vendor's cache");
    gateway.stop();
    let saved = place.run(&["cost", "--json"]).json()["totals"]["saved"].clone();
    let parts = saved.to_string();
    assert!(parts.contains("compress"), "{parts}");
}

/// Writes a token classifier of one layer whose words are all unknown to it, and returns its folder.
fn tiny_classifier(place: &Place) -> PathBuf {
    let folder = place.folder().join("classifier");
    fs::create_dir_all(&folder).unwrap();
    let config = json!({
        "model_type": "bert", "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1,
        "intermediate_size": 4, "max_position_embeddings": 64, "vocab_size": 4, "type_vocab_size": 1,
        "id2label": {"0": "drop", "1": "keep"},
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    fs::write(folder.join("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n").unwrap();
    let layer = "bert.encoder.layer.0";
    let mut shapes = vec![("classifier.weight".to_owned(), vec![2, 4])];
    shapes.push(("classifier.bias".to_owned(), vec![2]));
    for (name, rows) in [("word", 4), ("position", 64), ("token_type", 1)] {
        shapes.push((format!("bert.embeddings.{name}_embeddings.weight"), vec![rows, 4]));
    }
    for part in ["attention.self.query", "attention.self.key", "attention.self.value"]
        .into_iter()
        .chain(["attention.output.dense", "intermediate.dense", "output.dense"])
    {
        shapes.push((format!("{layer}.{part}.weight"), vec![4, 4]));
        shapes.push((format!("{layer}.{part}.bias"), vec![4]));
    }
    let norms = [format!("{layer}.attention.output"), format!("{layer}.output")];
    for norm in norms.into_iter().chain(["bert.embeddings".to_owned()]) {
        shapes.push((format!("{norm}.LayerNorm.weight"), vec![4]));
        shapes.push((format!("{norm}.LayerNorm.bias"), vec![4]));
    }
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape) in shapes {
        let begin = data.len();
        for at in 0..shape.iter().product::<usize>() {
            data.extend(((begin + at) as f32).sin().to_le_bytes());
        }
        let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()]});
        header.insert(name, entry);
    }
    let header = Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(data);
    fs::write(folder.join("model.safetensors"), bytes).unwrap();
    folder
}

#[test]
fn a_model_from_a_folder_chooses_the_words_that_go() {
    let place = Place::new();
    let text = format!("{}\nDo not delete src/a.rs before 14:30.\n", prose());
    place.write("doc.md", &text);
    let folder = tiny_classifier(&place);
    place.settings(&format!("[compression]\nmodel = \"{}\"\n", folder.display()));
    let short = || place.run(&["compress", "--json", "doc.md"]);
    let told = short().json();
    assert_eq!((&told["by_model"], &told["refused"]), (&json!(true), &json!(false)), "{told}");
    let said = told["text"].as_str().unwrap();
    assert!(said.contains("not delete src/a.rs") && said.contains("14:30."), "{said}");
    assert!(told["bytes_after"].as_u64() < told["bytes_before"].as_u64());
    assert_eq!(short().json(), told, "it comes out the same");
    // A folder that cannot be used is no reason to fail.
    fs::remove_file(folder.join("model.safetensors")).unwrap();
    let ran = short();
    assert!(ran.err.contains("note: the rules choose, not `compression.model`"), "{}", ran.err);
    assert_eq!(ran.json()["by_model"], json!(false));
}
