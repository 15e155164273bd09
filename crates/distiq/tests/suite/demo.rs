use crate::{Place, shape};

/// Languages whose tools are not installed are not tried; Rust always is, it built this test.
#[test]
fn the_demo_fixes_the_bug_in_every_language_that_is_installed() {
    let place = Place::new();
    for (language, program) in [("rust", "cargo"), ("python", "python3"), ("node", "node")] {
        let probe = std::process::Command::new(program).arg("--version").output();
        if language != "rust" && !probe.is_ok_and(|output| output.status.success()) {
            continue;
        }
        let mut command = place.command(&["demo", "--language", language, "--json"]);
        // The user's own home may hold the toolchain.
        for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let ran = crate::Ran::of(command.output().unwrap());
        assert_eq!(ran.code, 0, "{language}: {} {}", ran.out, ran.err);
        let json = ran.json();
        let schema = place.run(&["schema", "demo"]).json();
        assert_eq!(shape::faults(&schema, &json), Vec::<String>::new());
        assert_eq!((&json["ok"], &json["scripted_model"]), (&true.into(), &true.into()));
        let diff = json["diff"].as_str().unwrap();
        assert!(diff.contains("\n-") && diff.contains("quantity >= 10"), "{diff}");
        assert_eq!(json["requests"], 4);
        assert!(json["cost_nanousd"].as_i64().unwrap() > 0);
    }
    assert!(!place.home().exists(), "the demo keeps to its own folder");
}
