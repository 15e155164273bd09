//! The command line as a user meets it: the built binary, a cleared environment, a home of its own.

// A helper of a test may fail the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ask;
mod backends;
mod bad_input;
mod bad_input_canaries;
mod bad_input_disk;
mod basics;
mod context;
mod data;
mod demo;
mod docs;
mod documents;
mod economy;
mod faults;
mod gateway;
mod graph;
mod hosts;
mod kept;
mod kill;
#[cfg(target_os = "linux")]
mod nasty;
mod permissions;
mod prefix;
mod replay;
mod route;
mod run;
#[cfg(target_os = "linux")]
mod sandbox;
mod schemas;
mod search;
mod servers;
mod settings;
mod shape;
mod signals;
mod simulate;
mod soak;
mod tool;
mod trace;
mod trees;
mod two;
mod undo;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use distiq_testkit::TestEnv;
use serde_json::Value;

/// A home, a project and nothing else.
struct Place {
    env: TestEnv,
}

/// What a command left.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        let place = Self { env: TestEnv::new(env!("CARGO_BIN_EXE_distiq")).unwrap() };
        fs::create_dir_all(place.project().join(".git")).unwrap();
        place
    }

    /// Returns the folder that all is in.
    fn folder(&self) -> PathBuf {
        self.project().parent().unwrap().to_path_buf()
    }

    fn project(&self) -> PathBuf {
        self.env.project()
    }

    /// Returns Distiq's own home.
    fn home(&self) -> PathBuf {
        self.env.distiq_home()
    }

    fn config_file(&self) -> PathBuf {
        self.home().join("config/config.toml")
    }

    /// Writes the user's settings.
    fn settings(&self, text: &str) {
        fs::create_dir_all(self.home().join("config")).unwrap();
        fs::write(self.config_file(), text).unwrap();
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        self.env.write(path, text).unwrap()
    }

    /// Prepares the binary: nothing of the caller is in its environment.
    fn command(&self, arguments: &[&str]) -> Command {
        self.env.command(arguments)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.env.run(arguments).unwrap())
    }

    /// Runs with a text on standard input.
    fn pipe(&self, arguments: &[&str], input: &str) -> Ran {
        Ran::from(self.env.run_with_input(arguments, input).unwrap())
    }

    /// Takes the folder's name out of a text, so that texts can be compared.
    fn plain(&self, text: &str) -> String {
        let folder = self.folder();
        let real = folder.canonicalize().unwrap();
        text.replace(path_text(&real), "…").replace(path_text(&folder), "…")
    }
}

fn path_text(path: &Path) -> &str {
    path.to_str().unwrap()
}

impl From<distiq_testkit::Output> for Ran {
    fn from(output: distiq_testkit::Output) -> Self {
        Self { code: output.code.unwrap_or(-1), out: output.stdout, err: output.stderr }
    }
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Returns standard output where the command worked.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "out: {}", self.out);
        self.out
    }

    /// Returns standard output as one JSON value.
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {} {}", self.out, self.err))
    }
}
