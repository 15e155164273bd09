//! A profile for macOS's seatbelt (`sandbox-exec -p PROFILE COMMAND`) for a policy.
//!
//! Held against its own text only: it has not run on macOS, and `sandbox` does not use it yet.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::Policy;

/// What every program needs: to start others, to signal them, to ask for facts of the system.
const BASE: &str = r#"(version 1)
(deny default)
(allow process-exec process-fork)
(allow signal process-info* (target same-sandbox))
(allow sysctl-read)
(allow user-preference-read)
(allow ipc-posix-sem)
(allow pseudo-tty)
(allow mach-lookup
  (global-name "com.apple.system.opendirectoryd.libinfo")
  (global-name "com.apple.system.logger")
  (global-name "com.apple.trustd.agent"))
(allow file-read* (literal "/"))
(allow file-read-metadata)
(allow file-read* file-write* file-ioctl
  (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty") (regex #"^/dev/ttys[0-9]+$"))
(allow file-read* (literal "/dev/random") (literal "/dev/urandom"))
(allow file-read*
  (subpath "/usr") (subpath "/bin") (subpath "/sbin") (subpath "/System") (subpath "/Library")
  (subpath "/private/etc") (subpath "/private/var/db/timezone") (subpath "/opt/homebrew"))
"#;

/// Returns the profile; `None` where a path cannot be written in it. Of two rules that fit, the
/// later one counts.
pub fn profile(policy: &Policy) -> Option<String> {
    let mut text = BASE.to_owned();
    rules(&mut text, "allow file-read*", &policy.read)?;
    // Nothing stands elsewhere there: `TMPDIR` and `HOME` name these folders.
    let stand_ins = policy.stand_ins.iter().map(|(_, folder)| folder.clone());
    let writable: Vec<PathBuf> = policy.write.iter().cloned().chain(stand_ins).collect();
    rules(&mut text, "allow file-read* file-write*", &writable)?;
    rules(&mut text, "deny file-write*", &policy.frozen)?;
    rules(&mut text, "deny file-read* file-write*", &policy.hidden)?;
    text.push_str(if policy.network {
        "(allow network*)\n"
    } else {
        "(allow network* (local ip \"localhost:*\") (remote ip \"localhost:*\"))\n"
    });
    Some(text)
}

fn rules(text: &mut String, what: &str, paths: &[impl AsRef<Path>]) -> Option<()> {
    for path in paths {
        let path = path.as_ref().to_str().filter(|path| !path.contains(char::is_control))?;
        let path = path.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(text, "({what} (subpath \"{path}\"))");
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy {
            root: "/w/p".into(),
            stand_ins: vec![("/tmp".into(), "/c/tmp".into())],
            read: vec!["/Users/u/.cargo".into()],
            write: vec!["/w/p".into()],
            frozen: vec!["/w/p/.git".into()],
            hidden: vec!["/w/p/\"x\\".into()],
            ..Policy::default()
        }
    }

    #[test]
    fn a_policy_is_written_with_the_stricter_rules_last() {
        let text = profile(&policy()).unwrap();
        assert_eq!(
            text.strip_prefix(BASE).unwrap(),
            "(allow file-read* (subpath \"/Users/u/.cargo\"))\n\
             (allow file-read* file-write* (subpath \"/w/p\"))\n\
             (allow file-read* file-write* (subpath \"/c/tmp\"))\n\
             (deny file-write* (subpath \"/w/p/.git\"))\n\
             (deny file-read* file-write* (subpath \"/w/p/\\\"x\\\\\"))\n\
             (allow network* (local ip \"localhost:*\") (remote ip \"localhost:*\"))\n"
        );
        assert_eq!(text.matches('(').count(), text.matches(')').count());
        let open = profile(&Policy { network: true, ..policy() }).unwrap();
        assert!(open.ends_with("(allow network*)\n"));
    }

    #[test]
    fn a_path_that_could_add_a_rule_is_refused() {
        assert_eq!(profile(&Policy { write: vec!["/a\nb".into()], ..policy() }), None);
    }
}
