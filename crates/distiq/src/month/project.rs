//! The projects that the month's requests are about: files made up by a seed.

use std::fmt::Write;
use std::io;
use std::path::Path;

use distiq_router::corpus;

use super::dice::Dice;

/// Files of a project, and lines of each.
pub const FILES: u64 = 24;
pub const LINES: u64 = 400;
/// Most names that prompts ask for and that are to be found.
const MOST_NAMES: usize = 200;

const WORDS: &[&str] = &[
    "order", "cart", "total", "price", "user", "session", "token", "cache", "index", "query",
    "result", "value", "count", "limit", "offset", "report", "invoice", "customer", "address",
    "payment", "status", "event", "queue", "worker", "message", "record", "field", "schema",
    "table", "column", "filter", "group", "chart", "label",
];

/// Returns the path of a file, from the project's root.
pub fn path(file: u64) -> String {
    format!("src/part_{file:02}.py")
}

/// Lines of a function, with those before it; the first one begins at this line.
const BLOCK: u64 = 13;
const FIRST: u64 = 2;
/// Where in a function its revision stands.
const AT: u64 = 3;
/// Functions of a file.
pub const BLOCKS: u64 = (LINES - FIRST) / BLOCK + 1;

/// Returns the function that a line is in.
pub const fn block(line: u64) -> u64 {
    let block = line.saturating_sub(FIRST) / BLOCK;
    if block < BLOCKS { block } else { BLOCKS - 1 }
}

/// Returns the line by which a function's edits are told apart.
pub fn revision(file: u64, block: u64, number: u32) -> String {
    format!("# revision {file:02}_{block:02} is {number}")
}

/// Writes the files of a project.
pub fn write(root: &Path, seed: u64) -> io::Result<()> {
    std::fs::create_dir_all(root.join("src"))?;
    for file in 0..FILES {
        std::fs::write(root.join(path(file)), text(file, seed))?;
    }
    std::fs::write(root.join("src/names.py"), names())
}

fn text(file: u64, seed: u64) -> String {
    let mut dice = Dice::new(seed, 5_000 + file);
    let mut text = "import base\n".to_owned();
    let mut word = || dice.one(WORDS).copied().unwrap_or_default();
    for block in 0..BLOCKS {
        let (name, what) = (word(), word());
        let _ = write!(text, "\n\ndef {name}_{what}_{file}_{block}({}, {}):\n", word(), word());
        let _ = writeln!(text, "    {}", revision(file, block, 0));
        for _ in AT..BLOCK - 2 {
            let _ =
                writeln!(text, "    {}_{} = {}({}, {})", word(), word(), word(), word(), word());
        }
        let _ = writeln!(text, "    return {}_{}", word(), word());
    }
    text
}

/// Returns code with the names that prompts ask for: in a user's project they would be there.
fn names() -> String {
    let mut names: Vec<String> =
        corpus::prompts().iter().flat_map(|prompt| quoted(&prompt.text)).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = String::new();
    for name in names.iter().take(MOST_NAMES) {
        let _ = write!(
            text,
            "def {name}(value):\n    return value\n\n\n{name}_result = {name}(1)\n\n\n"
        );
    }
    text
}

/// Returns the plain names between backticks.
fn quoted(text: &str) -> Vec<String> {
    let is_name = |name: &&str| {
        let name = name.trim_end_matches("()");
        name.len() > 2
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let names = text.split('`').skip(1).step_by(2).filter(is_name);
    names.map(|name| name.trim_end_matches("()").to_owned()).collect()
}
