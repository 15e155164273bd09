//! What a vendor's cache holds is read: over a long task, a resume, a fork and a conversation that is made shorter.

use distiq_ml::Tokenizer;
use distiq_testkit::vendor::prompt::{Counter, Part, Prompt};
use distiq_testkit::{Answer, Captured, Script, ScriptedModel};
use serde_json::json;

use crate::Place;

const MODEL: &str = "claude-sonnet-4-5";
/// Below so many tokens the vendor keeps nothing of this model's prompts.
const LEAST: u64 = 1_024;
/// Answers with tools: of the first run, after the resume, after the fork.
const ANSWERS: [usize; 3] = [20, 10, 10];
/// Files that are read side by side, so that the conversation grows beyond the model's window.
const FILES: usize = 4;

/// A model that reads long files, another part in each answer, and ends a run after so many answers.
fn reader() -> Script {
    let mut ends = ANSWERS.into_iter();
    let (mut answer, mut left) = (0, ends.next().unwrap_or(0));
    Script::function(move |request| {
        if request.tools.is_empty() {
            return Answer::text("Some files were read, and nothing was wrong in them.").into();
        }
        if left == 0 {
            left = ends.next().unwrap_or(0);
            return Answer::text("This part is done.").into();
        }
        left -= 1;
        let lines = format!("{}-{}", answer * 100 + 1, answer * 100 + 100);
        let call = |file| ("read", json!({ "path": format!("long{file}.txt"), "lines": lines }));
        answer += 1;
        Answer::calls((0..FILES).map(call)).and_text("I read on.").into()
    })
}

/// Returns the tokens that a cache of all earlier prompts could give.
fn readable(earlier: &[Prompt], prompt: &Prompt) -> u64 {
    let same = |other: &Prompt| {
        let pairs = prompt.segments.iter().zip(&other.segments);
        let same = pairs.take_while(|(a, b)| a.part == b.part && a.identity == b.identity);
        // A cut inside the definitions of tools is none: they are hashed as one.
        let same: Vec<_> = same.map(|(segment, _)| segment).collect();
        let tools = prompt.segments.iter().filter(|s| s.part == Part::Tools).count();
        if same.len() < tools { 0 } else { same.iter().map(|segment| segment.tokens).sum() }
    };
    earlier.iter().map(same).max().filter(|tokens| *tokens >= LEAST).unwrap_or(0)
}

/// Returns what was read from the cache, and what could have been.
fn shares(requests: &[Captured]) -> (u64, u64) {
    let mut counter = Counter::new(Tokenizer::o200k());
    let mut earlier = Vec::new();
    let (mut read, mut could) = (0, 0);
    for request in requests.iter().filter(|request| request.path.ends_with("/messages")) {
        let prompt = Prompt::anthropic(&request.json, &mut counter);
        could += readable(&earlier, &prompt);
        read += request.usage.unwrap().cache_read;
        earlier.push(prompt);
    }
    (read, could)
}

#[test]
fn what_could_be_read_from_the_cache_is_read() {
    let place = Place::new();
    for file in 0..FILES {
        let line =
            |n: usize| format!("line {n} of file {file}: the reader goes on over {}\n", n * 7);
        place.write(&format!("long{file}.txt"), &(1..=4_100).map(line).collect::<String>());
    }
    let model = ScriptedModel::start(reader()).unwrap();
    let go = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("ANTHROPIC_BASE_URL", model.base_url_anthropic());
        let ran = crate::Ran::of(command.env("ANTHROPIC_API_KEY", "k").output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    let run = |words: &[&str]| {
        let options = ["--mode", "full", "--model", MODEL, "--max-turns", "100"];
        go(&[&words[..1], &options, &words[1..]].concat())
    };
    run(&["run", "Read the long files from their first line to their last."]);
    run(&["resume", "Read on."]);
    run(&["resume", "--fork", "Read the rest."]);
    let listed = go(&["sessions", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let told = |at: usize, key: &str| listed["sessions"][at][key].clone();
    assert_eq!([told(0, "turns"), told(1, "turns")], [3, 2], "the old one stays as it is");
    assert_eq!([told(0, "model"), told(1, "model")], [MODEL, MODEL]);
    assert_ne!(told(0, "title"), "I read on.", "{listed}");
    let requests = model.requests();
    assert!(requests.len() >= 43, "{}", requests.len());
    let shorter = requests.iter().any(|request| request.json.get("tools").is_none());
    assert!(shorter, "the conversation was never made shorter");
    let (read, could) = shares(&requests);
    assert!(read * 100 >= could * 99, "read {read} of {could}");
    assert!(could > 1_000_000, "{could}");
}

#[test]
fn a_fork_needs_a_session() {
    let place = Place::new();
    let ran = place.run(&["run", "--fork", "Go on."]);
    assert!(ran.code == 2 && ran.err.contains("--resume ID"), "{}", ran.err);
}
