use std::io::Read;
use std::process::Stdio;

use crate::Place;

#[test]
fn bare_distiq_prints_help_and_ends() {
    let place = Place::new();
    let help = place.run(&[]).ok();
    assert!(help.contains("Usage: distiq") && help.contains("config"), "{help}");
    assert!(!place.home().exists(), "help stores nothing");
}

#[test]
fn version_tells_itself_and_every_licence() {
    let place = Place::new();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(place.run(&["version"]).ok(), format!("distiq {version}\n"));
    assert_eq!(place.run(&["--version"]).ok(), format!("distiq {version}\n"));
    let json = place.run(&["version", "--licenses", "--json"]).json();
    assert_eq!(json["version"], version);
    let packages = json["packages"].as_array().unwrap();
    let clap = packages.iter().find(|package| package["name"] == "clap").unwrap();
    assert_eq!(clap["license"], "MIT OR Apache-2.0");
    assert!(packages.iter().all(|package| package["license"] != ""));
}

#[test]
fn wrong_command_lines_end_with_2_in_words_or_as_json() {
    let place = Place::new();
    let ran = place.run(&["versio"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.starts_with("error: Unrecognized subcommand 'versio'\nhint: "), "{}", ran.err);
    assert!(ran.err.contains("'version'"), "{}", ran.err);
    let ran = place.run(&["cost", "--jsom", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (2, ""));
    let json = ran.json();
    assert_eq!(json["error"]["kind"], "usage");
    assert!(json["error"]["hint"].as_str().unwrap().contains("--json"), "{json}");
}

#[test]
fn a_home_that_is_nowhere_is_told() {
    let place = Place::new();
    let output = place.command(&["cost"]).env_remove("HOME").env_remove("DISTIQ_HOME").output();
    let ran = crate::Ran::of(output.unwrap());
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            3,
            "error: No home: neither `HOME` nor `DISTIQ_HOME` is set\n\
             hint: Set `DISTIQ_HOME` to a folder for config, data and cache\n"
        )
    );
}

#[test]
fn code_is_found_without_a_home() {
    let place = Place::new();
    place.write("a.py", "def weigh_all(items):\n    return items\n");
    let temporaries = place.folder().join("temporaries");
    std::fs::create_dir(&temporaries).unwrap();
    for arguments in [
        &["search", "weigh all items"][..],
        &["context", "weigh all items"],
        &["map"],
        &["graph", "definition", "weigh_all"],
    ] {
        let mut command = place.command(arguments);
        command.env_remove("HOME").env_remove("DISTIQ_HOME").env("TMPDIR", &temporaries);
        let ran = crate::Ran::of(command.output().unwrap());
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        assert!(ran.out.contains("weigh_all"), "{arguments:?}: {}", ran.out);
    }
}

#[test]
fn settings_in_the_wrong_place_are_told() {
    let place = Place::new();
    place.write("a.py", "x = 1\n");
    std::fs::create_dir_all(place.home()).unwrap();
    std::fs::write(place.home().join("config.toml"), "mode = \"ask\"\n").unwrap();
    let err = place.run(&["index"]).err;
    assert!(err.contains("config.toml`: settings belong in `"), "{err}");
}

#[test]
fn a_wrong_root_is_a_wrong_command_line() {
    let place = Place::new();
    let ran = place.run(&["config", "--root", "no/such"]);
    assert_eq!(
        (ran.code, ran.err.lines().next()),
        (2, Some("error: `--root`: no folder at `no/such`"))
    );
}

#[test]
fn a_reader_that_goes_away_ends_it_silently() {
    let place = Place::new();
    let mut command = place.command(&["completions", "zsh"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The script is larger than a pipe holds, or the reader is gone before it is written.
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(141), ""));
}

#[test]
fn completions_come_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(place.run(&["completions", shell]).ok().contains("distiq"), "{shell}");
    }
}

#[test]
fn colour_goes_to_terminals_alone_unless_forced() {
    let place = Place::new();
    assert!(!place.run(&["schema", "nope"]).err.contains('\x1b'));
    let forced = place.run(&["schema", "nope", "--color", "always"]).err;
    assert!(forced.starts_with("\x1b[1;31merror:\x1b[0m"), "{forced:?}");
    let env = place.command(&["schema", "nope"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(env.stderr.starts_with(b"\x1b[1;31m"));
    let mut both = place.command(&["schema", "nope"]);
    both.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    assert!(both.output().unwrap().stderr.starts_with(b"error:"));
}

#[test]
fn arguments_cannot_steer_the_terminal() {
    let place = Place::new();
    let err = place.run(&["schema", "\x1b]0;owned\x07\u{202e}x"]).err;
    assert_eq!(err.lines().next().unwrap(), "error: No schema `␛]0;owned␇\u{fffd}x`");
}

#[test]
fn doctor_tells_what_is_there_and_what_is_not() {
    let place = Place::new();
    let json = place.run(&["doctor", "--json"]).json();
    assert_eq!(json["ok"], true);
    let check = |name: &str| {
        let checks = json["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap()["status"].clone()
    };
    assert_eq!((check("git"), check("provider")), ("ok".into(), "warning".into()));
    place.settings("mode = 3");
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("FAILED   settings"), "{}", ran.out);
}

#[test]
fn models_lists_providers_and_prices() {
    let place = Place::new();
    let json = place.run(&["models", "--json", "--provider", "anthropic"]).json();
    assert_eq!(json["providers"][0]["usable"], false);
    let models = json["models"].as_array().unwrap();
    assert!(models.iter().all(|model| model["provider"] == "anthropic"));
    assert!(models.iter().any(|model| {
        model["prices_nanousd_per_mtok"]["input"].as_i64().is_some_and(|price| price > 0)
    }));
    let ran = place.run(&["models", "--provider", "nobody"]);
    assert_eq!((ran.code, ran.err.lines().next()), (3, Some("error: No provider `nobody`")));
}
