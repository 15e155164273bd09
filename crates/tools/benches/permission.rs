//! What a verdict costs, beside what bash takes to read the same lines: `cargo bench -p distiq-tools --bench permission`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use distiq_base::Mode;
use distiq_tools::permission::Judge;

const ROUNDS: usize = 20;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/permission_corpus");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let lines: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .flat_map(|path| {
            std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .map(|row| {
            serde_json::from_str::<serde_json::Value>(&row).unwrap()["cmd"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let root = tempfile::tempdir().unwrap();
    let judge = Judge::new(root.path(), Mode::Ask).unwrap();
    let mut each: Vec<Duration> = lines
        .iter()
        .map(|line| {
            let times = (0..ROUNDS).map(|_| {
                let begin = Instant::now();
                std::hint::black_box(judge.line(std::hint::black_box(line)));
                begin.elapsed()
            });
            times.min().unwrap_or_default()
        })
        .collect();
    let total: Duration = each.iter().sum();
    each.sort_unstable();
    let at = |share: f64| each[((each.len() - 1) as f64 * share) as usize];
    let mean = total / u32::try_from(lines.len()).unwrap();
    let bash = bash(&lines);
    println!("permission verdict, {} lines, best of {ROUNDS}:", lines.len());
    println!("  mean {mean:?}  median {:?}  p99 {:?}  most {:?}", at(0.5), at(0.99), at(1.0));
    println!(
        "  bash -n, the same lines: {bash:?} each; ratio {:.2}",
        mean.as_secs_f64() / bash.as_secs_f64()
    );
}

/// Returns what bash takes to read a line, its start left out.
fn bash(lines: &[String]) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    // A function each, so that bash reads all and runs nothing; one that does not parse is left out.
    let readable: Vec<&String> = lines
        .iter()
        .filter(|line| {
            let mut bash = Command::new("bash");
            bash.args(["-n", "-c", line])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap()
                .success()
        })
        .collect();
    let script = |times: usize| {
        let path = folder.path().join(times.to_string());
        let text: Vec<String> = readable.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, text.concat().repeat(times)).unwrap();
        let begin = Instant::now();
        Command::new("bash").arg("-n").arg(&path).stderr(Stdio::null()).status().unwrap();
        begin.elapsed()
    };
    let least = |times| (0..5).map(|_| script(times)).min().unwrap_or_default();
    least(11).saturating_sub(least(1)) / u32::try_from(readable.len() * 10).unwrap()
}
