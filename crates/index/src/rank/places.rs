//! Lines that a request names, as compilers, stack traces, editors and links do: `a.py:12`, `a.ts(12,5)`, `a.rs#L12`,
//! `File "a.py", line 12`. What stands there is wanted whatever its words are.

use std::collections::HashSet;

use super::lines::{self, Holder};
use crate::error::IndexError;
use crate::search::{NO_CHUNK, Query, Wanted};
use crate::snapshot::{FileView, Snapshot};

/// Most chunks that are found so.
const MAX_CHUNKS: usize = 16;
/// Most lines that are looked up: traces name those of libraries, too.
const MAX_PLACES: usize = 200;
/// More files of one name are not told apart.
const MAX_OF_A_NAME: usize = 2_000;
/// A file's name alone means no more files than these.
const MAX_NAMESAKES: usize = 3;
/// Longest ending of a file's name.
const MAX_ENDING: usize = 10;
/// What a trace says whose last line is the innermost.
const LAST_IS_INNERMOST: &str = "most recent call last";
/// Folders of libraries and toolchains.
const LIBRARIES: [&str; 16] = [
    "Cellar",
    "bower_components",
    "dist-packages",
    "gems",
    "include",
    "lib",
    "lib64",
    "libexec",
    "library",
    "node_modules",
    "pkg",
    "registry",
    "rustc",
    "share",
    "site-packages",
    "vendor",
];
/// Where Go's own sources lie.
const GO: &str = "/usr/local/go/";
/// Why it is found.
pub(super) const REASON: &str = "its line is mentioned";

/// A line of a file, as a text names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place<'a> {
    /// The path as it stands there: whole, its end, or of another machine.
    path: &'a str,
    line: u32,
    /// The line of the text around it.
    around: &'a str,
}

/// Returns what holds the lines that a request names, the innermost of a trace first.
pub(super) fn holders(
    snapshot: &Snapshot,
    asked: &Query<'_>,
    wanted: &Wanted,
) -> Result<Vec<Holder>, IndexError> {
    let mut all: Vec<Holder> = Vec::new();
    let mut places = named(asked.text());
    if asked.text().contains(LAST_IS_INNERMOST) {
        places.reverse();
    }
    for place in places {
        if all.len() >= MAX_CHUNKS {
            break;
        }
        for file in meant(snapshot, &place)? {
            if wanted.shows_file(file.path) {
                let holders = lines::holders(snapshot, &file, place.line)?;
                let moved = moved(snapshot, &file, &place, &holders)?;
                for holder in moved.into_iter().chain(holders) {
                    join(&mut all, holder);
                }
            }
        }
    }
    Ok(all)
}

/// Returns the function that a frame of a trace is in, where another stands on its line: traces of other versions have other lines. Of
/// several with that name it is the nearest.
fn moved(
    snapshot: &Snapshot,
    file: &FileView<'_>,
    place: &Place<'_>,
    holders: &[Holder],
) -> Result<Option<Holder>, IndexError> {
    let Some(name) = function(place) else { return Ok(None) };
    let mut nearest: Option<(u32, Holder)> = None;
    for number in file.chunks() {
        let chunk = snapshot.chunk(number)?;
        if chunk.name != name {
            continue;
        }
        if holders.iter().any(|holder| holder.number == number) {
            return Ok(None);
        }
        let (start_line, end_line) = (chunk.start_line, chunk.end_line);
        let away = start_line.abs_diff(place.line);
        if nearest.as_ref().is_none_or(|(least, _)| away < *least) {
            let (path, lines) = (file.path.to_owned(), vec![start_line]);
            nearest = Some((away, Holder { number, path, start_line, end_line, lines }));
        }
    }
    Ok(nearest.map(|(_, holder)| holder))
}

/// Returns the name of the function that a frame of a trace says it is in: `line 7, in read`, `at Reader.read (a.ts:7:1)`,
/// `at io.Reader.read(Reader.java:7)`.
fn function<'a>(place: &Place<'a>) -> Option<&'a str> {
    let around = place.around.trim();
    let whole = match (around.rsplit_once(", in "), around.strip_prefix("at ")) {
        (Some((_, name)), _) => name,
        (None, Some(frame)) => frame.split(['(', '[']).next().unwrap_or_default(),
        (None, None) => return None,
    };
    let name = whole.trim().rsplit(['.', ':', '#', '$', ' ']).next().unwrap_or_default();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_name.then_some(name)
}

/// Adds a holder, or its lines to those of the one that is there.
fn join(all: &mut Vec<Holder>, holder: Holder) {
    let is_same = |other: &&mut Holder| match holder.number {
        NO_CHUNK => {
            let lines = (other.start_line, other.end_line);
            other.path == holder.path && lines == (holder.start_line, holder.end_line)
        }
        number => other.number == number,
    };
    match all.iter_mut().find(is_same) {
        Some(known) => {
            known.start_line = known.start_line.min(holder.start_line);
            for line in holder.lines {
                if !known.lines.contains(&line) {
                    known.lines.push(line);
                }
            }
        }
        None => all.push(holder),
    }
}

/// Reads the lines that a text names, in their order.
fn named(text: &str) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    for around in text.lines() {
        let is_edge = |c: char| c.is_whitespace() || "\"'`()[]{}<>,;|=".contains(c);
        for word in around.split(is_edge).filter(|word| word.contains('.')) {
            // A sentence may end behind it.
            let word = word.trim_end_matches(['.', '!', '?']);
            let end = word.as_ptr() as usize - around.as_ptr() as usize + word.len();
            let behind = around.get(end..).unwrap_or_default();
            let found = with_line(word).or_else(|| Some((word, line_behind(behind)?)));
            let place = found.map(|(path, line)| Place { path: local(path), line, around });
            places.extend(place.filter(|place| place.line > 0 && is_file(place.path)));
            if places.len() >= MAX_PLACES {
                return places;
            }
        }
    }
    places
}

/// Splits `PATH:LINE`, `PATH:LINE:COLUMN`, with or without a colon behind, and `PATH#L12-L20`.
fn with_line(word: &str) -> Option<(&str, u32)> {
    if let Some((path, line)) = word.split_once("#L") {
        return Some((path, number(line)?));
    }
    // The last part that has an ending is the path: `webpack:///./a.ts:12:3`, `C:\a.cs:12`.
    let dot = word.rfind('.')?;
    let colon = dot + word.get(dot..)?.find(':')?;
    Some((word.get(..colon)?, number(word.get(colon + 1..)?)?))
}

/// Reads the line that stands behind a path: `", line 12`, `(12,5)`, ` on line 12`.
fn line_behind(behind: &str) -> Option<u32> {
    if let Some(inside) = behind.strip_prefix('(') {
        return number(inside);
    }
    let rest = behind.trim_start_matches(|c: char| c.is_whitespace() || "\"'`),".contains(c));
    let rest = rest.strip_prefix("on ").unwrap_or(rest);
    number(rest.strip_prefix("line ")?)
}

/// Reads the number that a text begins with.
fn number(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..digits)?.parse().ok()
}

/// Returns a path without what addresses have before it.
fn local(path: &str) -> &str {
    path.split_once("://").map_or(path, |(_, path)| path)
}

/// Tells whether a text ends as a file's name does.
fn is_file(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.rsplit_once('.').is_some_and(|(stem, ending)| {
        !stem.is_empty()
            && (1..=MAX_ENDING).contains(&ending.len())
            && ending.chars().all(|c| c.is_ascii_alphanumeric())
            && ending.chars().any(|c| c.is_ascii_alphabetic())
    })
}

/// Returns the files that a place may mean: those that share most of the end of its path, two parts at least where it has
/// folders. The project's own folder counts as one of them, and of a path of another machine that shares nothing but the name
/// it is the file at the project's top.
fn meant<'a>(snapshot: &'a Snapshot, place: &Place<'_>) -> Result<Vec<FileView<'a>>, IndexError> {
    let parts: Vec<&str> = place.path.split(['/', '\\']).filter_map(plain).collect();
    let Some(name) = parts.last() else { return Ok(Vec::new()) };
    let mut files = snapshot.files_called(name)?;
    files.truncate(if files.len() > MAX_OF_A_NAME { 0 } else { MAX_OF_A_NAME });
    let root = snapshot.root().file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let shared = |file: &FileView<'_>| {
        let own = std::iter::once(root).chain(file.path.split('/'));
        let own: Vec<&str> = own.collect();
        let same = |(a, b): &(&&str, &&str)| a.eq_ignore_ascii_case(b);
        own.iter().rev().zip(parts.iter().rev()).take_while(same).count()
    };
    if parts.len() > 1 {
        let most = files.iter().map(shared).max().unwrap_or(0);
        // A container has the project's folder under another name: `/app/main.py`.
        let is_top = most == 1 && is_of_machine(place.path) && !is_of_library(place.path, &parts);
        let is_meant = |file: &FileView<'_>| match is_top {
            true => !file.path.contains('/'),
            false => most > 1 && shared(file) == most,
        };
        files.retain(is_meant);
    } else if files.len() > 1 {
        // Java names packages beside the file: `at io.netty.Handler.run(Handler.java:12)`.
        let beside = place.around.replace(place.path, " ");
        let words: HashSet<&str> = beside.split(|c: char| !c.is_alphanumeric()).collect();
        let told = |file: &FileView<'_>| {
            let folders = file.path.split('/').filter(|folder| words.contains(folder));
            folders.count()
        };
        let most = files.iter().map(told).max().unwrap_or(0);
        files.retain(|file| told(file) == most);
    }
    // A path from the project's top is that file, whatever others end the same.
    let is_whole = |file: &FileView<'_>| file.path.split('/').eq(parts.iter().copied());
    let is_alone = parts.len() > 1 || files.len() > MAX_NAMESAKES;
    if is_alone && files.iter().any(is_whole) {
        files.retain(is_whole);
    }
    if files.len() > MAX_NAMESAKES {
        files.clear();
    }
    files.sort_unstable_by_key(|file| (!is_whole(file), file.path));
    Ok(files)
}

/// Tells whether a path begins where a machine's paths do.
fn is_of_machine(path: &str) -> bool {
    let drive = path.get(1..).is_some_and(|rest| rest.starts_with(":\\") || rest.starts_with(":/"));
    drive || path.starts_with('/') && !path.starts_with("/.")
}

/// Tells whether a path leads into what a machine has besides projects: a library, a toolchain, something hidden.
fn is_of_library(path: &str, parts: &[&str]) -> bool {
    let is_one = |part: &&str| LIBRARIES.contains(part) || part.starts_with('.');
    parts.iter().any(is_one) || path.starts_with(GO)
}

/// Returns a part of a path without the version that Go's modules have there (`fiber/v3@v3.1.0/app.go`); `None` where it says
/// nothing.
fn plain(part: &str) -> Option<&str> {
    let (name, has_version) = match part.split_once('@') {
        Some((name, _)) => (name, true),
        None => (part, false),
    };
    let is_major = |name: &str| name.strip_prefix('v').is_some_and(|n| n.parse::<u32>().is_ok());
    let says_nothing = matches!(name, "" | "." | "..") || has_version && is_major(name);
    (!says_nothing).then_some(name)
}

/// Returns the smallest chunk around a line of a file; where none is, as behind the members of a class, the last that begins
/// before it and has others in it.
pub(super) fn around(
    snapshot: &Snapshot,
    file: &FileView<'_>,
    line: u32,
) -> Result<Option<u32>, IndexError> {
    let mut best: Option<(u32, u32)> = None;
    let mut head: Option<(u32, u32)> = None;
    for number in file.chunks() {
        let chunk = snapshot.chunk(number)?;
        let lines = chunk.end_line.saturating_sub(chunk.start_line);
        let holds = (chunk.start_line..=chunk.end_line).contains(&line);
        if holds && best.is_none_or(|(least, _)| lines < least) {
            best = Some((lines, number));
        }
        let is_before = chunk.is_head && chunk.start_line <= line && line <= file.lines;
        if is_before && head.is_none_or(|(from, _)| chunk.start_line > from) {
            head = Some((chunk.start_line, number));
        }
    }
    Ok(best.or(head).map(|(_, number)| number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_modules_are_no_folders() {
        let parts = |path: &'static str| path.split('/').filter_map(plain).collect::<Vec<_>>();
        assert_eq!(parts("/mod/fiber/v3@v3.1.0/app.go"), ["mod", "fiber", "app.go"]);
        assert_eq!(parts("./yaml@v2.4/../v3/a.go"), ["yaml", "v3", "a.go"]);
    }

    #[test]
    fn frames_name_their_functions() {
        let named = |around: &'static str| function(&Place { path: "a", line: 1, around });
        for (frame, expected) in [
            ("  File \"/a/b.py\", line 7, in read", Some("read")),
            ("  File \"/a/b.py\", line 7, in Reader.read", Some("read")),
            ("  File \"/a/b.py\", line 7, in <module>", None),
            ("    at async Reader.read [as go] (/src/a.ts:3:1)", Some("read")),
            ("at io.Reader.read(Reader.java:7)", Some("read")),
            ("at io.Reader.<init>(Reader.java:7)", None),
            ("error at src/main.rs:12:5: oops", None),
        ] {
            assert_eq!(named(frame), expected, "{frame}");
        }
    }

    #[test]
    fn lines_are_read_as_tools_write_them() {
        for (text, path, line) in [
            ("lexer.py:600", "lexer.py", 600),
            ("error at src/main.rs:12:5: oops", "src/main.rs", 12),
            ("  --> src/main.rs:12:5", "src/main.rs", 12),
            ("at X.query (/src/driver/Pg.ts:331:19)", "/src/driver/Pg.ts", 331),
            ("  File \"/a/b.py\", line 7, in f", "/a/b.py", 7),
            ("at io.netty.Handler.run(Handler.java:1357)", "Handler.java", 1357),
            ("src/a.ts(12,5): error TS2304", "src/a.ts", 12),
            ("https://host/o/r/blob/main/src/a.py#L12-L20", "host/o/r/blob/main/src/a.py", 12),
            ("webpack:///./src/a.ts:12:3", "/./src/a.ts", 12),
            ("C:\\work\\a.cs:9", "C:\\work\\a.cs", 9),
            ("in /www/x.php on line 12", "/www/x.php", 12),
            ("/p/app.go:614 +0x1d", "/p/app.go", 614),
            ("посмотри `a.py:3`, там ошибка", "a.py", 3),
        ] {
            assert_eq!(named(text), [Place { path, line, around: text }], "{text}");
        }
        for text in [
            "version 1.2:3",
            "see a.py",
            "127.0.0.1:8080",
            "e.g.: 12",
            "at 10.30:15",
            "a.py:x",
            "a.py:0",
        ] {
            assert_eq!(named(text), [], "{text}");
        }
    }
}
