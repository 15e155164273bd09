//! A program with all that it starts: the CPU and the memory that they use, out of `/proc`.

use std::collections::HashMap;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A program that runs in a process group of its own; dropping ends the group.
pub struct Tree {
    child: Child,
}

struct Stat {
    parent: u32,
    ticks: u64,
    memory_kb: u64,
}

impl Tree {
    /// Starts it.
    pub fn start(mut command: Command) -> Result<Self> {
        let child = command.process_group(0).spawn();
        Ok(Self { child: child.with_context(|| format!("Cannot run {command:?}"))? })
    }

    /// Tells whether the program itself has ended.
    pub fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns the CPU time that it used so far, in and out of the kernel (ticks of 10 ms).
    pub fn cpu(&self) -> Duration {
        Duration::from_millis(self.stats().iter().map(|s| s.ticks * 10).sum())
    }

    /// Returns the memory that its processes hold, each counted whole.
    pub fn memory_mb(&self) -> f64 {
        self.stats().iter().map(|s| s.memory_kb).sum::<u64>() as f64 / 1024.0
    }

    fn stats(&self) -> Vec<Stat> {
        let mut all: HashMap<u32, Stat> = HashMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok())
                && let Some(stat) = stat(pid)
            {
                all.insert(pid, stat);
            }
        }
        let mut tree = Vec::new();
        let mut wanted = vec![self.child.id()];
        while let Some(pid) = wanted.pop() {
            wanted.extend(all.iter().filter(|(_, s)| s.parent == pid).map(|(child, _)| *child));
            tree.extend(all.remove(&pid));
        }
        tree
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.child.id().cast_signed());
        let _ = killpg(group, Signal::SIGTERM);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) && !self.ended() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Reads a process, with what its ended children used (`proc(5)`).
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: (11..15).filter_map(number).sum(),
        memory_kb: memory.and_then(|m| m.split_whitespace().next()?.parse().ok()).unwrap_or(0),
    })
}
