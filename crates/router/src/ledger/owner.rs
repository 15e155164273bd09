//! Which process wrote a row, and whether it still lives.

/// A process, told apart from others that had or have its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub pid: i64,
    /// Start time, boot and process namespace, joined by `/`; each empty where not known.
    pub process: String,
}

/// How long a row may stay open when its writer cannot be looked up (another container).
pub(crate) const UNKNOWN_OWNER_MS: i64 = 60 * 60 * 1000;

/// Whether a row's writer lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Alive,
    Dead,
    Unknown,
}

impl Owner {
    /// Returns this process.
    pub fn current() -> Self {
        let pid = std::process::id();
        let process = [start_time(pid).unwrap_or_default(), boot(), namespace()].join("/");
        Self { pid: i64::from(pid), process }
    }

    /// Tells whether `other` lives, as far as this process can see.
    pub fn life_of(&self, other: &Owner) -> Life {
        if self == other {
            return Life::Alive;
        }
        let mine = parts(&self.process);
        let theirs = parts(&other.process);
        if mine.boot != theirs.boot {
            return Life::Dead;
        }
        if mine.namespace != theirs.namespace {
            return Life::Unknown;
        }
        let Ok(pid) = u32::try_from(other.pid) else { return Life::Dead };
        if !exists(pid) {
            return Life::Dead;
        }
        match start_time(pid) {
            Some(start) if start == theirs.start => Life::Alive,
            Some(_) => Life::Dead,
            None => Life::Unknown,
        }
    }
}

struct Parts<'a> {
    start: &'a str,
    boot: &'a str,
    namespace: &'a str,
}

fn parts(process: &str) -> Parts<'_> {
    let mut fields = process.splitn(3, '/');
    let mut next = || fields.next().unwrap_or_default();
    Parts { start: next(), boot: next(), namespace: next() }
}

fn exists(pid: u32) -> bool {
    use nix::errno::Errno;
    let Ok(pid) = i32::try_from(pid) else { return false };
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

/// Returns when the process started, in clock ticks since boot: field 22 of proc_pid_stat(5),
/// counted behind the command's name, which may hold anything.
fn start_time(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

fn namespace() -> String {
    std::fs::read_link("/proc/self/ns/pid")
        .map(|link| link.to_string_lossy().replace('/', ""))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_living_from_the_dead_and_from_their_successors() {
        let me = Owner::current();
        assert_eq!(me.life_of(&me), Life::Alive);
        let with = |pid: i64, process: &str| Owner { pid, process: process.to_owned() };
        let Parts { boot, namespace, .. } = parts(&me.process);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let start = start_time(child.id()).unwrap();
        let child_as = |start: &str, boot: &str, namespace: &str| {
            with(i64::from(child.id()), &[start, boot, namespace].join("/"))
        };
        assert_eq!(me.life_of(&child_as(&start, boot, namespace)), Life::Alive);
        assert_eq!(me.life_of(&child_as("1", boot, namespace)), Life::Dead);
        assert_eq!(me.life_of(&child_as(&start, "other", namespace)), Life::Dead);
        assert_eq!(me.life_of(&child_as(&start, boot, "pid:[7]")), Life::Unknown);
        let gone = child_as(&start, boot, namespace);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(me.life_of(&gone), Life::Dead);
        assert_eq!(me.life_of(&with(-1, &me.process)), Life::Dead);
    }
}
