//! Backends that are programs of others: bubblewrap, Docker, Podman.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use nix::unistd::{getegid, geteuid};

use super::bubblewrap;
use super::container::{Container, Engine};
use super::{Backend, Policy, Wrapped};

/// Variables of the shell tool's that a container's commands get too.
const PASSED: &[&str] = &[
    "PAGER",
    "GIT_PAGER",
    "MANPAGER",
    "GIT_TERMINAL_PROMPT",
    "GIT_EDITOR",
    "EDITOR",
    "VISUAL",
    "DEBIAN_FRONTEND",
    "PIP_NO_INPUT",
    "PYTHONUNBUFFERED",
    "TERM",
];

/// A backend that was found fit.
#[derive(Debug)]
pub(super) struct Foreign {
    program: PathBuf,
    kind: Kind,
    commands: AtomicU64,
}

#[derive(Debug)]
enum Kind {
    Bubblewrap,
    Container { engine: Engine, image: String },
}

impl Foreign {
    /// Finds a backend's program; `None` where the backend is the native one.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub(super) fn find(backend: &Backend) -> Result<Option<Self>, String> {
        let path = env::var_os("PATH").unwrap_or_default();
        let (program, kind) = match backend {
            Backend::Native => return Ok(None),
            Backend::Bubblewrap => {
                let program = bubblewrap::find(&path).map_err(|error| error.to_string())?;
                (program, Kind::Bubblewrap)
            }
            Backend::Docker { image } => engine(Engine::Docker, image, &path)?,
            Backend::Podman { image } => engine(Engine::Podman, image, &path)?,
        };
        Ok(Some(Self { program, kind, commands: AtomicU64::new(0) }))
    }

    /// Returns how `program` is started under a policy; `session` names the session.
    ///
    /// # Errors
    /// Where the policy cannot be written as arguments.
    pub(super) fn wrap(
        &self,
        policy: &Policy,
        session: &str,
        program: &OsStr,
        arguments: &[OsString],
    ) -> io::Result<Wrapped> {
        let command: Vec<OsString> =
            [program.to_owned()].into_iter().chain(arguments.iter().cloned()).collect();
        match &self.kind {
            Kind::Bubblewrap => self.bubblewrap(policy, &command),
            Kind::Container { engine, image } => {
                let number = self.commands.fetch_add(1, Ordering::Relaxed);
                let name = format!("distiq-{session}-{number}");
                let git = policy.env.iter().map(|(name, _)| name);
                let git = git.filter(|name| name.starts_with("GIT_")).cloned();
                let pass: Vec<String> = PASSED.iter().map(ToString::to_string).chain(git).collect();
                let container = Container {
                    engine: *engine,
                    image,
                    name: &name,
                    user: (geteuid().as_raw(), getegid().as_raw()),
                    pass: &pass,
                };
                self.container(&container, policy, &command)
            }
        }
    }

    fn bubblewrap(&self, policy: &Policy, command: &[OsString]) -> io::Result<Wrapped> {
        let mut arguments = Vec::new();
        let mut keep = Vec::new();
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd;
            let filter = Arc::new(filter_file()?);
            arguments.extend(["--seccomp".into(), filter.as_raw_fd().to_string().into()]);
            keep.push(filter);
        }
        arguments.extend(bubblewrap::arguments(policy, command, &bubblewrap::kind));
        Ok(Wrapped { program: self.program.clone().into(), arguments, keep, ..Wrapped::default() })
    }

    fn container(
        &self,
        container: &Container<'_>,
        policy: &Policy,
        command: &[OsString],
    ) -> io::Result<Wrapped> {
        let arguments =
            container.arguments(policy, command, &bubblewrap::kind).map_err(io::Error::other)?;
        let held = end_with_client(&self.program, container.kill())?;
        Ok(Wrapped {
            program: self.program.clone().into(),
            arguments,
            set: policy.env.iter().filter(|(name, _)| name.starts_with("GIT_")).cloned().collect(),
            keep: vec![Arc::new(held)],
            ..Wrapped::default()
        })
    }
}

fn engine(engine: Engine, image: &str, path: &OsStr) -> Result<(PathBuf, Kind), String> {
    let mut found = env::split_paths(path).map(|folder| folder.join(engine.program()));
    let program = found.find(|file| file.is_absolute() && file.is_file());
    let program = program.ok_or_else(|| format!("`{}` is not on the `PATH`", engine.program()))?;
    Ok((program, Kind::Container { engine, image: image.to_owned() }))
}

/// Ends a container when its client has ended, however that was: killing the client alone would leave
/// it running. What is returned must be held by the client, and by nobody else.
fn end_with_client(program: &Path, kill: Vec<OsString>) -> io::Result<OwnedFd> {
    // A process of its own, because this one may be killed before. Most containers have ended by
    // then, and the engine says that there is none of that name.
    const WAIT: &str = "cat >/dev/null; exec \"$0\" \"$@\"";
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", WAIT]).arg(program).args(kill).process_group(0);
    command.stdin(reader).stdout(Stdio::null()).stderr(Stdio::null());
    let mut guard = command.spawn()?;
    thread::Builder::new().name("container-end".to_owned()).spawn(move || guard.wait())?;
    Ok(writer.into())
}

/// Returns the filter of system calls as a file to be read.
#[cfg(target_os = "linux")]
fn filter_file() -> io::Result<OwnedFd> {
    use std::io::Write;

    use super::filter::{Surroundings, filter};

    let surroundings =
        Surroundings { network: true, unix_sockets: true, own_memory: true, own_processes: true };
    let (reader, mut writer) = io::pipe()?;
    // A few kilobytes, which a pipe holds.
    for step in filter(surroundings) {
        writer.write_all(&step.code.to_ne_bytes())?;
        writer.write_all(&[step.jt, step.jf])?;
        writer.write_all(&step.k.to_ne_bytes())?;
    }
    Ok(reader.into())
}
