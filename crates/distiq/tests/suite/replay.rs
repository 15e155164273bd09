//! `distiq simulate --replay` on a ledger and logs that runs and a gateway really left.

use std::fs;

use distiq_agent::sessions::path_of;
use distiq_base::{Message, Request, Role, SessionId, Usage};
use distiq_testkit::{Answer, Count, Options, Script, ScriptedModel, Sessions, Step};
use serde_json::{Value, json};

use crate::gateway::Running;
use crate::{Place, shape};

/// What every request takes: at $1 a million and the usual factors $0.00875.
const TAKES: Usage = Usage {
    input: 1_000,
    cache_read: 20_000,
    cache_write: 3_000,
    cache_write_long: 0,
    output: 400,
    reasoning: 0,
    cost: None,
};
const NANOS: i64 = 8_750_000;
/// Dollars for a million tokens.
const BUDGET: i64 = 1;
const BALANCED: i64 = 3;
const PREMIUM: i64 = 5;

fn prices() -> String {
    let row = |id: &str, price: i64| {
        let price = price as f64;
        format!(
            "[[models]]\nprovider = \"anthropic\"\nid = \"{id}\"\nin = {price}\nout = {}\nread = {}\nwrite = {}\n",
            price * 5.0,
            price / 10.0,
            price * 1.25
        )
    };
    row("claude-haiku-5-5", BUDGET)
        + &row("claude-sonnet-5-5", BALANCED)
        + &row("claude-opus-5-5", PREMIUM)
}

/// Looks once, then answers; Sonnet cannot do what is to be parsed.
fn answer(request: &Request) -> Step {
    let asked = request.messages.iter().map(Message::text).collect::<String>();
    let has_looked = request.messages.iter().any(|message| message.role == Role::Assistant);
    let fails = asked.contains("ISO dates") && request.model.contains("sonnet");
    let answer = match (request.tools.is_empty() || has_looked, fails) {
        (false, _) => Answer::call("read", json!({"path": "a.py"})),
        (true, true) => Answer::text("I could not finish this: it still does not work."),
        (true, false) => Answer::text("Done."),
    };
    answer.counting(Count::Exactly(TAKES)).into()
}

const SIMPLE: &str = "fix the typo in a.py";
const MEDIUM: &str = "Add a function to a.py that parses ISO dates, with tests for leap years";
const COMPLEX: &str =
    "Make the whole platform multi-tenant, with a migration of the data and a plan for the rollout";

#[test]
fn a_filled_ledger_is_priced_anew_under_each_policy() {
    let place = Place::new();
    let model = ScriptedModel::start_with(
        Script::function(answer),
        Options { sessions: Sessions::Unrelated, ..Options::default() },
    )
    .unwrap();
    let file = place.write("prices.toml", &prices());
    place.write("a.py", "x = 1\n");
    place.settings(&format!(
        "prices = {:?}\n[economy]\ncorrections = false\nplan = \"asked\"\n",
        file.display().to_string()
    ));
    let run = |model_name: &str, prompt: &str| {
        let mut command =
            place.command(&["run", "--output-format", "json", "--model", model_name, prompt]);
        command.env("ANTHROPIC_BASE_URL", model.base_url_anthropic());
        command.env("ANTHROPIC_API_KEY", "k");
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text} {words}");
        serde_json::from_str::<Value>(&text).unwrap_or_else(|_| panic!("{text}"))
    };
    run("claude-sonnet-5-5", SIMPLE);
    run("claude-sonnet-5-5", COMPLEX);
    run("auto", MEDIUM);
    let forgotten = run("claude-sonnet-5-5", SIMPLE)["session_id"].as_str().unwrap().to_owned();
    let sessions = place.home().join("data/sessions");
    fs::remove_file(path_of(&sessions, &SessionId::parse(&forgotten).unwrap())).unwrap();
    let upstream = model.base_url_anthropic();
    let gateway = Running::start(&place, &["--no-auth", "--upstream", &upstream], |_| {});
    for (name, text) in [("auto", SIMPLE), ("auto", COMPLEX), ("claude-opus-5-5", SIMPLE)] {
        let message = json!({ "role": "user", "content": text });
        let body = json!({ "model": name, "max_tokens": 500, "messages": [message] });
        assert!(gateway.ask_with("", &body).contains("Done."));
    }
    gateway.stop();

    let schema = place.run(&["schema", "simulate"]).json();
    let replay = |policy: &str, more: &[&str]| {
        let ran = place
            .run(&[&["simulate", "--replay", "--json", "--policy", policy][..], more].concat());
        let json = ran.json();
        assert_eq!(shape::faults(&schema, &json), Vec::<String>::new(), "{json}");
        json["replay"].clone()
    };
    // Two requests each of three sessions at Sonnet; the one of the medium request went on at Opus; one has no log.
    let paid = 2 * BALANCED * 4 + PREMIUM + (BUDGET + PREMIUM + PREMIUM);
    // Who went on, who was named at the gateway and what nobody knows the words of.
    let stays = PREMIUM + PREMIUM + 2 * BALANCED;
    for (policy, simple, medium, complex) in [
        ("cheapest", BUDGET, BUDGET, BALANCED),
        ("balanced", BUDGET, BALANCED, PREMIUM),
        ("best", BALANCED, PREMIUM, PREMIUM),
    ] {
        let told = replay(policy, &[]);
        assert_eq!((&told["requests"], &told["judged"]), (&json!(12), &json!(8)), "{told}");
        assert_eq!(told["unpriced"], json!(0), "{told}");
        assert_eq!(told["cost_nanousd"], json!(paid * NANOS), "{policy}: {told}");
        let then = 2 * (simple + medium + complex) + simple + complex + stays;
        assert_eq!(told["replayed_nanousd"], json!(then * NANOS), "{policy}: {told}");
        let parts = told["tiers"].as_object().unwrap();
        let sum = |name: &str| parts.values().map(|part| part[name].as_i64().unwrap()).sum::<i64>();
        assert_eq!((sum("requests"), sum("cost_nanousd")), (12, paid * NANOS), "{told}");
        assert_eq!(sum("replayed_nanousd"), then * NANOS, "{told}");
        assert_eq!(parts["as it was"]["requests"], json!(4), "{told}");
    }
    // Other prices change what would have been paid, not what was.
    let twice = prices()
        .replace("id = \"claude-haiku-5-5\"\nin = 1\n", "id = \"claude-haiku-5-5\"\nin = 2\n");
    let twice = place.write("twice.toml", &twice);
    let told = replay("cheapest", &["--prices", twice.to_str().unwrap()]);
    let more = 5 * i64::try_from(TAKES.input).unwrap() * 1_000;
    let then = (5 * BUDGET + 3 * BALANCED + stays) * NANOS + more;
    assert_eq!(told["replayed_nanousd"], json!(then), "{told}");
    assert_eq!(told["cost_nanousd"], json!(paid * NANOS), "{told}");
    let words = place.run(&["simulate", "--replay", "--policy", "cheapest"]).ok();
    assert!(words.contains("Your 12 requests cost $0.35"), "{words}");
    model.check();
}
