//! Takes output as it comes: the first and the last of it in memory, all of it in a file.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::terminal::resolve;

/// Bytes of lines kept from the start, and as many from the end.
const KEPT: usize = 1 << 20;

/// Most bytes of the file.
const FILE_LIMIT: u64 = 64 << 20;

/// A line longer than this loses its middle at once.
const MAX_LINE: usize = 1 << 20;

/// What stays of both ends of such a line.
const LINE_ENDS: usize = 32 << 10;

/// As many same lines in a row are told as a number.
const REPEATS: usize = 4;

/// Output as it is taken in.
pub(crate) struct Capture {
    pending: Vec<u8>,
    cut: usize,
    head: Vec<String>,
    head_bytes: usize,
    tail: VecDeque<String>,
    tail_bytes: usize,
    dropped: usize,
    last_raw: Option<Vec<u8>>,
    repeats: usize,
    path: PathBuf,
    file: Option<BufWriter<File>>,
    file_bytes: u64,
    file_failed: bool,
}

impl Capture {
    /// Begins; the file at `path` is made only when it is needed.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            pending: Vec::new(),
            cut: 0,
            head: Vec::new(),
            head_bytes: 0,
            tail: VecDeque::new(),
            tail_bytes: 0,
            dropped: 0,
            last_raw: None,
            repeats: 0,
            path,
            file: None,
            file_bytes: 0,
            file_failed: false,
        }
    }

    /// Takes a piece of output.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(at);
            if self.pending.is_empty() && self.last_raw.as_deref() == Some(line) {
                self.repeats += 1;
            } else {
                self.pending.extend_from_slice(line);
                self.end_line();
            }
            rest = after.get(1..).unwrap_or_default();
        }
        self.pending.extend_from_slice(rest);
        if self.pending.len() > MAX_LINE {
            self.shorten();
        }
    }

    /// Ends the output; an unended line counts.
    pub(crate) fn finish(&mut self) {
        if !self.pending.is_empty() {
            self.end_line();
        }
        self.flush_repeats();
        if let Some(file) = &mut self.file {
            self.file_failed |= file.flush().is_err();
        }
    }

    /// Returns the lines kept and how many in their middle are not.
    pub(crate) fn text(&self) -> (String, usize) {
        let mut text = String::with_capacity(self.head_bytes + self.tail_bytes);
        for line in &self.head {
            text.push_str(line);
            text.push('\n');
        }
        if self.dropped > 0 {
            text.push_str(&format!("[{} lines left out]\n", self.dropped));
        }
        for line in &self.tail {
            text.push_str(line);
            text.push('\n');
        }
        (text, self.dropped)
    }

    /// Returns what [`Capture::text`] does, and goes on with what comes after it.
    pub(crate) fn take(&mut self) -> (String, usize) {
        self.finish();
        let taken = self.text();
        // The file has all of it from the start, or never will.
        if !self.head.is_empty() && self.file.is_none() && !self.file_failed {
            self.spill();
        }
        self.head.clear();
        self.tail.clear();
        (self.head_bytes, self.tail_bytes, self.dropped) = (0, 0, 0);
        taken
    }

    /// Makes sure that the file holds everything so far; `None` where that failed.
    pub(crate) fn keep(&mut self) -> Option<&Path> {
        if self.file.is_none() && !self.file_failed {
            self.spill();
        }
        if let Some(file) = &mut self.file {
            self.file_failed |= file.flush().is_err();
        }
        (self.file.is_some() && !self.file_failed).then_some(self.path.as_path())
    }

    /// Shortens a line that does not end: what a return overwrote goes, else its middle.
    fn shorten(&mut self) {
        if let Some(at) = memchr::memrchr(b'\r', &self.pending) {
            let (before, after) = self.pending.split_at(at);
            let mut line = resolve(before).into_bytes();
            line.truncate(LINE_ENDS);
            line.extend_from_slice(after);
            if line.len() <= MAX_LINE / 2 {
                self.pending = line;
                return;
            }
        }
        let middle = LINE_ENDS..self.pending.len() - LINE_ENDS;
        self.cut += middle.len();
        self.pending.drain(middle);
    }

    fn end_line(&mut self) {
        let raw = std::mem::take(&mut self.pending);
        if self.cut == 0 && self.last_raw.as_ref() == Some(&raw) {
            self.repeats += 1;
            return;
        }
        self.flush_repeats();
        let mut line = resolve(&raw);
        if self.cut > 0 {
            let at = line.floor_char_boundary(LINE_ENDS);
            line.insert_str(at, &format!(" … [{} bytes] … ", self.cut));
        }
        self.cut = 0;
        self.last_raw = Some(raw);
        self.store(line);
    }

    fn flush_repeats(&mut self) {
        let repeats = std::mem::take(&mut self.repeats);
        let Some(raw) = self.last_raw.take().filter(|_| repeats > 0) else { return };
        let line = resolve(&raw);
        if repeats < REPEATS || line.trim().is_empty() && repeats < 8 {
            for _ in 0..repeats {
                self.store(line.clone());
            }
        } else {
            self.store(format!("[the same line {repeats} more times]"));
        }
    }

    fn store(&mut self, line: String) {
        if self.file.is_some() {
            self.write(&line);
        }
        let cost = line.len() + 1;
        if self.tail.is_empty() && self.head_bytes + cost <= KEPT {
            self.head_bytes += cost;
            self.head.push(line);
            return;
        }
        if self.file.is_none() && !self.file_failed {
            self.spill();
            self.write(&line);
        }
        self.tail_bytes += cost;
        self.tail.push_back(line);
        while self.tail_bytes > KEPT {
            let Some(gone) = self.tail.pop_front() else { break };
            self.tail_bytes -= gone.len() + 1;
            self.dropped += 1;
        }
    }

    /// Opens the file and writes what is kept so far, which is everything.
    fn spill(&mut self) {
        let opened =
            self.path.parent().map_or(Ok(()), distiq_base::atomic::create_private_dir).and_then(
                |()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path),
            );
        match opened {
            Ok(file) => self.file = Some(BufWriter::new(file)),
            Err(_) => {
                self.file_failed = true;
                return;
            }
        }
        for line in std::mem::take(&mut self.head) {
            self.write(&line);
            self.head.push(line);
        }
    }

    fn write(&mut self, line: &str) {
        let Some(file) = &mut self.file else { return };
        if self.file_bytes > FILE_LIMIT || self.file_failed {
            return;
        }
        self.file_bytes += line.len() as u64 + 1;
        let note = if self.file_bytes > FILE_LIMIT { "[the rest is left out]\n" } else { "" };
        self.file_failed |= writeln!(file, "{line}").and_then(|()| write!(file, "{note}")).is_err();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn captured(pieces: &[&[u8]]) -> (Capture, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let mut capture = Capture::new(folder.path().join("outputs/x.txt"));
        for piece in pieces {
            capture.push(piece);
        }
        capture.finish();
        (capture, folder)
    }

    #[test]
    fn joins_pieces_and_counts_repeats() {
        let (capture, _folder) = captured(&[b"a\nca", b"f\xC3", b"\xA9\r\n", &b"y\n".repeat(100)]);
        assert_eq!(capture.text().0, "a\ncafé\ny\n[the same line 99 more times]\n");
    }

    #[test]
    fn keeps_both_ends_and_the_whole_in_a_private_file() {
        let lines: String = (0..400_000).map(|i| format!("line {i}\n")).collect();
        let (mut capture, _folder) = captured(&[lines.as_bytes()]);
        let (text, dropped) = capture.text();
        assert!(text.starts_with("line 0\n") && text.ends_with("line 399999\n"));
        assert!(dropped > 0 && text.len() < 2 * KEPT + 100);
        let path = capture.keep().unwrap().to_path_buf();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), lines);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn endless_lines_stay_small() {
        let (mut capture, _folder) = captured(&[]);
        for _ in 0..100 {
            capture.push(&vec![b'x'; 1 << 17]);
        }
        assert!(capture.pending.len() <= 2 * MAX_LINE);
        capture.finish();
        let (text, _) = capture.text();
        assert!(text.len() < 2 * MAX_LINE && text.contains("bytes] …"));

        let (mut capture, _folder) = captured(&[]);
        for i in 0..300_000 {
            capture.push(format!("progress {i}\r").as_bytes());
        }
        capture.push(b"done");
        capture.finish();
        assert_eq!(capture.text().0, "doneress 299999\n");
    }
}
