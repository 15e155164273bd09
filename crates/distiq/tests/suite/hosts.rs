use std::collections::BTreeSet;
use std::process::Command;

use distiq_testkit::{Answer, Script, ScriptedModel};
use serde_json::json;

use crate::Place;

/// Runs a command under a trace of the system calls that reach out, its children included, and
/// returns the addresses.
pub fn reached(
    place: &Place,
    arguments: &[&str],
    model: Option<&ScriptedModel>,
) -> BTreeSet<String> {
    let log = place.folder().join("trace");
    let inner = place.command(arguments);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o"]).arg(&log);
    command.arg("--").arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(place.project());
    if let Some(model) = model {
        command.env("ANTHROPIC_BASE_URL", model.base_url_anthropic());
        command.env("DISTIQ_MODEL", "scripted-1");
    }
    let output = command.output().expect("strace is needed (Debian: apt-get install strace)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let log = std::fs::read_to_string(log).unwrap();
    log.lines().filter_map(address).collect()
}

/// Returns where a traced call went: `ADDRESS:PORT`, or a socket's path.
fn address(line: &str) -> Option<String> {
    let between = |start: &str, end: &str| {
        let rest = line.split_once(start)?.1;
        Some(rest.split_once(end)?.0.to_owned())
    };
    if line.contains("AF_UNIX") {
        return between("sun_path=\"", "\"").or_else(|| between("sun_path=@\"", "\""));
    }
    let port = between("port=htons(", ")")?;
    let host = between("inet_addr(\"", "\"").or_else(|| between("inet_pton(AF_INET6, \"", "\""))?;
    Some(format!("{host}:{port}"))
}

#[test]
fn nothing_but_the_configured_host_is_contacted() {
    let place = Place::new();
    let model = ScriptedModel::start(Script::by_turn([
        Answer::call("search", json!({"pattern": "x"})),
        Answer::text("done"),
    ]))
    .unwrap();
    let wanted = model.base_url_anthropic();
    let wanted = wanted.strip_prefix("http://").unwrap();
    let reached_by_run = reached(&place, &["run", "--", "go"], Some(&model));
    assert_eq!(reached_by_run, BTreeSet::from([wanted.to_owned()]));
    for arguments in [
        &["version"][..],
        &["cost"],
        &["models"],
        &["sessions", "list"],
        &["config", "--explain"],
        &["tool", "read", r#"{"path": "none"}"#, "--mode", "full"],
    ] {
        if arguments[0] == "tool" {
            place.write("none", "x");
        }
        assert_eq!(reached(&place, arguments, None), BTreeSet::new(), "{arguments:?}");
    }
}
