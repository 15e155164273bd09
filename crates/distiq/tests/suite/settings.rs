use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::Place;

#[test]
fn values_are_set_read_and_explained() {
    let place = Place::new();
    place.settings("# mine\nmodel = \"a\"\n");
    place.run(&["config", "set", "limits.day", "2.50"]).ok();
    place.run(&["config", "set", "max_turns", "7"]).ok();
    assert_eq!(
        fs::read_to_string(place.config_file()).unwrap(),
        "# mine\nmodel = \"a\"\nmax_turns = 7\n\n[limits]\nday = 2.50\n"
    );
    assert_eq!(place.run(&["config", "get", "limits.day"]).ok(), "2.50\n");
    let out =
        place.command(&["config", "--explain", "--tz", "UTC"]).env("DISTIQ_MODEL", "b").output();
    let out = place.plain(&String::from_utf8(out.unwrap().stdout).unwrap());
    let line = |key: &str| {
        let line = out.lines().find(|line| line.split_whitespace().next() == Some(key)).unwrap();
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("model"), "b environment `DISTIQ_MODEL`");
    assert_eq!(line("limits.day"), "$2.50 …/home/distiq/config/config.toml line 6, column 1");
    assert_eq!(line("tz"), "UTC flag `--tz`");
    assert_eq!(line("mode"), "ask default");
    let json = place.run(&["config", "get", "limits.day", "--json"]).json();
    assert_eq!(json["value"]["nanousd"], 2_500_000_000_i64);
}

#[test]
fn settings_that_are_wrong_name_their_place_and_change_nothing() {
    let place = Place::new();
    place.settings("model = \"a\"\nmax_costs = 1\n");
    let ran = place.run(&["cost"]);
    assert_eq!(ran.code, 3);
    assert_eq!(
        place.plain(&ran.err),
        "error: Unknown setting `max_costs` in …/home/distiq/config/config.toml line 2, column 1\n\
         hint: Did you mean `max_cost`?\n"
    );
    place.settings("mode = ask\n");
    let ran = place.run(&["cost", "--json"]);
    let error = &ran.json()["error"];
    assert_eq!((ran.code, error["kind"].as_str()), (3, Some("config")));
    let message = place.plain(error["message"].as_str().unwrap());
    assert!(
        message.starts_with("Bad TOML in …/home/distiq/config/config.toml line 1, column 8"),
        "{message}"
    );
    let ran = place.run(&["config", "set", "mode", "full"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(fs::read_to_string(place.config_file()).unwrap(), "mode = ask\n");
    let ran = place.run(&["config", "set", "mode", "yolo"]);
    assert!(ran.err.contains("expected one of `read-only`, `ask`"), "{}", ran.err);
}

#[test]
fn a_projects_file_tightens_and_is_told_what_it_did_not_get() {
    let place = Place::new();
    place.write(
        ".distiq.toml",
        "mode = \"full\"\nmax_turns = 3\n[providers.x]\nbase_url = \"https://x\"\n",
    );
    let ran = place.run(&["config", "--json"]);
    let json = ran.json();
    let value = |key: &str| {
        let rows = json["settings"].as_array().unwrap();
        rows.iter().find(|row| row["key"] == key).map(|row| row["value"].clone())
    };
    assert_eq!(value("mode"), Some("ask".into()));
    assert_eq!(value("max_turns"), Some(3.into()));
    assert_eq!(value("providers.x.base_url"), None);
    assert_eq!(json["notices"].as_array().unwrap().len(), 2);
    assert!(ran.err.contains("note: Ignored `mode` in"), "{}", ran.err);
}

#[test]
fn setup_stores_a_key_for_the_user_alone_and_shows_it_nowhere() {
    let place = Place::new();
    let out = place.pipe(&["setup", "--provider", "openai"], "sk-secret-1234\n").ok();
    assert!(!out.contains("sk-secret"), "{out}");
    let keys = place.home().join("config/keys.toml");
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&keys).unwrap().contains("OPENAI_API_KEY = \"sk-secret-1234\""));
    let ran = place.run(&["doctor"]);
    assert!(ran.out.contains("openai with"), "{}", ran.out);
    assert!(!ran.out.contains("sk-secret"));
    let ran = place.pipe(&["setup", "--provider", "nobody"], "sk-x\n");
    assert_eq!(ran.code, 3);
    let ran = place.pipe(&["setup"], "two words\n");
    assert_eq!((ran.code, ran.err.contains("two words")), (3, false));
    fs::write(&keys, "keys = sk-secret-1234").unwrap();
    let ran = place.run(&["models"]);
    assert_eq!((ran.code, ran.err.contains("sk-secret")), (3, false), "{}", ran.err);
}

#[test]
fn setup_takes_a_key_from_a_variable_and_installs_completions() {
    let place = Place::new();
    let mut command = place.command(&["setup", "--key-env", "MY_KEY", "--completions", "bash"]);
    let ran = crate::Ran::of(command.env("MY_KEY", "sk-from-env-1").output().unwrap());
    let out = place.plain(&ran.ok());
    assert!(out.contains("Installed completions in …/home/.local/share/bash-completion"), "{out}");
    let ran = place.run(&["setup", "--key-env", "NOT_SET"]);
    assert_eq!(
        (ran.code, ran.err.lines().next()),
        (3, Some("error: `NOT_SET` is not set in the environment"))
    );
}
