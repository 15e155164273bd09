//! The gateway as its operator meets it: started, asked, reloaded, stopped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use distiq_testkit::{Answer, AtEnd, Script, ScriptedModel};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::Place;

fn model(says: Answer) -> ScriptedModel {
    ScriptedModel::start(Script::steps([says]).at_end(AtEnd::Repeat)).unwrap()
}

/// A gateway that runs.
pub(crate) struct Running {
    child: Child,
    address: String,
}

impl Running {
    pub(crate) fn start(
        place: &Place,
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = place.command(&["start", "--listen", "127.0.0.1:0"]);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        let address = ready["listening"].as_str().unwrap();
        let address = address.strip_prefix("http://").unwrap().to_owned();
        Self { child, address }
    }

    fn ask(&self, key: &str, model: &str) -> String {
        let body = json!({ "model": model, "max_tokens": 500, "stream": true,
            "messages": [{ "role": "user", "content": "hi" }] })
        .to_string();
        let mut stream = self.send(key, &body);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn send(&self, key: &str, body: &str) -> TcpStream {
        self.send_with(&format!("authorization: Bearer {key}\r\n"), body)
    }

    /// Asks with these headers, and returns the whole answer as it came.
    pub(crate) fn ask_with(&self, headers: &str, body: &Value) -> String {
        let mut text = String::new();
        self.send_with(headers, &body.to_string()).read_to_string(&mut text).unwrap();
        text
    }

    fn send_with(&self, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(
            stream,
            "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             {headers}content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        stream
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Stops it in order, and returns its exit code and words.
    pub(crate) fn stop(mut self) -> (i32, String) {
        self.signal(Signal::SIGTERM);
        let code = self.child.wait().unwrap().code().unwrap();
        let mut words = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        (code, words)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_key_that_was_made_opens_it_until_it_is_revoked() {
    let (place, model) = (Place::new(), model(Answer::text("hello there")));
    let upstream = model.base_url_anthropic();
    let gateway = Running::start(&place, &["--upstream", &upstream], |_| {});
    let made = place.run(&["keys", "create", "--owner", "ann", "--json"]).json();
    let key = made["key"].as_str().unwrap();
    let answer = gateway.ask(key, "some-model-of-theirs");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("message_stop"), "{answer}");
    assert_eq!(model.requests()[0].json["model"], "some-model-of-theirs");
    let list = place.run(&["keys", "list", "--json"]);
    assert!(!list.out.contains(key));
    assert_eq!(list.json()["keys"][0]["owner"], "ann");
    let id = made["id"].as_str().unwrap();
    assert!(place.run(&["keys", "revoke", id, "--json"]).json()["revoked"].is_string());
    assert!(gateway.ask(key, "m").starts_with("HTTP/1.1 401"));
    let (code, words) = gateway.stop();
    assert_eq!(code, 0, "{words}");
    assert!(words.contains("distiq keys create") && !words.contains(key), "{words}");
    let cost = place.run(&["cost", "--json"]).json();
    assert_eq!(cost["totals"]["requests"], 1);
}

#[test]
fn a_stop_ends_streams_in_order() {
    let says = Answer { pace_ms: 5, ..Answer::text("word ".repeat(100)) };
    let (place, model) = (Place::new(), model(says));
    let upstream = model.base_url_anthropic();
    let gateway = Running::start(&place, &["--no-auth", "--upstream", &upstream], |_| {});
    let body = json!({ "model": "m", "max_tokens": 900, "stream": true,
        "messages": [{ "role": "user", "content": "hi" }] });
    let mut stream = gateway.send("", &body.to_string());
    let mut piece = [0; 1];
    stream.read_exact(&mut piece).unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    assert_eq!(gateway.stop().0, 0);
    let text = reader.join().unwrap();
    assert!(text.contains("message_stop"), "{text}");
}

#[test]
fn settings_are_read_again_on_a_hang_up_and_bad_ones_change_nothing() {
    let (place, model) = (Place::new(), model(Answer::text("hello")));
    place.settings("");
    let gateway = Running::start(&place, &[], |command| {
        // With two providers no name goes to the only one there is; nobody listens at either.
        command
            .env("DISTIQ_GATEWAY_KEY", "own")
            .env("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
            .env("ANTHROPIC_API_KEY", "k")
            .env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
            .env("OPENAI_API_KEY", "k");
    });
    assert!(gateway.ask("own", "mine/m").contains("HTTP/1.1 404"), "nobody knows it yet");
    place.settings("providers = 3");
    gateway.signal(Signal::SIGHUP);
    let mine = format!(
        "[providers.mine]\ndialect = \"anthropic\"\nbase_url = \"{}\"\n",
        model.base_url_anthropic()
    );
    place.settings(&mine);
    gateway.signal(Signal::SIGHUP);
    let mut tries = 0;
    while !gateway.ask("own", "mine/m").contains("message_stop") {
        tries += 1;
        assert!(tries < 1000);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(gateway.stop().0, 0);
}

#[test]
fn what_cannot_be_started_says_why() {
    let place = Place::new();
    let refused = |arguments: &[&str], code: i32, words: &str| {
        let ran = place.run(&[&["start"], arguments].concat());
        assert_eq!(ran.code, code, "{}", ran.err);
        assert!(ran.err.contains(words), "{}", ran.err);
        assert!(ran.err.contains("hint:"), "{}", ran.err);
    };
    refused(&["--listen", "0.0.0.0:0", "--no-auth"], 3, "without a key");
    refused(&["--listen", "0.0.0.0:0"], 3, "without a key");
    refused(&["--listen", "nowhere"], 2, "no address");
    refused(&["--config", "/none.toml"], 3, "no file");
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    refused(&["--listen", &busy.local_addr().unwrap().to_string()], 1, "Cannot listen");
}

/// A place whose policy races a slow budget model against a quick premium one, and the two.
fn racing() -> (Place, ScriptedModel, ScriptedModel) {
    let place = Place::new();
    let slow =
        model(Answer { pace_ms: 400, ..Answer::text("a slow answer, word by word, ".repeat(80)) });
    let quick = model(Answer {
        pace_ms: 30,
        ..Answer::text("a quick answer to this question, given at once")
    });
    let settings = format!(
        "policy = \"cheapest\"\n[economy]\nrace_ms = 0\n[tiers]\nbudget = [\"anthropic/claude-haiku-4-5\"]\n\
         balanced = [\"anthropic/claude-haiku-4-5\"]\npremium = [\"openai/gpt-5.5\"]\n\
         [providers.anthropic]\nbase_url = \"{}\"\n[providers.openai]\nbase_url = \"{}\"\n",
        slow.base_url_anthropic(),
        quick.base_url_openai()
    );
    place.settings(&settings);
    (place, slow, quick)
}

fn with_keys(command: &mut Command) {
    command.env("ANTHROPIC_API_KEY", "a").env("OPENAI_API_KEY", "b");
}

/// A question to `auto`, with more fields.
fn question(more: &Value) -> Value {
    let mut body = json!({ "model": "auto", "max_tokens": 500,
        "messages": [{ "role": "user", "content": "what is a monad" }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Asks for a stream, and returns how its answer begins.
fn begins(gateway: &Running, headers: &str, body: &Value) -> String {
    let mut stream = gateway.send_with(headers, &body.to_string());
    let mut head = [0; 4096];
    let read = stream.read(&mut head).unwrap();
    String::from_utf8_lossy(&head[..read]).into_owned()
}

#[test]
fn a_question_without_tools_is_raced_where_that_is_set() {
    let (place, _slow, quick) = racing();
    let gateway = Running::start(&place, &["--no-auth"], with_keys);
    for streams in [false, true] {
        let answer = gateway.ask_with("", &question(&json!({ "stream": streams })));
        assert!(answer.contains("a quick answer") && !answer.contains("slow"), "{answer}");
        assert!(answer.contains("x-distiq-route: openai/gpt-5.5"), "{answer}");
    }
    let before = quick.requests().len();
    // What tools do cannot be done twice.
    let tool = json!({ "name": "look", "input_schema": { "type": "object" } });
    let head = begins(&gateway, "", &question(&json!({ "tools": [tool], "stream": true })));
    assert!(head.contains("x-distiq-route: anthropic/claude-haiku-4-5"), "{head}");
    assert_eq!(quick.requests().len(), before);
    gateway.stop();
    let totals = place.run(&["cost", "--json"]).json();
    // One that had sent nothing when it was given up is none.
    let requests = totals["totals"]["requests"].as_u64().unwrap();
    assert!((4..=5).contains(&requests), "both of a race are on the ledger: {totals}");
}

#[test]
fn a_key_that_may_not_use_the_rivals_model_has_no_race() {
    let (place, slow, quick) = racing();
    let key = |models: &[&str]| {
        let named = models.iter().flat_map(|model| ["--model", model]);
        let arguments: Vec<&str> = ["keys", "create", "--json"].into_iter().chain(named).collect();
        let made = place.run(&arguments).json();
        format!("authorization: Bearer {}\r\n", made["key"].as_str().unwrap())
    };
    let (budget, both) = ("claude-haiku-4-5", "gpt-5.5");
    let (alone, raced) = (key(&[budget]), key(&[budget, both]));
    let gateway = Running::start(&place, &[], with_keys);
    let body = question(&json!({ "stream": true }));
    let head = begins(&gateway, &alone, &body);
    assert!(head.contains("x-distiq-route: anthropic/claude-haiku-4-5"), "{head}");
    assert_eq!((slow.requests().len(), quick.requests().len()), (1, 0));
    let answer = gateway.ask_with(&raced, &body);
    assert!(answer.contains("x-distiq-route: openai/gpt-5.5"), "{answer}");
    assert!(!quick.requests().is_empty());
    gateway.stop();
}
