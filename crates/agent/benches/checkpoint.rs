//! What checkpoints cost: `cargo bench -p distiq-agent`, and part of `cargo xtask bench`.
//!
//! The baseline is what a shadow git does for the same change in the same tree: `git add -A` and
//! `git write-tree` with an index of its own.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::indexing_slicing
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use distiq_agent::checkpoint::{CheckpointConfig, Checkpoints};
use distiq_base::SessionId;
use distiq_base::paths::Home;
use distiq_tools::{Touched, Watch};

const FILES: usize = 20_000;
const CHANGED: usize = 100;
const ROUNDS: usize = 7;

struct Tree {
    folder: PathBuf,
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Tree {
    fn new(name: &str, files: usize, git: bool) -> Self {
        let folder =
            std::env::temp_dir().join(format!("distiq-bench-{name}-{}", std::process::id()));
        let tree = Self { folder };
        for n in 0..files {
            let path = tree.file(n);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text(n, 0)).unwrap();
        }
        if git {
            // Long enough ago that git's own rule about files of the same moment does not hold.
            std::thread::sleep(Duration::from_millis(50));
            tree.git(&["init", "-q"], None);
            tree.git(&["add", "-A"], None);
            tree.git(&["commit", "-qm", "all"], None);
        }
        tree
    }

    fn root(&self) -> PathBuf {
        self.folder.join("project")
    }

    fn file(&self, n: usize) -> PathBuf {
        self.root().join(format!("src/part{}/mod{}/file{n}.rs", n % 20, n / 20 % 50))
    }

    fn git(&self, arguments: &[&str], index: Option<&Path>) {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "gc.auto=0"]);
        command.args(arguments).current_dir(self.root()).env("HOME", &self.folder);
        if let Some(index) = index {
            command.env("GIT_INDEX_FILE", index);
        }
        assert!(command.output().unwrap().status.success(), "{arguments:?}");
    }

    fn change(&self, files: usize, round: usize) {
        for n in 0..CHANGED {
            let n = n * files / CHANGED;
            fs::write(self.file(n), text(n, round)).unwrap();
        }
    }

    fn checkpoints(&self) -> Checkpoints {
        let at = |name: &str| self.folder.join("home").join(name);
        let home = Home { config: at("config"), data: at("data"), cache: at("cache") };
        let checkpoints = Checkpoints::new(CheckpointConfig {
            root: self.root().canonicalize().unwrap(),
            home,
            user_home: None,
            max_bytes: 1 << 30,
            max_age: Duration::from_secs(86_400),
        });
        checkpoints.begin(&SessionId::generate(), 1);
        checkpoints
    }

    fn stored(&self) -> u64 {
        size(&self.folder.join("home/data"))
    }
}

fn size(path: &Path) -> u64 {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// A source text of 1 to 9 kB that differs from others and from itself in another round in a few lines.
fn text(n: usize, round: usize) -> String {
    let mut text = String::new();
    for line in 0..20 + n * 7919 % 160 {
        let value = n.wrapping_mul(0x9e37_79b9).wrapping_add(line * line);
        let round = if line % 40 == 7 { round } else { 0 };
        let _ = writeln!(text, "    let value_{line} = compute({value}, {round}); // step");
    }
    text
}

fn timed(act: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    act();
    begun.elapsed()
}

/// Returns the processor time of this process so far, all threads; the system counts it in steps of 10 ms.
fn processor() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn row(name: &str, ours: Duration, baseline: Duration, goal: &str) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let ratio = ours.as_secs_f64() / baseline.as_secs_f64();
    println!(
        "{name:66} {:9.2} ms  shadow git {:9.2} ms  x{ratio:.2}  {goal}",
        ms(ours),
        ms(baseline)
    );
}

fn measure(tree: &Tree, files: usize, name: &str, goal: &str) {
    let index = tree.folder.join("shadow-index");
    let shadow = || {
        tree.git(&["add", "-A"], Some(&index));
        tree.git(&["write-tree"], Some(&index));
    };
    let checkpoints = tree.checkpoints();
    let first = timed(|| checkpoints.before(&Touched::Anything).unwrap());
    checkpoints.after(&Touched::Anything);
    row(&format!("{name}: first look"), first, timed(shadow), "");
    let (mut ours, mut baseline) = (Vec::new(), Vec::new());
    let before = tree.stored();
    let mut spent = Duration::ZERO;
    for round in 1..=ROUNDS {
        let begun = processor();
        let looked = timed(|| checkpoints.before(&Touched::Anything).unwrap());
        spent += processor() - begun;
        tree.change(files, round);
        let mut changed = Vec::new();
        let begun = processor();
        let kept = timed(|| changed = checkpoints.after(&Touched::Anything));
        spent += processor() - begun;
        assert_eq!(changed.len(), CHANGED.min(files));
        ours.push(looked + kept);
        baseline.push(timed(shadow));
    }
    let grown = tree.stored() - before;
    let changed: u64 = (0..CHANGED).map(|n| text(n * files / CHANGED, 1).len() as u64).sum();
    row(
        &format!("{name}: a turn that changes {CHANGED}"),
        median(&mut ours),
        median(&mut baseline),
        goal,
    );
    let each = spent.as_secs_f64() * 1e3 / ROUNDS as f64;
    println!("{:66} {each:9.2} ms, over all its threads", format!("{name}: processor time of it"));
    let share = grown as f64 / (changed * ROUNDS as u64) as f64;
    println!(
        "{:66} {share:9.2} of the changed bytes, goal at most 1.10",
        format!("{name}: store grows by")
    );
}

fn main() {
    let git = Tree::new("git", FILES, true);
    measure(&git, FILES, "20,000 files, held by git", "goal under 200 ms");
    drop(git);
    let bare = Tree::new("bare", FILES, false);
    // For the baseline only; its folder is not looked into.
    let plain = {
        let checkpoints = bare.checkpoints();
        let first = timed(|| checkpoints.before(&Touched::Anything).unwrap());
        checkpoints.after(&Touched::Anything);
        first
    };
    println!(
        "{:66} {:9.2} ms",
        "20,000 files, no git: first look, everything stored",
        plain.as_secs_f64() * 1e3
    );
    let all: u64 = (0..FILES).map(|n| text(n, 0).len() as u64).sum();
    println!(
        "{:66} {:9.2} of their bytes",
        "20,000 files, no git: store",
        bare.stored() as f64 / all as f64
    );
    drop(bare);
    let small = Tree::new("small", CHANGED, true);
    measure(&small, CHANGED, "100 files, held by git", "");
}
