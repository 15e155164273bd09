//! The file with all of an output; of a very long one its first and its last part.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Most bytes of the first part.
const FIRST: u64 = 32 << 20;

/// Most bytes of each of the two files that take turns for the last part.
const TURN: u64 = 16 << 20;

/// Most bytes that come after the last part was put to the first.
const AFTER: u64 = 8 << 20;

/// The file, while it is written.
pub(super) struct Kept {
    path: PathBuf,
    file: BufWriter<File>,
    room: u64,
    last: Option<Last>,
    whole: bool,
}

/// What may become the last part: files without a name.
struct Last {
    old: Turn,
    new: Turn,
    lost: u64,
}

struct Turn {
    file: BufWriter<File>,
    bytes: u64,
}

impl Kept {
    /// Makes the file, readable by its owner alone.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            distiq_base::atomic::create_private_dir(folder)?;
        }
        let file = BufWriter::new(open(path)?);
        Ok(Self { path: path.to_owned(), file, room: FIRST, last: None, whole: false })
    }

    /// Adds a line.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        let bytes = line.len() as u64 + 1;
        if self.room >= bytes {
            self.room -= bytes;
            return writeln!(self.file, "{line}");
        }
        self.room = 0;
        if self.whole {
            return Ok(());
        }
        if self.last.is_none() {
            self.last = Some(Last { old: self.turn("1")?, new: self.turn("2")?, lost: 0 });
        }
        self.last.as_mut().map_or(Ok(()), |last| last.line(line))
    }

    fn turn(&self, name: &str) -> io::Result<Turn> {
        let path = self.path.with_extension(name);
        let file = open(&path)?;
        fs::remove_file(&path)?;
        Ok(Turn { file: BufWriter::new(file), bytes: 0 })
    }

    /// Makes sure that what there is can be read.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Puts the last part to the first.
    pub(super) fn join(&mut self) -> io::Result<()> {
        if let Some(last) = self.last.take() {
            self.whole = true;
            self.room = AFTER;
            if last.lost > 0 {
                writeln!(self.file, "[{} bytes left out]", last.lost)?;
            }
            for turn in [last.old, last.new] {
                let mut file = turn.file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.rewind()?;
                io::copy(&mut file, &mut self.file)?;
            }
        }
        self.file.flush()
    }
}

impl Last {
    fn line(&mut self, line: &str) -> io::Result<()> {
        if self.new.bytes >= TURN {
            std::mem::swap(&mut self.old, &mut self.new);
            self.lost += self.new.bytes;
            self.new.bytes = 0;
            self.new.file.rewind()?;
            self.new.file.get_ref().set_len(0)?;
        }
        self.new.bytes += line.len() as u64 + 1;
        writeln!(self.new.file, "{line}")
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_very_long_output_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outputs/x.txt");
        let mut kept = Kept::create(&path).unwrap();
        let filler = "x".repeat(100_000);
        for number in 0..1_500 {
            kept.line(&format!("{number} {filler}")).unwrap();
        }
        kept.join().unwrap();
        for number in 0..200 {
            kept.line(&format!("after {number} {filler}")).unwrap();
        }
        kept.flush().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.len() as u64 <= FIRST + 2 * TURN + AFTER + 500_000, "{}", text.len());
        assert!(
            text.starts_with("0 x") && text.contains("\n1499 x") && text.contains("\nafter 0 x")
        );
        assert!(
            text.lines().any(|line| line.starts_with('[') && line.ends_with(" bytes left out]"))
        );
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
