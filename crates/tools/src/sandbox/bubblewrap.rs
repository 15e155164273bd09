//! bubblewrap's command line for a policy.
//!
//! Stronger than the native sandbox only where that one cannot have namespaces and an installed
//! `bwrap` can; otherwise a second opinion. A `bwrap` that runs with rights of its own (setuid, file
//! capabilities) is refused, because what a model wrote is part of its arguments.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Policy;

/// Why bubblewrap cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There is no such program.
    #[error("`bwrap` is not on the `PATH`")]
    Missing,
    /// It has rights that its caller has not.
    #[error("{} is setuid or has capabilities of its own, which is refused", .0.display())]
    Privileged(PathBuf),
}

/// Finds a `bwrap` that is fit to be run.
///
/// # Errors
/// Where there is none.
pub fn find(path: &OsStr) -> Result<PathBuf, Unfit> {
    let mut found = std::env::split_paths(path).map(|folder| folder.join("bwrap"));
    let program = found
        .find(|file| {
            file.is_absolute()
                && file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
        })
        .ok_or(Unfit::Missing)?;
    let is_set = |mode: u32| mode & 0o6000 != 0;
    match program.metadata() {
        Ok(metadata) if is_set(metadata.mode()) || has_capabilities(&program) => {
            Err(Unfit::Privileged(program))
        }
        Ok(_) => Ok(program),
        Err(_) => Err(Unfit::Missing),
    }
}

/// Tells whether a file gives capabilities to who runs it.
#[allow(unsafe_code)]
fn has_capabilities(file: &Path) -> bool {
    let Ok(name) = CString::new(file.as_os_str().as_bytes()) else { return true };
    // SAFETY: both names end with NUL and outlive the call; a size of 0 has nothing written.
    let size = unsafe {
        libc::getxattr(name.as_ptr(), c"security.capability".as_ptr(), std::ptr::null_mut(), 0)
    };
    size > 0
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Missing,
    /// A file, or something like it.
    File,
    /// A folder.
    Folder,
}

/// Looks at a path.
pub fn kind(path: &Path) -> Kind {
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => Kind::Folder,
        Ok(_) => Kind::File,
        Err(_) => Kind::Missing,
    }
}

/// Returns the arguments by which `bwrap` runs `command` under a policy; `kind` tells what a path is.
///
/// The root is empty; what the policy names is put into it, shallow before deep, so that a deeper
/// rule stands over a shallower one.
pub fn arguments(
    policy: &Policy,
    command: &[OsString],
    kind: &dyn Fn(&Path) -> Kind,
) -> Vec<OsString> {
    let mut line = Line(Vec::new());
    line.add(&["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]);
    line.add(&["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]);
    if !policy.network {
        line.add(&["--unshare-net"]);
    }
    for (link, target) in &policy.links {
        line.add(&["--symlink"]);
        line.0.extend([target.into(), link.into()]);
    }
    let mut binds: Vec<(&Path, &Path, &str)> = Vec::new();
    binds
        .extend(policy.stand_ins.iter().map(|(at, from)| (from.as_path(), at.as_path(), "--bind")));
    binds.extend(policy.read.iter().map(|path| (path.as_path(), path.as_path(), "--ro-bind")));
    binds.extend(policy.write.iter().map(|path| (path.as_path(), path.as_path(), "--bind")));
    binds.extend(policy.frozen.iter().map(|path| (path.as_path(), path.as_path(), "--ro-bind")));
    // Stable: of two rules for one path the later one, which is the stricter one, stays last.
    binds.sort_by_key(|(_, target, _)| target.components().count());
    for (source, target, how) in binds {
        // These are bubblewrap's own; the host's show other processes and devices.
        let own = ["/proc", "/dev"].iter().any(|own| target.starts_with(own));
        if !own && kind(source) != Kind::Missing {
            line.add(&[how]);
            line.0.extend([source.into(), target.into()]);
        }
    }
    line.add(&["--proc", "/proc", "--dev", "/dev"]);
    for path in &policy.hidden {
        match kind(path) {
            Kind::Missing => {}
            Kind::File => {
                line.add(&["--ro-bind", "/dev/null"]);
                line.0.push(path.into());
            }
            Kind::Folder => {
                line.add(&["--tmpfs"]);
                line.0.push(path.into());
                line.add(&["--remount-ro"]);
                line.0.push(path.into());
            }
        }
    }
    for name in &policy.unset {
        line.add(&["--unsetenv", name]);
    }
    for (name, value) in &policy.env {
        line.add(&["--setenv", name, value]);
    }
    line.add(&["--chdir"]);
    line.0.push(policy.cwd.clone().into());
    line.add(&["--"]);
    line.0.extend(command.iter().cloned());
    line.0
}

struct Line(Vec<OsString>);

impl Line {
    fn add(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    fn policy() -> Policy {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect();
        Policy {
            root: "/w/p".into(),
            cwd: "/w/p/sub".into(),
            temp: "/c/tmp".into(),
            read: paths(&["/usr", "/proc", "/dev/null", "/w/p/vendor/deep/tools", "/gone"]),
            write: paths(&["/w/p"]),
            frozen: paths(&["/w/p/.git"]),
            hidden: paths(&["/w/p/.env", "/w/p/.distiq", "/gone"]),
            env: vec![("A".into(), "b c".into())],
            unset: vec!["SECRET".into()],
            stand_ins: vec![("/tmp".into(), "/c/tmp".into()), ("/home/u".into(), "/c/home".into())],
            links: vec![("/bin".into(), "usr/bin".into())],
            ..Policy::default()
        }
    }

    fn line(policy: &Policy) -> String {
        let kind = |path: &Path| match path.to_str() {
            Some("/gone") => Kind::Missing,
            Some("/w/p/.env") => Kind::File,
            _ => Kind::Folder,
        };
        let command = ["bash", "-c", "echo --bind / /"].map(OsString::from);
        let words = arguments(policy, &command, &kind);
        words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_policy_is_written_shallow_before_deep() {
        assert_eq!(
            line(&policy()),
            "--unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try \
             --die-with-parent --new-session --cap-drop ALL --unshare-net --symlink usr/bin /bin \
             --bind /c/tmp /tmp \
             --ro-bind /usr /usr --bind /c/home /home/u --bind /w/p /w/p --ro-bind /w/p/.git /w/p/.git \
             --ro-bind /w/p/vendor/deep/tools /w/p/vendor/deep/tools --proc /proc --dev /dev --ro-bind \
             /dev/null /w/p/.env --tmpfs /w/p/.distiq --remount-ro /w/p/.distiq --unsetenv SECRET \
             --setenv A b c --chdir /w/p/sub -- bash -c echo --bind / /"
        );
    }

    #[test]
    fn the_network_is_shared_only_where_the_policy_says_so() {
        let open = Policy { network: true, ..policy() };
        assert!(!line(&open).contains("--unshare-net"));
        assert!(line(&open).contains("--unshare-pid"));
    }

    #[test]
    fn a_privileged_bwrap_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bwrap");
        let path = folder.path().as_os_str();
        assert_eq!(find(path), Err(Unfit::Missing));
        fs::write(&file, "#!/bin/sh\n").unwrap();
        for (mode, expected) in [
            (0o644, Err(Unfit::Missing)),
            (0o755, Ok(file.clone())),
            (0o4755, Err(Unfit::Privileged(file.clone()))),
            (0o2755, Err(Unfit::Privileged(file.clone()))),
        ] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(find(path), expected, "{mode:o}");
        }
        assert_eq!(find(OsStr::new("relative:.:")), Err(Unfit::Missing));
    }

    /// Runs a line in the real program; `None` where it is not installed or may make no namespaces.
    fn real(policy: &Policy, script: &str) -> Option<(bool, String)> {
        let program = find(&std::env::var_os("PATH")?).ok()?;
        let run = |script: &str| {
            let command = ["/bin/sh", "-c", script].map(OsString::from);
            Command::new(&program).args(arguments(policy, &command, &kind)).output().unwrap()
        };
        let works = run("exit 0");
        if !works.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&works.stderr));
            return None;
        }
        let ran = run(script);
        let said = [ran.stdout, ran.stderr].concat();
        Some((ran.status.success(), String::from_utf8(said).unwrap()))
    }

    #[test]
    fn the_real_program_holds_the_policy() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["p/.git", "tmp", "home", "outside"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        for name in ["p/.env", "p/.git/config", "outside/secret"] {
            fs::write(at(name), "secret").unwrap();
        }
        let system = ["/usr", "/bin", "/lib", "/lib64", "/etc"].map(PathBuf::from);
        let policy = Policy {
            root: at("p"),
            cwd: at("p"),
            temp: at("tmp"),
            stand_ins: vec![("/tmp".into(), at("tmp"))],
            read: system.into(),
            write: vec![at("p"), at("home")],
            frozen: vec![at("p/.git")],
            hidden: vec![at("p/.env")],
            env: vec![("A".into(), "b".into())],
            unset: vec!["PATH".into()],
            ..Policy::default()
        };
        let script = format!(
            "echo mine > file && echo t > /tmp/t && echo \"A=$A PATH=${{PATH-none}}\"; \
             cat .env; echo x > .git/config; echo x > {0}/new; cat {0}/secret; cat /root/.profile; \
             ls /proc | grep -c '^[0-9]*$'; head -c 20 /dev/tcp 2>/dev/null; cat /sys/class/net/*/address",
            at("outside").display()
        );
        let Some((_, said)) = real(&policy, &script) else {
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                b"SKIPPED suite bubblewrap: no `bwrap` that works\n",
            );
            return;
        };
        assert!(said.contains("A=b PATH="), "{said}");
        assert!(!said.contains("secret\n") && !said.ends_with("secret"), "{said}");
        assert_eq!(fs::read_to_string(at("p/file")).unwrap(), "mine\n");
        assert_eq!(fs::read_to_string(at("tmp/t")).unwrap(), "t\n");
        assert_eq!(fs::read_to_string(at("p/.git/config")).unwrap(), "secret");
        assert!(!at("outside/new").exists());
    }
}
