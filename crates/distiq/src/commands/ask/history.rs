//! Earlier questions and their answers.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;

use distiq_base::ErrorKind;
use serde_json::Value;

use crate::failure::Failure;
use crate::world::World;
use crate::{output, terminal};

/// From which size on the older half of the file goes.
const MAX_BYTES: u64 = 32 << 20;

/// Keeps what came of a question; losing it loses no more than that.
pub fn keep(world: &World, answered: &Value) {
    let path = world.home.questions();
    let mut line = answered.to_string();
    line.push('\n');
    if fs::metadata(&path).is_ok_and(|data| data.len() > MAX_BYTES) {
        let _ = fs::rename(&path, path.with_extension("old.jsonl"));
    }
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(0o600).open(&path);
    if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
        terminal::say(&format!("note: the question was not kept: {error}"));
    }
}

/// Shows what was asked in this project.
pub fn show(world: &World, is_json: bool) -> Result<(), Failure> {
    let path = world.home.questions();
    if !path.exists() {
        tell_none(is_json);
        return Ok(());
    }
    let mut shown = 0;
    let file = fs::File::open(&path)
        .map_err(|error| Failure::io(format!("Cannot read {}", path.display()), &error))?;
    let root = world.root.display().to_string();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| {
            Failure::new(ErrorKind::User, format!("Cannot read {}: {error}", path.display()))
        })?;
        // A line that a full disk cut is no reason to show none.
        let Ok(row) = serde_json::from_str::<Value>(&line) else { continue };
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("root") != root {
            continue;
        }
        shown += 1;
        if is_json {
            output::json_line(&row);
        } else {
            output::text(&format!("{}  {}\n\n{}\n", text("at"), text("question"), text("answer")));
        }
    }
    if shown == 0 {
        tell_none(is_json);
    }
    Ok(())
}

/// Says why nothing is shown.
fn tell_none(is_json: bool) {
    if !is_json {
        terminal::say(
            "no answers of this project are kept; those of models are, unless `--no-save` is given",
        );
    }
}
