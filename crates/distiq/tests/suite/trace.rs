//! The trace of hosts on longer ways: the other dialect, retries, a resume, all that reads, the demo.

use std::collections::BTreeSet;

use distiq_testkit::{Answer, Fault, Script, ScriptedModel, Step};
use serde_json::json;

use crate::{Place, hosts};

/// Returns what a command reached, but for the name cache that the C library of a child (a shell,
/// cargo) asks for the user's name: a socket of this machine.
fn reached(place: &Place, arguments: &[&str]) -> BTreeSet<String> {
    let mut reached = hosts::reached(place, arguments, None);
    reached.remove("/var/run/nscd/socket");
    reached
}

#[test]
fn a_whole_life_of_a_session_contacts_the_configured_host_only() {
    let model = ScriptedModel::start(Script::by_turn([
        Answer::call("shell", json!({"command": "ls"}))
            .after_faults([Fault::Status { status: 503 }, Fault::CutBeforeHead]),
        Answer::text("done").into(),
        Answer::text("done again").into(),
    ] as [Step; 3]))
    .unwrap();
    let mut place = Place::new();
    place
        .env
        .set("OPENAI_BASE_URL", model.base_url_openai())
        .set("OPENAI_API_KEY", "sk-key-of-this-test")
        .set("DISTIQ_MODEL", "scripted-1")
        .set("DISTIQ_MODE", "full")
        .set("DISTIQ_RETRY_BASE_MS", "60");
    let host = BTreeSet::from([model.address().to_string()]);
    assert_eq!(reached(&place, &["run", "--price", "3/15", "go"]), host);
    assert_eq!(reached(&place, &["run", "--continue", "--price", "3/15", "on"]), host);
    let id = place.run(&["sessions", "list", "--json"]).json()["sessions"][0]["id"].clone();
    let id = id.as_str().unwrap();
    for arguments in [
        &["sessions", "list"][..],
        &["sessions", "show", id],
        &["sessions", "search", "done"],
        &["sessions", "export", id, "--format", "html"],
        &["cost", "--session", id],
        &["cost", "--month", "--breakdown"],
        &["stats"],
        &["metrics", "--daily"],
        &["doctor"],
        &["models"],
        &["config", "set", "mode", "ask"],
        &["data", "size"],
        &["schema", "event"],
        &["completions", "bash"],
    ] {
        let reached = reached(&place, arguments);
        // A check of the way to the model is what `doctor` is for, and a list what `models` is for.
        let may = matches!(arguments[0], "doctor" | "models");
        assert!(reached.is_empty() || may && reached == host, "{arguments:?}: {reached:?}");
    }
}

#[test]
fn the_demo_contacts_its_own_model_only() {
    let mut place = Place::new();
    // The user's own home may hold the toolchain.
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME"] {
        if let Ok(value) = std::env::var(name) {
            place.env.set(name, value);
        }
    }
    let reached = reached(&place, &["demo", "--language", "rust"]);
    assert_eq!(reached.len(), 1, "{reached:?}");
    assert!(reached.iter().all(|address| address.starts_with("127.0.0.1:")), "{reached:?}");
}
