//! What saves money, as its users meet it: answers without a model, kept answers, shorter texts.

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

    let stats = place.run(&["cache", "stats", "--json"]).json();
    assert_eq!(stats["entries"], 2, "{stats}");
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
