//! Earlier questions and their answers.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use distiq_base::atomic;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::world::World;
use crate::{output, terminal};

/// From which size on the older half of the file goes.
const MAX_BYTES: u64 = 32 << 20;
/// Only their owner reads them.
const PRIVATE: u32 = 0o600;

/// Keeps what came of a question; losing it loses no more than that.
pub fn keep(world: &World, answered: &Value) {
    let path = world.home.questions();
    let mut line = answered.to_string();
    line.push('\n');
    if fs::metadata(&path).is_ok_and(|data| data.len() > MAX_BYTES) {
        let _ = fs::rename(&path, older(&path));
    }
    let private = |file: &fs::File| file.set_permissions(fs::Permissions::from_mode(PRIVATE));
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(PRIVATE).open(&path);
    // An older one may have come with the permissions of a copy.
    let written =
        file.and_then(|mut file| private(&file).and_then(|()| file.write_all(line.as_bytes())));
    if let Err(error) = written {
        terminal::say(&format!("note: the question was not kept: {error}"));
    }
}

/// Shows what was asked in this project.
pub fn show(world: &World, is_json: bool) -> Result<(), Failure> {
    let path = world.home.questions();
    let root = world.root.display().to_string();
    let mut shown = 0;
    for path in [older(&path), path] {
        let failed =
            |error: io::Error| Failure::io(format!("Cannot read {}", path.display()), &error);
        for row in rows(&path).map_err(failed)? {
            let Some((_, row)) = row.map_err(failed)? else { continue };
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
            if text("root") != root {
                continue;
            }
            shown += 1;
            if is_json {
                output::json_line(&row);
            } else {
                let (at, question, answer) = (text("at"), text("question"), text("answer"));
                output::text(&format!("{at}  {question}\n\n{answer}\n"));
            }
        }
    }
    if shown == 0 {
        tell_none(is_json);
    }
    Ok(())
}

/// A line of a file of questions, and what it says.
type Row = (Vec<u8>, Value);

/// Reads a file of questions, where there is one. A line that cannot be read, as of a disk that was full, is `None`: it is no reason
/// to show none.
fn rows(path: &Path) -> io::Result<impl Iterator<Item = io::Result<Option<Row>>>> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        file => Some(file?),
    };
    let lines = file.into_iter().flat_map(|file| BufReader::new(file).split(b'\n'));
    Ok(lines.map(|line| {
        let line = line?;
        Ok(serde_json::from_slice(&line).ok().map(|row| (line, row)))
    }))
}

/// Removes what was asked in this project; what is kept of others stays.
pub fn clear(world: &World, is_json: bool) -> Result<(), Failure> {
    let path = world.home.questions();
    let root = world.root.display().to_string();
    let removed = without(&older(&path), &root)? + without(&path, &root)?;
    if is_json {
        output::json_line(&json!({ "removed": removed }));
    } else {
        output::text(&format!("{removed} questions removed"));
    }
    Ok(())
}

/// Returns where the older half is kept.
fn older(path: &Path) -> PathBuf {
    path.with_extension("old.jsonl")
}

/// Writes a file of questions without those of a project, and returns how many they were. Nothing is kept of a line that cannot be
/// read, since nobody knows whose it is.
fn without(path: &Path, root: &str) -> Result<usize, Failure> {
    let failed = |error: io::Error| Failure::io(format!("Cannot clear {}", path.display()), &error);
    if !path.exists() {
        return Ok(0);
    }
    let (mut kept, mut removed) = (Vec::new(), 0);
    for row in rows(path).map_err(failed)? {
        let Some((line, row)) = row.map_err(failed)? else { continue };
        if row.get("root").and_then(Value::as_str) == Some(root) {
            removed += 1;
        } else {
            kept.extend_from_slice(&line);
            kept.push(b'\n');
        }
    }
    match kept.is_empty() {
        true => fs::remove_file(path).map_err(failed)?,
        false => atomic::write(path, &kept, None).map_err(failed)?,
    }
    Ok(removed)
}

/// Says why nothing is shown.
fn tell_none(is_json: bool) {
    if !is_json {
        terminal::say(
            "no answers of this project are kept; those of models are, unless `--no-save` is given",
        );
    }
}
