//! Ninety commands that would hang, flood, hide or outlive their call: each returns in time, costs no
//! memory, says how it ended, and leaves nothing alive.

mod cases;

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cases::{CASES, Case, End};
use serde_json::{Value, json};

use crate::Place;

/// What a call may take beyond its own time.
const BEYOND: Duration = Duration::from_secs(1);

/// What a busy machine may take beyond that; far less than any of these commands would.
const BUSY: Duration = Duration::from_secs(15);

/// The most memory that a call may take, in kB.
const MOST_KB: i64 = 100_000;

/// How many run at once.
const AT_ONCE: usize = 6;

/// Any user without rights.
const NOBODY: u32 = 65_534;

/// A place whose commands one user runs.
struct Scene {
    place: Place,
    program: PathBuf,
    user: Option<u32>,
    sandbox: &'static str,
    /// Stands for `FOREVER`.
    forever: String,
}

impl Scene {
    fn new(user: Option<u32>, sandbox: &'static str) -> Self {
        let place = Place::new();
        let mut program = PathBuf::from(env!("CARGO_BIN_EXE_distiq"));
        if let Some(user) = user {
            // The build folder may be in a home that others cannot enter.
            let copy = place.folder().join("distiq");
            fs::copy(&program, &copy).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
            program = copy;
            for folder in ["", "home", "project", "project/.git", "tmp"] {
                chown(place.folder().join(folder), Some(user), Some(user)).unwrap();
            }
        }
        // Some years, and a number that no other test, and no other run of this one, has.
        let forever =
            format!("98{:06}{}", std::process::id() % 1_000_000, u8::from(user.is_some()));
        Self { place, program, user, sandbox, forever }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let prepared = self.place.command(arguments);
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.place.project()).env_clear();
        command.envs(prepared.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("DISTIQ_SANDBOX", self.sandbox);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    /// Puts a script where a call finds it, and starts the call.
    fn start(&self, folder: &str, script: &str, timeout_s: u64) -> Child {
        let path = self.place.project().join(folder);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("run.sh"), script.replace("FOREVER", &self.forever)).unwrap();
        if let Some(user) = self.user {
            chown(&path, Some(user), Some(user)).unwrap();
        }
        let input = json!({"command": ". ./run.sh", "cwd": folder, "timeout_s": timeout_s});
        self.command(&["tool", "shell", &input.to_string()]).spawn().unwrap()
    }

    /// Returns what is wrong with a case.
    #[expect(clippy::zombie_processes, reason = "`wait_for_memory` waits for it")]
    fn faults(&self, number: usize, case: &Case) -> Vec<String> {
        let began = Instant::now();
        let mut child = self.start(&format!("c{number}"), case.script, case.timeout_s);
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        let memory_kb = wait_for_memory(&child);
        let took = began.elapsed();
        let mut faults = Vec::new();
        if took > Duration::from_secs(case.timeout_s) + BEYOND + BUSY {
            faults.push(format!("took {took:?}"));
        }
        if memory_kb > MOST_KB {
            faults.push(format!("took {memory_kb} kB"));
        }
        let Ok(result) = serde_json::from_str::<Value>(&text) else {
            faults.push(format!("no result: {text:?}"));
            return faults;
        };
        let said = result["text"].as_str().or(result["message"].as_str()).unwrap_or_default();
        let timed_out = said.contains("[timed out after ");
        let ended = match case.end {
            End::Code(code) => result["data"]["exit_code"] == code,
            End::Itself => !timed_out && result["ok"] == true,
            End::TimesOut => timed_out && result["kind"] == "failed",
            End::Any => true,
        };
        if !ended {
            faults.push(format!("did not end with {:?}", case.end));
        }
        faults.extend(
            case.says.iter().filter(|part| !said.contains(**part)).map(|p| format!("no {p:?}")),
        );
        if said.chars().count() > 20_000 {
            faults.push(format!("said {} characters", said.chars().count()));
        }
        if !faults.is_empty() {
            let shown: String = said.chars().take(400).collect();
            faults.push(format!("it said: {shown:?}"));
        }
        faults
    }

    /// Returns the processes that a command of this scene left, by their command lines.
    fn left(&self) -> Vec<String> {
        let folder = self.place.folder().canonicalize().unwrap();
        processes()
            .filter(|(line, cwd)| {
                line.contains(&self.forever)
                    || cwd.as_ref().is_some_and(|cwd| cwd.starts_with(&folder))
            })
            .map(|(line, _)| line)
            .collect()
    }

    #[track_caller]
    fn check_all(&self) {
        let waiting = Mutex::new(CASES.iter().enumerate());
        let faults = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    loop {
                        let next = waiting.lock().unwrap().next();
                        let Some((number, case)) = next else { return };
                        for fault in self.faults(number, case) {
                            faults.lock().unwrap().push(format!("{}: {fault}", case.name));
                        }
                    }
                });
            }
        });
        let faults = faults.into_inner().unwrap();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        // Who was killed with its supervisor is dying still.
        assert!(soon(|| self.left().is_empty()), "left: {:#?}", self.left());
    }
}

/// Waits for the end and returns the most memory that the process, or one that it waited for, had.
#[allow(unsafe_code)]
fn wait_for_memory(child: &Child) -> i64 {
    let pid = i32::try_from(child.id()).unwrap();
    // SAFETY: both pointers are to locals of the right type, and the child is waited for only here.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let mut status = 0;
        assert_eq!(libc::wait4(pid, &raw mut status, 0, &raw mut usage), pid);
        usage
    };
    usage.ru_maxrss
}

/// Returns command line and folder of every living process.
fn processes() -> impl Iterator<Item = (String, Option<PathBuf>)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| {
        entry.file_name().to_str()?.parse::<i32>().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok().filter(|line| !line.is_empty())?;
        let cwd = fs::read_link(entry.path().join("cwd")).ok();
        Some((String::from_utf8_lossy(&line).replace('\0', " "), cwd))
    })
}

fn soon(holds: impl Fn() -> bool) -> bool {
    let end = Instant::now() + BUSY;
    while !holds() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

#[test]
fn ninety_in_the_sandbox() {
    Scene::new(None, "auto").check_all();
}

/// By a user without rights, where one can be had.
#[test]
fn ninety_without_a_sandbox() {
    Scene::new(nix::unistd::getuid().is_root().then_some(NOBODY), "off").check_all();
}

#[test]
fn nothing_outlives_a_killed_distiq() {
    for sandbox in ["auto", "off"] {
        killed(&Scene::new(None, sandbox));
    }
}

fn killed(scene: &Scene) {
    let script = "(env -i setsid sh -c 'trap \"\" TERM HUP; sleep FOREVER' &); sleep FOREVER & touch up; wait";
    let mut child = scene.start("c", script, 100);
    assert!(soon(|| scene.place.project().join("c/up").exists() && scene.left().len() >= 3));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(soon(|| scene.left().is_empty()), "left: {:#?}", scene.left());
}

#[test]
fn an_interrupted_call_ends_all_of_it() {
    let scene = Scene::new(None, "auto");
    let mut child = scene.start("c", "setsid sleep FOREVER & touch up; sleep FOREVER", 100);
    assert!(soon(|| exists(&scene.place.project().join("c/up"))));
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(soon(|| scene.left().is_empty()), "left: {:#?}", scene.left());
}

fn exists(path: &Path) -> bool {
    path.exists()
}
