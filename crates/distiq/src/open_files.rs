//! Files that an editor has open, as it names them.

use std::path::Path;

use distiq_base::paths::one_line;
use distiq_index::Snapshot;

use crate::rows::Row;
use crate::terminal;
use crate::world::World;

/// Most files that count.
const MOST: usize = 100;

/// Returns paths relative to the root, with `/`, of files that are named from the folder of the command or from the root; those
/// outside it name nothing.
pub fn of(world: &World, named: &[String]) -> Vec<String> {
    named.iter().take(MOST).filter_map(|name| inside(world, name)).collect()
}

/// Returns the files that a row names as `open`.
///
/// # Errors
/// When it is no list of texts.
pub fn of_row(world: &World, row: &Row) -> Result<Vec<String>, String> {
    let Some(named) = row.field("open") else { return Ok(Vec::new()) };
    let texts = named.as_array().and_then(|named| {
        named.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    });
    texts.map(|named| of(world, &named)).ok_or("`open` is no list of paths".to_owned())
}

/// Says which of the named files the index does not have, so that nobody wonders why they count for nothing.
pub fn tell_unknown(world: &World, snapshot: &Snapshot, named: &[String]) {
    for name in named {
        let path = inside(world, name);
        if !path.is_some_and(|path| snapshot.files().any(|file| file.path == path)) {
            terminal::say(&format!(
                "note: `--open {}`: the index has no such file; paths are from here or from the project's root",
                one_line(name)
            ));
        }
    }
}

fn inside(world: &World, name: &str) -> Option<String> {
    let found = [&world.cwd, &world.root].into_iter().find_map(|folder| {
        let path = folder.join(name).canonicalize().ok()?;
        path.is_file().then_some(path)
    })?;
    let inside: &Path = found.strip_prefix(&world.root).ok()?;
    Some(inside.to_str()?.to_owned())
}
