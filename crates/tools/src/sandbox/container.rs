//! Docker's and Podman's command lines for a policy.
//!
//! The project is mounted at its own path; programs are the image's, so nothing of the host's
//! toolchains is mounted and the caches lie in the image's own places. Tested against a program
//! that records its arguments; no engine has run them here.

use std::ffi::OsString;
use std::path::Path;

use super::Policy;
use super::bubblewrap::Kind;

/// The engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

impl Engine {
    /// Returns its program.
    pub const fn program(self) -> &'static str {
        match self {
            Engine::Docker => "docker",
            Engine::Podman => "podman",
        }
    }
}

/// One container.
#[derive(Clone, Copy, Debug)]
pub struct Container<'a> {
    /// The engine.
    pub engine: Engine,
    /// The image.
    pub image: &'a str,
    /// The container's name, unique, by which it is ended.
    pub name: &'a str,
    /// The user's and group's numbers.
    pub user: (u32, u32),
    /// Variables whose values the engine's client takes from its own environment.
    pub pass: &'a [String],
}

/// Processes of one container; a fork bomb ends there.
const MAX_PROCESSES: &str = "2048";
/// Memory of one container.
const MAX_MEMORY: &str = "8g";

/// Why a policy cannot be given to an engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A path has a character that the engine's options cannot carry.
    #[error("{0} has a comma, a quote or a line end in its path, which `--mount` cannot carry")]
    Path(String),
    /// The image could be read as an option.
    #[error("`{0}` is no name of an image")]
    Image(String),
}

impl Container<'_> {
    /// Returns the arguments that run `command` under a policy; `kind` tells what a path is.
    ///
    /// # Errors
    /// Where a path or the image cannot be written as an argument.
    pub fn arguments(
        &self,
        policy: &Policy,
        command: &[OsString],
        kind: &dyn Fn(&Path) -> Kind,
    ) -> Result<Vec<OsString>, Unfit> {
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b);
        if !self.image.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !self.image.bytes().all(is_name)
        {
            return Err(Unfit::Image(self.image.to_owned()));
        }
        let mut line: Vec<OsString> = Vec::new();
        let mut add = |words: &[&str]| line.extend(words.iter().map(OsString::from));
        add(&["run", "--rm", "--init", "--name", self.name, "--pull", "never"]);
        add(&["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]);
        add(&["--pids-limit", MAX_PROCESSES, "--memory", MAX_MEMORY, "--ipc", "private"]);
        add(&["--network", if policy.network { "bridge" } else { "none" }]);
        let (user, group) = self.user;
        add(&["--user", &format!("{user}:{group}")]);
        // Without root's help, Podman's users are others than the host's.
        if self.engine == Engine::Podman && user != 0 {
            add(&["--userns", "keep-id"]);
        }
        for name in self.pass {
            add(&["--env", name]);
        }
        // A home that its user may write, whoever that is; it goes with the container.
        add(&["--env", "HOME=/tmp"]);
        add(&["--mount", &mount(&policy.temp, Path::new("/tmp"), true)?]);
        // The toolchains' caches are the image's.
        let inside = |path: &&std::path::PathBuf| !path.starts_with(&policy.temp);
        let mut mounts: Vec<(&Path, bool)> = vec![(&policy.root, true)];
        mounts.extend(policy.frozen.iter().filter(inside).map(|path| (path.as_path(), false)));
        mounts.sort_by_key(|(path, _)| path.components().count());
        for (path, is_writable) in mounts {
            if kind(path) != Kind::Missing {
                add(&["--mount", &mount(path, path, is_writable)?]);
            }
        }
        for path in policy.hidden.iter().filter(|path| path.starts_with(&policy.root)) {
            match kind(path) {
                Kind::Missing => {}
                Kind::File => add(&["--mount", &mount(Path::new("/dev/null"), path, false)?]),
                Kind::Folder => add(&["--mount", &format!("type=tmpfs,target={}", fit(path)?)]),
            }
        }
        add(&["--workdir", &fit(&policy.cwd)?, self.image]);
        line.extend(command.iter().cloned());
        Ok(line)
    }

    /// Returns the arguments that end the container at once.
    pub fn kill(&self) -> Vec<OsString> {
        ["kill", self.name].map(OsString::from).into()
    }
}

fn mount(source: &Path, target: &Path, is_writable: bool) -> Result<String, Unfit> {
    let end = if is_writable { "" } else { ",readonly" };
    Ok(format!("type=bind,source={},target={}{end}", fit(source)?, fit(target)?))
}

fn fit(path: &Path) -> Result<String, Unfit> {
    match path.to_str() {
        Some(text) if !text.contains([',', '"', '\n', '\r']) => Ok(text.to_owned()),
        _ => Err(Unfit::Path(path.display().to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy {
            root: "/w/p".into(),
            cwd: "/w/p/sub dir".into(),
            temp: "/c/tmp".into(),
            read: vec!["/usr".into(), "/home/u/.cargo".into()],
            write: vec!["/w/p".into(), "/c/home".into()],
            frozen: vec!["/w/p/.git".into(), "/gone".into()],
            hidden: vec!["/w/p/.env".into(), "/w/p/.distiq".into(), "/home/u/.ssh".into()],
            ..Policy::default()
        }
    }

    fn kind(path: &Path) -> Kind {
        match path.to_str() {
            Some("/gone") => Kind::Missing,
            Some("/w/p/.env") => Kind::File,
            _ => Kind::Folder,
        }
    }

    fn line(engine: Engine, user: u32, policy: &Policy, image: &str) -> Result<String, Unfit> {
        let pass = ["PAGER".to_owned()];
        let container = Container { engine, image, name: "distiq-1", user: (user, 7), pass: &pass };
        let command = ["bash", "-c", "make 'a b'"].map(OsString::from);
        let words = container.arguments(policy, &command, &kind)?;
        Ok(words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_policy_is_written_for_docker() {
        assert_eq!(
            line(Engine::Docker, 1000, &policy(), "rust:1.95").unwrap().replace('\n', " | "),
            "run | --rm | --init | --name | distiq-1 | --pull | never | --cap-drop | ALL | --security-opt | \
             no-new-privileges | --pids-limit | 2048 | --memory | 8g | --ipc | private | --network | none | \
             --user | 1000:7 | --env | PAGER | --env | HOME=/tmp | --mount | \
             type=bind,source=/c/tmp,target=/tmp | --mount | type=bind,source=/w/p,target=/w/p | --mount | \
             type=bind,source=/w/p/.git,target=/w/p/.git,readonly | --mount | \
             type=bind,source=/dev/null,target=/w/p/.env,readonly | --mount | \
             type=tmpfs,target=/w/p/.distiq | --workdir | /w/p/sub dir | rust:1.95 | bash | -c | make 'a b'"
        );
    }

    #[test]
    fn podman_maps_a_user_to_itself() {
        let line = |user| line(Engine::Podman, user, &policy(), "rust").unwrap();
        assert!(line(1000).contains("--userns\nkeep-id\n"));
        assert!(!line(0).contains("--userns"));
        assert_eq!(Engine::Podman.program(), "podman");
    }

    #[test]
    fn the_network_is_there_only_where_the_policy_says_so() {
        let open = Policy { network: true, ..policy() };
        let line = |policy| line(Engine::Docker, 1, policy, "rust").unwrap();
        assert!(line(&open).contains("--network\nbridge\n"));
        assert!(line(&policy()).contains("--network\nnone\n"));
    }

    #[test]
    fn nothing_becomes_an_option_by_its_name() {
        for image in ["", "-v", "--privileged", "a b", "a\nb", "a,b"] {
            let refused = line(Engine::Docker, 1, &policy(), image);
            assert_eq!(refused, Err(Unfit::Image(image.to_owned())));
        }
        for path in ["/w/a,source=/", "/w/a\"", "/w/a\nb"] {
            let policy = Policy { root: path.into(), ..policy() };
            let refused = line(Engine::Docker, 1, &policy, "rust");
            assert!(matches!(refused, Err(Unfit::Path(_))), "{path}");
        }
    }
}
