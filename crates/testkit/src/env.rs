//! A clean place to run the built program in: its own home, nothing of the caller's environment.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::server::ScriptedModel;

/// How long a run may take; far more than any needs, so that only a hang meets it.
const DEADLINE: Duration = Duration::from_secs(120);

/// A temporary home with an empty project in it. Gone when dropped.
#[derive(Debug)]
pub struct TestEnv {
    program: PathBuf,
    folder: TempDir,
    variables: Vec<(String, String)>,
    /// How long a run may take before it is killed and the test fails.
    pub deadline: Duration,
}

/// What a finished run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

/// A program that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Receiver<Vec<u8>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    seen: Vec<u8>,
    end: Instant,
}

impl TestEnv {
    /// Makes a place for a program; tests give `env!("CARGO_BIN_EXE_distiq")`.
    ///
    /// # Errors
    /// Where no temporary folder can be made.
    pub fn new(program: impl Into<PathBuf>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("distiq-test-").tempdir()?;
        for name in ["home", "project", "tmp"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        Ok(Self { program: program.into(), folder, variables: Vec::new(), deadline: DEADLINE })
    }

    /// Returns `HOME`.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Returns `DISTIQ_HOME`, which is not made yet.
    pub fn distiq_home(&self) -> PathBuf {
        self.home().join("distiq")
    }

    /// Returns the folder that programs run in.
    pub fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// Sets a variable for all runs from now on.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Points the vendors' variables at a scripted model, with keys that tests can look for.
    pub fn use_model(&mut self, model: &ScriptedModel) -> &mut Self {
        self.set("ANTHROPIC_BASE_URL", model.base_url_anthropic())
            .set("ANTHROPIC_API_KEY", "sk-ant-key-of-the-test-environment")
            .set("OPENAI_BASE_URL", model.base_url_openai())
            .set("OPENAI_API_KEY", "sk-key-of-the-test-environment")
    }

    /// Writes a file of the project, with its folders.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.project().join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, content)?;
        Ok(path)
    }

    /// Reads a file of the project.
    ///
    /// # Errors
    /// Where it is not there or not UTF-8.
    pub fn read(&self, path: &str) -> Result<String> {
        let path = self.project().join(path);
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    /// Returns the program as a command in the project, with nothing of the caller's environment
    /// but `PATH`.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.project())
            .stdin(Stdio::null())
            .env_clear()
            .env("HOME", self.home())
            .env("DISTIQ_HOME", self.distiq_home())
            .env("TMPDIR", self.folder.path().join("tmp"))
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// Runs the program to its end, with an empty stdin.
    ///
    /// # Errors
    /// Where it cannot start, or does not end before the deadline.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Output> {
        self.spawn(self.command(arguments))?.wait()
    }

    /// Runs the program to its end, with a text on stdin.
    ///
    /// # Errors
    /// Where it cannot start, or does not end before the deadline.
    pub fn run_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Result<Output> {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped());
        let mut running = self.spawn(command)?;
        if let Some(mut stdin) = running.child.stdin.take() {
            let input = input.to_owned();
            // A program that does not read must not block its test; one that closes early is fine.
            std::thread::spawn(move || {
                let _ = stdin.write_all(input.as_bytes());
            });
        }
        running.wait()
    }

    /// Starts a command; stdin is empty unless it says otherwise.
    ///
    /// # Errors
    /// Where it cannot start.
    pub fn spawn(&self, mut command: Command) -> Result<Running> {
        if command.get_program() == self.program.as_os_str() && !self.program.exists() {
            bail!("there is no program at {}: build it first", self.program.display());
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let (send, stdout) = channel();
        if let Some(pipe) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut pipe = BufReader::new(pipe);
                let mut line = Vec::new();
                while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                    if send.send(std::mem::take(&mut line)).is_err() {
                        return;
                    }
                }
            });
        }
        let stderr = child.stderr.take().map(|mut pipe| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = pipe.read_to_end(&mut bytes);
                bytes
            })
        });
        let end = Instant::now() + self.deadline;
        Ok(Running { child, stdout, stderr, seen: Vec::new(), end })
    }
}

impl Running {
    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next line of stdout, with its end; `None` once the program closed it.
    ///
    /// # Errors
    /// Where the deadline comes first.
    pub fn next_line(&mut self) -> Result<Option<String>> {
        let left = self.end.saturating_duration_since(Instant::now());
        match self.stdout.recv_timeout(left) {
            Ok(line) => {
                self.seen.extend_from_slice(&line);
                Ok(Some(String::from_utf8_lossy(&line).into_owned()))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                self.kill();
                bail!("no line before the deadline; so far:\n{}", self.so_far())
            }
        }
    }

    /// Waits for a line of stdout that contains a text, and returns it.
    ///
    /// # Errors
    /// Where the program ends or the deadline comes before.
    pub fn wait_for_line(&mut self, text: &str) -> Result<String> {
        while let Some(line) = self.next_line()? {
            if line.contains(text) {
                return Ok(line);
            }
        }
        bail!("the program ended without {text:?}; it said:\n{}", self.so_far())
    }

    /// Kills the program as `kill -9` does and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal, such as 2 for SIGINT.
    ///
    /// # Errors
    /// Where the program is gone.
    pub fn signal(&self, signal: i32) -> Result<()> {
        let id = i32::try_from(self.id()).context("no such process id")?;
        let signal = Signal::try_from(signal).context("no such signal")?;
        kill(Pid::from_raw(id), signal).with_context(|| format!("process {id} is gone"))?;
        Ok(())
    }

    /// Waits for the end and returns everything that was said, lines already read included.
    ///
    /// # Errors
    /// Where the deadline comes first; the program is killed then.
    pub fn wait(mut self) -> Result<Output> {
        while self.next_line()?.is_some() {}
        let code = loop {
            if let Some(status) = self.child.try_wait()? {
                break status.code();
            }
            if Instant::now() > self.end {
                self.kill();
                bail!("the program closed its stdout and did not end:\n{}", self.so_far());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let stdout = self.so_far();
        let stderr = self.stderr.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        Ok(Output { code, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() })
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Output {
    /// Returns stdout as JSON values, one a line.
    ///
    /// # Errors
    /// At the first line that is not JSON.
    pub fn json_lines(&self) -> Result<Vec<Value>> {
        let parse = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
        self.stdout.lines().map(parse).collect()
    }

    /// Returns stdout as one JSON value.
    ///
    /// # Errors
    /// Where it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| self.stdout.clone())
    }

    /// Returns itself where the exit code is this one.
    ///
    /// # Errors
    /// With everything that was said, where it is another one.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        ensure!(
            self.code == Some(code),
            "exit code {:?}, not {code}\nstdout:\n{}\nstderr:\n{}",
            self.code,
            self.stdout,
            self.stderr
        );
        Ok(self)
    }
}
