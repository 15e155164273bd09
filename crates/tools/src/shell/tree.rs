//! Finds and ends every process of a call, also those that left its group.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::process::MARKER;

/// Rounds of looking for what is left; each kills what the one before let slip away by forking.
const ROUNDS: usize = 20;

/// Asks a group to end.
pub(super) fn terminate_group(group: i32) {
    if group > 1 {
        let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
    }
}

/// Tells whether a group still has members.
pub(super) fn group_lives(group: i32) -> bool {
    group > 1 && killpg(Pid::from_raw(group), None).is_ok()
}

/// Kills the session of `leader`, all processes that carry the marker, and all below those.
pub(crate) fn kill_all(leader: i32, marker: &str) {
    for _ in 0..ROUNDS {
        if leader > 1 {
            let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
        }
        let found = family(leader, marker);
        if found.is_empty() {
            return;
        }
        for process in &found {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the living processes that carry the marker.
pub(super) fn marked(marker: &str) -> Vec<(i32, String)> {
    family(0, marker).into_iter().map(|process| (process.pid, process.name)).collect()
}

/// Kills everything whose marker begins so: all calls of a session.
pub(crate) fn kill_session(prefix: &str) {
    for _ in 0..ROUNDS {
        let found: Vec<i32> = processes()
            .into_iter()
            .filter(|process| carries(process.pid, |marker| marker.starts_with(prefix.as_bytes())))
            .map(|process| process.pid)
            .collect();
        if found.is_empty() {
            return;
        }
        for pid in found {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

struct Process {
    pid: i32,
    parent: i32,
    session: i32,
    name: String,
}

fn family(leader: i32, marker: &str) -> Vec<Process> {
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
    loop {
        let before = members.len();
        members.extend(
            all.iter()
                .filter(|process| members.contains(&process.parent))
                .map(|process| process.pid)
                .collect::<Vec<_>>(),
        );
        if members.len() == before {
            break;
        }
    }
    all.into_iter().filter(|process| members.contains(&process.pid)).collect()
}

/// Returns all processes but this one and the dead that nobody has reaped.
fn processes() -> Vec<Process> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != own && *pid > 1)
        .filter_map(read_stat)
        .collect()
}

/// Reads `/proc/PID/stat`: `pid (name) state parent group session …`, see proc(5).
fn read_stat(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let mut fields = after.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    Some(Process { pid, parent, session, name })
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
