//! What the names of files may make of a line: options, and links that lead elsewhere.

use std::fs;
use std::path::Path;

use super::commands::Context;

/// Most entries that are looked at; where there are more, the worst is taken for true.
const MOST: usize = 20_000;

/// Tells whether a file of the working directory may be taken for an option.
pub(super) fn has_dashed_file(context: &Context<'_>) -> bool {
    const MOST: usize = 5_000;
    let Some(Ok(entries)) = context.base.cwd.as_ref().map(fs::read_dir) else { return true };
    let mut entries = entries.flatten();
    entries.by_ref().take(MOST).any(|entry| entry.file_name().to_string_lossy().starts_with('-'))
        || entries.next().is_some()
}

/// Tells whether a name below the working directory may be parted into words of which one is an option.
pub(super) fn has_dashed_field(context: &Context<'_>) -> bool {
    any_below(context, |entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let mut fields = name.split_whitespace();
        fields.any(|field| {
            let bare = field.trim_start_matches(['\\', '"', '\'']);
            bare.len() > 1 && bare.starts_with('-')
        })
    })
}

/// Tells whether a link below the working directory leads out of the project.
pub(super) fn links_out(context: &Context<'_>) -> bool {
    any_below(context, |entry| leads_out(entry, context))
}

/// Tells whether a file of a folder that a pattern takes in is a link that leads out of the project; `pattern` is the
/// whole path.
pub(super) fn pattern_links_out(pattern: &Path, context: &Context<'_>) -> bool {
    let Some((folder, name)) = pattern.parent().zip(pattern.file_name()) else { return false };
    if folder.to_string_lossy().contains(['*', '?', '[']) {
        return links_out(context);
    }
    let Ok(glob) = globset::Glob::new(&name.to_string_lossy()) else { return true };
    let glob = glob.compile_matcher();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.take(MOST).any(|entry| glob.is_match(entry.file_name()) && leads_out(&entry, context))
}

fn leads_out(entry: &fs::DirEntry, context: &Context<'_>) -> bool {
    let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
    // What leads nowhere cannot be read.
    let target = link.then(|| fs::canonicalize(entry.path()).ok()).flatten();
    target.is_some_and(|target| !target.starts_with(&context.base.grounds.root))
}

/// Tells whether an entry below the working directory is so; links are not followed, nor what git keeps looked at.
fn any_below(context: &Context<'_>, is_so: impl Fn(&fs::DirEntry) -> bool) -> bool {
    let Some(cwd) = context.base.cwd.as_ref() else { return true };
    let mut folders = vec![cwd.clone()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > MOST || is_so(&entry) {
                return true;
            }
            if entry.file_name() != ".git" && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
    false
}
