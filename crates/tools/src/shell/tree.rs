//! Finds and ends processes: all below one, all of a call, also those that left its group.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::launch::MARKER;

/// Rounds of looking for what is left; each kills what the one before let slip away by forking.
const ROUNDS: usize = 20;

/// The first process of a sandbox, which lives as long as the others do.
pub(super) const HOLDER: &str = "distiq-sandbox";

/// Tells whether nothing is left of a command but the first process of its sandbox, which is about to go: cheaper to
/// know than all that lives below, and nobody waits for the kernel to tidy up.
pub(super) fn only_holder() -> bool {
    let children = |path: &str| fs::read_to_string(path).ok();
    let holds_nothing = |pid: &str| {
        let is_holder = fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.trim_end() == HOLDER);
        is_holder
            && children(&format!("/proc/{pid}/task/{pid}/children"))
                .is_some_and(|all| all.is_empty())
    };
    // Not every kernel tells.
    children("/proc/thread-self/children")
        .is_some_and(|all| all.split_whitespace().all(holds_nothing))
}

/// A living process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) name: String,
    parent: i32,
    group: i32,
    session: i32,
}

/// Sends a signal to a group, if it is one.
pub(super) fn signal_group(group: i32, signal: Signal) {
    if group > 1 {
        let _ = killpg(Pid::from_raw(group), signal);
    }
}

/// Tells whether a group still has members.
pub(super) fn group_lives(group: i32) -> bool {
    group > 1 && killpg(Pid::from_raw(group), None).is_ok()
}

/// Kills everything whose marker begins so: all commands of a session.
pub(super) fn kill_session(prefix: &str) {
    for _ in 0..ROUNDS {
        let mut found = processes();
        found
            .retain(|process| carries(process.pid, |marker| marker.starts_with(prefix.as_bytes())));
        if found.is_empty() {
            return;
        }
        signal_all(&found, Signal::SIGKILL);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to each process.
pub(super) fn signal_all<'a>(processes: impl IntoIterator<Item = &'a Process>, signal: Signal) {
    for process in processes {
        let _ = kill(Pid::from_raw(process.pid), signal);
    }
}

/// Returns all that live below a process, found by their parents.
pub(super) fn below(ancestor: i32) -> Vec<Process> {
    let all = processes();
    let mut members = HashSet::from([ancestor]);
    spread(&all, &mut members);
    members.remove(&ancestor);
    all.into_iter().filter(|process| members.contains(&process.pid)).collect()
}

/// All below this process, stopped one after the other until nothing is left that could fork.
///
/// A fork bomb grows faster than a list of it can be read. So whole groups and sessions are stopped, which the kernel does
/// at once for each group, and every look reads only about processes that were not there before.
#[derive(Default)]
pub(super) struct Roundup {
    known: HashSet<i32>,
    members: HashSet<i32>,
    sessions: HashSet<i32>,
    groups: HashSet<i32>,
}

impl Roundup {
    /// Looks for members that are new, stops them, and returns how many there are.
    pub(super) fn stop_new(&mut self) -> usize {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        self.members.insert(own);
        let mut new: Vec<Process> = pids()
            .filter(|pid| *pid != own && *pid > 1 && !self.known.contains(pid))
            .filter_map(read_stat)
            .collect();
        let mut found = 0;
        loop {
            let (members, others): (Vec<_>, Vec<_>) = new.into_iter().partition(|process| {
                self.members.contains(&process.parent) || self.sessions.contains(&process.session)
            });
            new = others;
            if members.is_empty() {
                break;
            }
            found += members.len();
            for process in members {
                self.members.insert(process.pid);
                self.sessions.insert(process.session);
                if self.groups.insert(process.group) {
                    signal_group(process.group, Signal::SIGSTOP);
                }
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGSTOP);
            }
        }
        // Who is no member may become one when its parent ends: only members are known for good.
        self.known.extend(&self.members);
        found
    }

    /// Kills all that were stopped.
    pub(super) fn kill(&self) {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        self.groups.iter().for_each(|group| signal_group(*group, Signal::SIGKILL));
        for pid in self.members.iter().filter(|pid| **pid != own) {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
    }
}

/// Kills the session of `leader`, all processes that carry the marker, and all below those.
pub(super) fn kill_all(leader: i32, marker: &str) {
    for _ in 0..ROUNDS {
        signal_group(leader, Signal::SIGKILL);
        let found = family(leader, marker);
        if found.is_empty() {
            return;
        }
        signal_all(&found, Signal::SIGKILL);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the session of `leader`, the living processes that carry the marker, and all below
/// those.
pub(super) fn family(leader: i32, marker: &str) -> Vec<Process> {
    let all = processes();
    let mut members: HashSet<i32> = all
        .iter()
        .filter(|process| {
            (leader > 1 && process.session == leader)
                || carries(process.pid, |found| found == marker.as_bytes())
        })
        .map(|process| process.pid)
        .collect();
    // A child may have cleared its environment and begun a session, but it still has a parent.
    spread(&all, &mut members);
    all.into_iter().filter(|process| members.contains(&process.pid)).collect()
}

/// Adds the children of the members, and theirs.
fn spread(all: &[Process], members: &mut HashSet<i32>) {
    loop {
        let before = members.len();
        for process in all {
            if members.contains(&process.parent) {
                members.insert(process.pid);
            }
        }
        if members.len() == before {
            return;
        }
    }
}

/// Returns all processes but this one, the first, and the dead that nobody has reaped.
fn processes() -> Vec<Process> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    pids().filter(|pid| *pid != own && *pid > 1).filter_map(read_stat).collect()
}

fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
}

/// Reads `/proc/PID/stat`: `pid (name) state parent group session …`, see proc(5).
fn read_stat(pid: i32) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let mut fields = after.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let session = fields.next()?.parse().ok()?;
    Some(Process { pid, name, parent, group, session })
}

fn carries(pid: i32, fits: impl Fn(&[u8]) -> bool) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    environment.split(|byte| *byte == 0).any(|variable| {
        variable
            .strip_prefix(MARKER.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"="))
            .is_some_and(&fits)
    })
}
