//! The place to run programs in, tried with the shell.

use std::time::Duration;

use distiq_testkit::{Answer, Script, ScriptedModel, TestEnv};
use serde_json::json;

fn shell() -> TestEnv {
    TestEnv::new("/bin/sh").unwrap()
}

#[test]
fn a_run_sees_nothing_of_the_callers_environment() {
    let mut env = shell();
    env.set("A", "1").set("A", "2");
    let output = env.run(["-c", "env"]).unwrap().expect_code(0).unwrap();
    let mut names: Vec<&str> =
        output.stdout.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["A", "DISTIQ_HOME", "HOME", "LANG", "PATH", "TMPDIR", "TZ"]);
    assert!(output.stdout.contains("A=2\n"));
    assert!(output.stdout.contains(&format!("HOME={}\n", env.home().display())));
}

#[test]
fn output_code_and_input_are_kept_apart() {
    let env = shell();
    env.write("a/b.txt", "in the project").unwrap();
    let output = env.run(["-c", "cat a/b.txt; echo oops >&2; exit 3"]).unwrap();
    assert_eq!(output.code, Some(3));
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("in the project", "oops\n"));
    let error = output.expect_code(0).unwrap_err().to_string();
    assert!(error.contains("exit code Some(3), not 0") && error.contains("oops"), "{error}");
    let echo = env.run_with_input(["-c", "cat"], "ünïcode\n").unwrap();
    assert_eq!(echo.stdout, "ünïcode\n");
    assert_eq!(env.run(["-c", "cat"]).unwrap().stdout, "", "stdin is empty");
    let lines = env.run(["-c", r#"echo '{"a":1}'; echo '[]'"#]).unwrap();
    assert_eq!(lines.json_lines().unwrap(), [json!({"a": 1}), json!([])]);
    assert!(lines.json().is_err());
}

#[test]
fn a_running_program_is_read_line_by_line_signalled_and_killed() {
    let env = shell();
    let script = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.01; done";
    let mut running = env.spawn(env.command(["-c", script])).unwrap();
    assert_eq!(running.wait_for_line("ready").unwrap(), "ready\n");
    running.signal(2).unwrap();
    let output = running.wait().unwrap();
    assert_eq!((output.code, output.stdout.as_str()), (Some(9), "ready\ncaught\n"));

    let mut running = env.spawn(env.command(["-c", script])).unwrap();
    running.wait_for_line("ready").unwrap();
    running.kill();
    assert_eq!(running.wait().unwrap().code, None);
}

#[test]
fn a_hang_ends_at_the_deadline_with_what_was_said() {
    let mut env = shell();
    env.deadline = Duration::from_millis(300);
    let error = env.run(["-c", "echo so far; exec sleep 100"]).unwrap_err().to_string();
    assert!(error.contains("so far"), "{error}");
    let error = TestEnv::new("/no/such/program").unwrap().run(["x"]).unwrap_err().to_string();
    assert!(error.contains("build it first"), "{error}");
}

#[test]
fn the_vendors_variables_point_at_the_model() {
    let model = ScriptedModel::start(Script::steps([Answer::text("hi")])).unwrap();
    let mut env = shell();
    env.use_model(&model);
    let said = env.run(["-c", "echo $ANTHROPIC_BASE_URL $OPENAI_BASE_URL"]).unwrap().stdout;
    let address = model.address();
    assert_eq!(said, format!("http://{address} http://{address}/v1\n"));
}
