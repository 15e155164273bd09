//! A project, and around it what nobody in the sandbox may reach: files, keys, sockets, a process.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use distiq_tools::sandbox::support;
use serde_json::{Value, json};
use tempfile::TempDir;

const TOKEN: &str = "token-5f1c9e-of-the-neighbour";
const NOBODY: u32 = 65534;

/// Who attempts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Who runs the tests.
    Own,
    /// An ordinary user, where the tests are run by root.
    Nobody,
}

/// Everything around a project.
pub struct Neighbourhood {
    folder: TempDir,
    user: User,
    distiq: PathBuf,
    doors: Doors,
    neighbour: Child,
    run_socket: Option<PathBuf>,
}

struct Doors {
    tcp: TcpListener,
    tcp6: Option<TcpListener>,
    udp: UdpSocket,
    unix: UnixListener,
    datagram: UnixDatagram,
    in_tmp: UnixListener,
    in_run: Option<UnixListener>,
    is_abstract: UnixListener,
}

impl Drop for Neighbourhood {
    fn drop(&mut self) {
        drop(self.neighbour.stdin.take());
        let _ = self.neighbour.wait();
        let _ = fs::remove_file(self.tmp_socket());
        self.run_socket.iter().for_each(|path| drop(fs::remove_file(path)));
    }
}

impl Neighbourhood {
    /// Builds it; `None`, with a word, where this system cannot.
    pub fn new(user: User) -> Option<Self> {
        let is_root = nix::unistd::geteuid().is_root();
        let binary = Path::new(env!("CARGO_BIN_EXE_distiq"));
        let supported = support(binary).is_ok_and(|support| support.gaps().is_empty());
        if !supported || !Path::new("/usr/bin/python3").exists() {
            let _ = std::io::stderr().write_all(
                b"SKIPPED suite sandbox: no namespaces, no Landlock or no /usr/bin/python3 here\n",
            );
            return None;
        }
        let user = if is_root { user } else { User::Own };
        let folder = tempfile::Builder::new().prefix("distiq-hood-").tempdir().unwrap();
        for name in [
            "project",
            "outside",
            "home/.ssh",
            "home/.aws",
            "home/.config/distiq",
            "home/.cargo",
            "other-home",
        ] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        for name in secrets(Path::new("")) {
            fs::write(folder.path().join(name), TOKEN).unwrap();
        }
        fs::write(folder.path().join("home/.gitconfig"), "[user]\n\tname = x\n\temail = x@y\n")
            .unwrap();
        fs::write(folder.path().join("other-home/other-file"), TOKEN).unwrap();
        fs::write(folder.path().join("outside/secret"), TOKEN).unwrap();
        fs::write(folder.path().join("outside/target"), "as it was\n").unwrap();
        let distiq = folder.path().join("distiq");
        // The build's folder may be closed to others.
        fs::hard_link(binary, &distiq).or_else(|_| fs::copy(binary, &distiq).map(|_| ())).unwrap();
        let project = folder.path().join("project");
        fs::write(project.join("attempts.py"), include_str!("attempts.py")).unwrap();
        for line in [&["init", "-q"][..], &["add", "-A"], &["commit", "-q", "-m", "first"]] {
            let mut git = Command::new("git");
            git.args(["-c", "user.name=x", "-c", "user.email=x"]).args(line);
            assert!(git.current_dir(&project).stdin(Stdio::null()).status().unwrap().success());
        }
        let doors = Doors::open(folder.path());
        let run_socket = doors.in_run.as_ref().map(|_| run_path(folder.path()));
        give(folder.path(), user);
        if is_root {
            let program = project.join("setuid-id");
            fs::copy("/usr/bin/id", &program).unwrap();
            std::os::unix::fs::chown(&program, Some(0), Some(0)).unwrap();
            fs::set_permissions(&program, Permissions::from_mode(0o4755)).unwrap();
        } else {
            fs::copy("/usr/bin/id", project.join("setuid-id")).unwrap();
        }
        let (neighbour, facts) = neighbour(user);
        let mut place = Self { folder, user, distiq, doors, neighbour, run_socket };
        place.write_facts(facts);
        Some(place)
    }

    pub fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn tmp_socket(&self) -> PathBuf {
        Path::new("/tmp").join(self.folder.path().file_name().unwrap()).with_extension("sock")
    }

    fn write_facts(&mut self, mut facts: Value) {
        let folder = self.folder.path();
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let addresses = Command::new("hostname")
            .arg("-I")
            .output()
            .map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
        let more = json!({
            "token": TOKEN,
            "outside": folder.join("outside"),
            "secrets": secrets(folder).into_iter().chain([folder.join("outside/secret")]).collect::<Vec<_>>(),
            "homes": [folder.join("other-home")],
            "distiq": std::process::id(),
            "tcp": self.doors.tcp.local_addr().unwrap().port(),
            "tcp6": self.doors.tcp6.as_ref().map_or(9, |door| door.local_addr().unwrap().port()),
            "udp": self.doors.udp.local_addr().unwrap().port(),
            "addresses": addresses.unwrap_or_default().split_whitespace().filter(|a| !a.contains(':')).collect::<Vec<_>>(),
            "unix": text(folder.join("outside/stream.sock")),
            "unix_datagram": text(folder.join("outside/datagram.sock")),
            "unix_in_tmp": text(self.tmp_socket()),
            "unix_in_run": self.run_socket,
            "abstract": abstract_name(folder),
        });
        facts.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fs::write(self.project().join("facts.json"), facts.to_string()).unwrap();
    }

    fn distiq(&self, mode: &str, command: &str) -> Command {
        let mut distiq = Command::new(&self.distiq);
        distiq
            .args(["tool", "shell", &json!({"command": command, "timeout_s": 110}).to_string()])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home())
            .env("DISTIQ_SANDBOX", mode)
            .env("SSH_AUTH_SOCK", self.folder.path().join("outside/stream.sock"))
            .current_dir(self.project())
            .stdin(Stdio::null());
        become_user(&mut distiq, self.user);
        distiq
    }

    /// Runs a command by the tool; returns the exit code of Distiq and what was said.
    pub fn shell(&self, mode: &str, command: &str) -> (i32, String) {
        said(self.distiq(mode, command))
    }

    /// Runs attempts, all where none is named; returns how each ended.
    pub fn attempt(&self, mode: &str, names: &[&str]) -> BTreeMap<String, String> {
        let (_, text) = self
            .shell(mode, &format!("/usr/bin/python3 attempts.py {} > results", names.join(" ")));
        assert!(!text.contains(TOKEN));
        self.results(&text)
    }

    /// Returns how the attempts ended that were run last.
    pub fn results(&self, said: &str) -> BTreeMap<String, String> {
        let results = fs::read_to_string(self.project().join("results")).unwrap_or_default();
        assert!(!results.contains(TOKEN));
        let results: BTreeMap<_, _> = results
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, how)| (name.to_owned(), how.to_owned()))
            .collect();
        assert!(!results.is_empty(), "{said}");
        results
    }

    /// Runs a command where the kernel has no `namespaces`, or nothing to `support` a sandbox.
    pub fn without(&self, what: &str, mode: &str, command: &str) -> (i32, String) {
        said(self.refusing(what, self.distiq(mode, command)))
    }

    /// Puts a filter before a command under which system calls are unknown to the kernel.
    fn refusing(&self, what: &str, command: Command) -> Command {
        let mut outer = Command::new("/usr/bin/python3");
        outer
            .args(["-c", include_str!("refusing.py"), what])
            .arg(command.get_program())
            .args(command.get_args());
        outer.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        outer.current_dir(self.project()).stdin(Stdio::null());
        become_user(&mut outer, self.user);
        outer
    }

    /// Returns the doors at which somebody knocked since the last time.
    pub fn touched(&self) -> Vec<&'static str> {
        let doors = &self.doors;
        let mut buffer = [0; 16];
        let mut touched = vec![
            ("abstract", doors.is_abstract.accept().err()),
            ("tcp", doors.tcp.accept().err()),
            ("udp", doors.udp.recv(&mut buffer).err()),
            ("unix", doors.unix.accept().err()),
            ("unix_datagram", doors.datagram.recv(&mut buffer).err()),
            ("unix_in_tmp", doors.in_tmp.accept().err()),
        ];
        touched.extend(doors.tcp6.as_ref().map(|door| ("tcp6", door.accept().err())));
        touched.extend(doors.in_run.as_ref().map(|door| ("unix_in_run", door.accept().err())));
        touched.sort_by_key(|(name, _)| *name);
        let quiet = |error: Option<std::io::Error>| {
            error.is_some_and(|e| e.kind() == ErrorKind::WouldBlock)
        };
        touched.into_iter().filter_map(|(name, error)| (!quiet(error)).then_some(name)).collect()
    }

    /// Returns all that must stay as it is: files outside, the repository, the system's own, the neighbour.
    pub fn state(&self) -> Value {
        let folder = self.folder.path();
        let system = [
            "/proc/sys/kernel/core_pattern",
            "/proc/sys/kernel/hostname",
            "/proc/sys/vm/overcommit_memory",
        ];
        let stat =
            fs::read_to_string(format!("/proc/{}/stat", self.neighbour.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.split_whitespace().collect();
        json!({
            "outside": tree(&folder.join("outside")),
            "other-home": tree(&folder.join("other-home")),
            "home": secrets(folder).iter().map(|path| fs::read_to_string(path).unwrap()).collect::<Vec<_>>(),
            "git": tree(&folder.join("project/.git")),
            "system": system.map(|path| fs::read_to_string(path).ok()),
            "etc": Path::new("/etc/distiq-was-here").exists(),
            // State and priority; it may still be starting when it is first looked at.
            "neighbour": [fields.get(2).map(|state| if *state == "R" { "S" } else { state }), fields.get(18)],
        })
    }
}

fn said(mut command: Command) -> (i32, String) {
    let output = command.output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_str(&out).unwrap_or_default();
    let text = answer["text"].as_str().or(answer["message"].as_str()).map(str::to_owned);
    let code = answer["data"]["exit_code"].as_i64().and_then(|code| i32::try_from(code).ok());
    (code.or(output.status.code()).unwrap_or(-1), text.unwrap_or_else(|| format!("{out}{err}")))
}

fn secrets(folder: &Path) -> Vec<PathBuf> {
    [
        "home/.ssh/id_ed25519",
        "home/.aws/credentials",
        "home/.config/distiq/keys.toml",
        "home/.cargo/credentials.toml",
        "home/.netrc",
        "home/.npmrc",
        "home/.bash_history",
    ]
    .map(|name| folder.join(name))
    .into()
}

fn neighbour(user: User) -> (Child, Value) {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", include_str!("neighbour.py"), "distiq-victim"]);
    command.env_clear().env("NEIGHBOUR_TOKEN", TOKEN).stdin(Stdio::piped()).stdout(Stdio::piped());
    become_user(&mut command, user);
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

fn become_user(command: &mut Command, user: User) {
    if user == User::Nobody {
        command.uid(NOBODY).gid(NOBODY);
    }
}

/// Opens all to the user who attempts, so that only the sandbox stands between.
fn give(path: &Path, user: User) {
    let data = fs::symlink_metadata(path).unwrap();
    if user == User::Nobody {
        std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    if data.is_dir() {
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path(), user));
    }
}

fn abstract_name(folder: &Path) -> String {
    folder.file_name().unwrap().to_str().unwrap().to_owned()
}

fn run_path(folder: &Path) -> PathBuf {
    Path::new("/run").join(folder.file_name().unwrap()).with_extension("sock")
}

impl Doors {
    fn open(folder: &Path) -> Self {
        let open = |path: PathBuf| {
            let door = UnixListener::bind(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(0o777))?;
            door.set_nonblocking(true)?;
            Ok::<_, std::io::Error>(door)
        };
        let name = SocketAddr::from_abstract_name(abstract_name(folder)).unwrap();
        let doors = Self {
            tcp: TcpListener::bind("127.0.0.1:0").unwrap(),
            tcp6: TcpListener::bind("[::1]:0").ok(),
            udp: UdpSocket::bind("127.0.0.1:0").unwrap(),
            unix: open(folder.join("outside/stream.sock")).unwrap(),
            datagram: UnixDatagram::bind(folder.join("outside/datagram.sock")).unwrap(),
            in_tmp: open(
                Path::new("/tmp").join(folder.file_name().unwrap()).with_extension("sock"),
            )
            .unwrap(),
            in_run: open(run_path(folder)).ok(),
            is_abstract: UnixListener::bind_addr(&name).unwrap(),
        };
        doors.tcp.set_nonblocking(true).unwrap();
        doors.tcp6.iter().for_each(|door| door.set_nonblocking(true).unwrap());
        doors.udp.set_nonblocking(true).unwrap();
        doors.datagram.set_nonblocking(true).unwrap();
        doors.is_abstract.set_nonblocking(true).unwrap();
        doors
    }
}

/// Returns everything below a folder: kind, mode, owner, time of change, content.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        let data = fs::symlink_metadata(&path).unwrap();
        let content = if data.is_file() { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        let content = String::from_utf8_lossy(&content).into_owned();
        let owner = (data.uid(), data.gid());
        found.insert(
            path.to_str().unwrap().to_owned(),
            format!("{:o} {owner:?} {} {:?}", data.mode(), data.nlink(), (data.mtime(), content)),
        );
        if data.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}
