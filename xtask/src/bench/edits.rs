//! An edit of a file of ten thousand lines, exact and with slips, beside finding and writing plainly.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::batch::call;
use super::report::{Row, median};

const LINES: usize = 10_000;
const ROUNDS: usize = 15;

/// Times single edits, their process's start taken off.
pub fn rows(distiq: &Path, folder: &Path) -> Result<Vec<Row>> {
    let project = folder.join("edits");
    fs::create_dir_all(&project)?;
    let name = word(700);
    let exact = format!(
        r#"{{"path":"a.rs","search":"    let total = {name}_sum(first, 700);\n","replace":"    let total = 1;\n"}}"#
    );
    // Another indentation, and a wrong letter in the second line of five.
    let slips = format!(
        r#"{{"path":"a.rs","search":"fn {name}(first: u32) -> u32 {{\n  let totle = {name}_sum(first, 700);\n  let other = total * 2;\n  other + total\n}}\n","replace":"fn {name}(first: u32) -> u32 {{\n  1\n}}\n"}}"#
    );
    let goals = [
        ("exact", exact.as_str(), "under 5 ms", Duration::from_millis(5)),
        ("with slips", slips.as_str(), "under 50 ms", Duration::from_millis(50)),
    ];
    let mut rows = Vec::new();
    for (name, input, words, goal) in goals {
        let (mut ours, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let text = source();
            fs::write(project.join("a.rs"), &text)?;
            let start = call(distiq, folder, &project, "find", r#"{"pattern":"none"}"#)?;
            ours.push(call(distiq, folder, &project, "edit", input)?.saturating_sub(start));
            let written = fs::read_to_string(project.join("a.rs"))?;
            ensure!(written != text, "The edit changed nothing");
            let begun = Instant::now();
            let found = text.find("_sum(first, 700)").is_some();
            fs::write(project.join("a.rs"), &text)?;
            fs::File::open(project.join("a.rs"))?.sync_all()?;
            ensure!(found, "The text is not there");
            plain.push(begun.elapsed());
        }
        let (ours, plain) = (median(&mut ours), median(&mut plain));
        let name = format!("edit of a file of {LINES} lines, {name}, written and synced");
        rows.push(Row::time(name, ours, "find, fs::write, sync", plain).goal(words, ours < goal));
    }
    Ok(rows)
}

/// Makes a name that no other number's is like.
fn word(number: usize) -> String {
    let mut rest = number * 7_368_787 % 308_915_776;
    let letter = |_| {
        let letter = b'a' + (rest % 26) as u8;
        rest /= 26;
        char::from(letter)
    };
    (0..6).map(letter).collect()
}

fn source() -> String {
    let mut text = String::new();
    for i in 0..LINES / 10 {
        let name = word(i);
        let _ = write!(
            text,
            "/// Adds {i} to `first`, and doubles what comes of it.\n#[must_use]\nfn {name}(first: u32) -> u32 \
             {{\n    let total = {name}_sum(first, {i});\n    let other = total * 2;\n    other + total\n}}\n\nfn \
             {name}_sum(a: u32, b: u32) -> u32 {{ a + b }}\n\n"
        );
    }
    text
}
