use std::fs;

use crate::Place;

#[test]
fn nothing_spent_is_told_without_making_a_ledger() {
    let place = Place::new();
    let json = place.run(&["cost", "--json"]).json();
    assert_eq!(
        (json["cost_nanousd"].as_i64(), json["totals"]["requests"].as_i64()),
        (Some(0), Some(0))
    );
    place.run(&["stats"]).ok();
    place.run(&["metrics", "--daily"]).ok();
    assert_eq!(
        place.run(&["sessions", "list", "--json"]).json()["sessions"].as_array().unwrap().len(),
        0
    );
    assert!(!place.home().exists());
}

#[test]
fn a_session_that_is_not_there_is_told() {
    let place = Place::new();
    for arguments in [["sessions", "show", "019a"], ["sessions", "export", "019a"]] {
        let ran = place.run(&arguments);
        assert_eq!((ran.code, ran.err.lines().next()), (1, Some("error: No session `019a`")));
    }
}

#[test]
fn data_is_counted_pruned_by_size_and_erased_only_when_meant() {
    let place = Place::new();
    let sessions = place.home().join("data/sessions/2026/11");
    fs::create_dir_all(&sessions).unwrap();
    for (index, name) in ["old", "new"].iter().enumerate() {
        let path = sessions.join(format!("{name}.jsonl"));
        fs::write(&path, vec![b'x'; 700_000]).unwrap();
        let at =
            std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(index as u64 * 60);
        fs::File::open(&path).unwrap().set_modified(at).unwrap();
    }
    assert_eq!(place.run(&["data", "size", "--json"]).json()["sessions"], 1_400_000);
    let dry = place.run(&["data", "prune", "--max-mb", "1", "--dry-run"]).ok();
    assert!(dry.contains("would remove") && dry.contains("old.jsonl"), "{dry}");
    let json = place.run(&["data", "prune", "--max-mb", "1", "--json"]).json();
    assert_eq!((json["removed"].as_bool(), json["bytes"].as_i64()), (Some(true), Some(700_000)));
    assert!(sessions.join("new.jsonl").exists() && !sessions.join("old.jsonl").exists());

    let ran = place.run(&["data", "erase", "all"]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (1, "error: Nothing was removed\nhint: Add `--yes` to remove it for good\n")
    );
    assert!(sessions.join("new.jsonl").exists());
    place.settings("model = \"a\"\n");
    place.run(&["data", "erase", "all", "--yes"]).ok();
    assert!(!sessions.join("new.jsonl").exists() && place.config_file().exists());
}

#[test]
fn paths_follow_xdg_without_a_home_of_our_own() {
    let place = Place::new();
    let mut command = place.command(&["data", "path", "--json"]);
    let output = command.env_remove("DISTIQ_HOME").env("XDG_DATA_HOME", "/x").output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["ledger"], "/x/distiq/ledger.db");
    assert_eq!(json["gateway"], "/x/distiq/gateway.db");
    let config = place.env.home().join(".config/distiq");
    assert_eq!(json["config"], config.to_str().unwrap());
}

/// Makes a ledger by a run that fails before anything is sent.
fn with_ledger() -> (Place, std::path::PathBuf) {
    let place = Place::new();
    let mut command = place.command(&["run", "--max-cost", "0.000001", "--price", "3/15", "x"]);
    // Nobody listens there; the limit comes first.
    command.env("ANTHROPIC_BASE_URL", "http://127.0.0.1:9").env("DISTIQ_MODEL", "m");
    assert_eq!(command.output().unwrap().status.code(), Some(4));
    let ledger = place.home().join("data/ledger.db");
    assert!(ledger.exists());
    (place, ledger)
}

/// SQLite keeps the schema's version at byte 60 of the file (`PRAGMA user_version`).
const VERSION_AT: usize = 60;

#[test]
fn a_ledger_of_a_newer_version_is_refused_and_left_alone() {
    let (place, ledger) = with_ledger();
    let mut bytes = fs::read(&ledger).unwrap();
    bytes[VERSION_AT..VERSION_AT + 4].copy_from_slice(&9999_u32.to_be_bytes());
    fs::write(&ledger, &bytes).unwrap();
    for side in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{side}", ledger.display()));
    }
    let ran = place.run(&["cost"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("9999") && ran.err.contains("hint: Install"), "{}", ran.err);
    assert_eq!(fs::read(&ledger).unwrap(), bytes);
    let doctor = place.run(&["doctor"]);
    assert!(doctor.code == 1 && doctor.out.contains("FAILED   ledger"), "{}", doctor.out);
}

#[test]
fn a_ledger_that_is_no_database_is_told_and_left_alone() {
    let (place, ledger) = with_ledger();
    fs::write(&ledger, "no database at all, but a text that is long enough for a header".repeat(9))
        .unwrap();
    let before = fs::read(&ledger).unwrap();
    let ran = place.run(&["cost", "--json"]);
    let error = &ran.json()["error"];
    assert_eq!((ran.code, error["kind"].as_str()), (1, Some("user")), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("Move"), "{error}");
    assert_eq!(fs::read(&ledger).unwrap(), before);
}

#[test]
fn a_full_disk_under_standard_output_is_told() {
    let place = Place::new();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = place.command(&["schema", "event"]).stdout(full).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.starts_with("error: Cannot write to standard output: No space left"), "{err}");
}

#[test]
fn the_gateways_data_is_erased_alone() {
    let (place, ledger) = with_ledger();
    assert_eq!(place.run(&["keys", "create"]).code, 0);
    let gateway = place.home().join("data/gateway.db");
    assert!(gateway.exists());
    place.run(&["data", "erase", "gateway", "--yes"]).ok();
    assert!(!gateway.exists() && ledger.exists());
}
