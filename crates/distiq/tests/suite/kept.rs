//! Answers of earlier runs, given again.

use distiq_testkit::{Answer, Script, ScriptedModel};
use serde_json::json;

use crate::{Place, Ran};

const QUESTION: &str = "How does the total of the cart come about?";

struct Asking {
    place: Place,
    model: ScriptedModel,
}

impl Asking {
    fn new() -> Self {
        let place = Place::new();
        place.write("cart.py", "def total(items):\n    return sum(items)\n");
        // Each answer is another, so that a kept one can be told.
        let mut asked = 0;
        let script = Script::function(move |request| {
            let answers = request.messages.iter().filter(|m| !m.content.is_empty()).count();
            if answers == 1 {
                return Answer::call("read", json!({"path": "cart.py"})).into();
            }
            asked += 1;
            Answer::text(format!("It is the sum, says answer {asked}.")).into()
        });
        Self { place, model: ScriptedModel::start(script).unwrap() }
    }

    fn ask(&self, more: &[&str], question: &str) -> Ran {
        let mut arguments = vec!["run", "--price", "3/15"];
        arguments.extend(more);
        arguments.extend(["--", question]);
        let mut command = self.place.command(&arguments);
        command.env("ANTHROPIC_BASE_URL", self.model.base_url_anthropic());
        Ran::of(command.output().unwrap())
    }

    #[track_caller]
    fn answers(&self, more: &[&str], question: &str, text: &str, requests: u64) {
        let ran = self.ask(&[&["--output-format", "json"], more].concat(), question);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&json["text"], &json["requests"]), (&json!(text), &json!(requests)), "{json}");
    }
}

#[test]
fn a_question_is_answered_again_while_all_it_was_based_on_is_the_same() {
    let asking = Asking::new();
    let first = "It is the sum, says answer 1.";
    asking.answers(&[], QUESTION, first, 2);
    asking.answers(&[], QUESTION, first, 0);
    asking.answers(&[], "how does the total of the cart come about", first, 0);
    // It is told, and on the ledger as what it saved.
    let ran = asking.ask(&["--output-format", "stream-json"], QUESTION);
    assert!(ran.out.contains("no model was asked"), "{}", ran.out);
    let saved = asking.place.run(&["cost", "--saved"]).out;
    assert!(saved.contains("answers that were kept"), "{saved}");
    // Another question, and the same one once a model is wanted.
    asking.answers(
        &[],
        "How does the count of the cart come about?",
        "It is the sum, says answer 2.",
        2,
    );
    asking.answers(&["--no-kept"], QUESTION, "It is the sum, says answer 3.", 2);
    asking.answers(&[], QUESTION, "It is the sum, says answer 3.", 0);
    // What it looked at has changed.
    asking.place.write("cart.py", "def total(items):\n    return max(items)\n");
    asking.answers(&[], QUESTION, "It is the sum, says answer 4.", 2);
    asking.answers(&[], QUESTION, "It is the sum, says answer 4.", 0);
    // What the project tells every model has, too.
    asking.place.write("AGENTS.md", "Answer in verse.\n");
    asking.answers(&[], QUESTION, "It is the sum, says answer 5.", 2);
}

#[test]
fn what_does_something_or_depends_on_the_moment_is_never_answered_again() {
    let asking = Asking::new();
    for (at, question) in
        ["rename total to sum", "Can you rename total?", "What happened today?"].iter().enumerate()
    {
        asking.answers(&[], question, &format!("It is the sum, says answer {}.", 2 * at + 1), 2);
        asking.answers(&[], question, &format!("It is the sum, says answer {}.", 2 * at + 2), 2);
    }
    asking.place.settings("[economy]\nkept_answers = false\n");
    asking.answers(&[], QUESTION, "It is the sum, says answer 7.", 2);
    asking.answers(&[], QUESTION, "It is the sum, says answer 8.", 2);
}

#[test]
fn an_answer_that_one_could_not_be_sure_of_is_not_given_again() {
    for (text, is_kept) in [("It is the sum.", true), ("I could not find out.", false)] {
        let says = Script::function(move |_| Answer::text(text).into());
        let asking = Asking { place: Place::new(), model: ScriptedModel::start(says).unwrap() };
        let ask = || asking.ask(&["--policy", "best", "--output-format", "json"], QUESTION);
        let first: serde_json::Value = serde_json::from_str(&ask().out).unwrap();
        assert_eq!(first["text"], text, "{first}");
        let again: serde_json::Value = serde_json::from_str(&ask().out).unwrap();
        assert_eq!(again["requests"] == 0, is_kept, "{again}");
    }
}
