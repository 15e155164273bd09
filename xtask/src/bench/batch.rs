//! An edit of a hundred files in one call, beside writing the same files plainly.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::report::{Row, median};

const FILES: usize = 100;
const ROUNDS: usize = 7;

/// Times the batch, its process's start taken off.
pub fn rows(distiq: &Path, folder: &Path) -> Result<Vec<Row>> {
    let project = folder.join("batch");
    let mut batch = Vec::new();
    let mut plain = Vec::new();
    for round in 0..ROUNDS {
        for n in 0..FILES {
            let path = project.join(path(n));
            fs::create_dir_all(path.parent().context("No folder")?)?;
            fs::write(path, source(n, "old"))?;
        }
        let edits: Vec<String> = (0..FILES)
            .map(|n| {
                format!(
                    r#"{{"path":"{}","search":"return old_{n}","replace":"return new_{n}"}}"#,
                    path(n)
                )
            })
            .collect();
        let input = format!("{{\"edits\":[{}]}}", edits.join(","));
        let start = call(distiq, folder, &project, "find", r#"{"pattern":"none"}"#)?;
        let ours = call(distiq, folder, &project, "edit", &input)?;
        let begun = Instant::now();
        for n in 0..FILES {
            fs::write(project.join(path(n)), source(n, "new"))?;
        }
        // The first warms up.
        if round > 0 {
            plain.push(begun.elapsed());
            batch.push(ours.saturating_sub(start));
        }
        let written = fs::read_to_string(project.join(path(7)))?;
        ensure!(written == source(7, "new"), "The batch did not do what it was to do");
    }
    let (ours, plain) = (median(&mut batch), median(&mut plain));
    let name = format!("edit of {FILES} Rust files in one call, journalled and synced");
    Ok(vec![
        Row::time(name, ours, "fs::write of each", plain)
            .goal("under 100 ms", ours < Duration::from_millis(100)),
    ])
}

fn path(n: usize) -> String {
    format!("src/part{}/file{n}.rs", n % 10)
}

/// Returns a source of about 200 lines.
fn source(n: usize, word: &str) -> String {
    let mut text: String = (0..40)
        .map(|i| format!("/// Adds {i}.\nfn add_{i}(a: u32) -> u32 {{\n    a + {i}\n}}\n\n"))
        .collect();
    text.push_str(&format!("fn last() -> u32 {{\n    return {word}_{n};\n}}\n"));
    text
}

/// Calls a tool of its own process, and tells how long that took.
pub(super) fn call(
    distiq: &Path,
    home: &Path,
    project: &Path,
    tool: &str,
    input: &str,
) -> Result<Duration> {
    let begun = Instant::now();
    let mut child = Command::new(distiq)
        .args(["tool", tool, "-"])
        .env_clear()
        .env("DISTIQ_HOME", home.join("home"))
        .env("DISTIQ_ROOT", project)
        .current_dir(project)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("Cannot run distiq")?;
    child.stdin.take().context("No standard input")?.write_all(input.as_bytes())?;
    ensure!(child.wait()?.success(), "`tool {tool}` failed");
    Ok(begun.elapsed())
}
