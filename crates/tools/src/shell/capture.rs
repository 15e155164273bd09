//! Takes output as it comes: the first and the last of it in memory, all of it in a file.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::kept::Kept;
use super::screen::Final;
use super::terminal::Terminal;

/// Bytes of lines kept from the start, and as many from the end.
const KEPT: usize = 1 << 20;

/// A line longer than this loses its middle at once; less than [`KEPT`], so that one is never dropped for itself.
const MAX_LINE: usize = KEPT / 2;

/// What stays of both ends of such a line.
const LINE_ENDS: usize = 32 << 10;

/// As many same lines in a row are told as a number.
const REPEATS: usize = 4;

/// Output as it is taken in.
pub(crate) struct Capture {
    pending: Vec<u8>,
    cut: usize,
    /// The line above with its end, where nothing was drawn over it.
    last: Vec<u8>,
    terminal: Terminal,
    head: Vec<String>,
    head_bytes: usize,
    tail: VecDeque<String>,
    tail_bytes: usize,
    dropped: usize,
    path: PathBuf,
    file: Option<Kept>,
    file_failed: bool,
}

impl Capture {
    /// Begins; the file at `path` is made only when it is needed.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            pending: Vec::new(),
            cut: 0,
            last: Vec::new(),
            terminal: Terminal::default(),
            head: Vec::new(),
            head_bytes: 0,
            tail: VecDeque::new(),
            tail_bytes: 0,
            dropped: 0,
            path,
            file: None,
            file_failed: false,
        }
    }

    /// Takes a piece of output.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            if self.pending.is_empty() && !self.last.is_empty() {
                let again = times(&self.last, rest);
                if again > 0 {
                    self.terminal.repeat(again);
                    rest = rest.get(again * self.last.len()..).unwrap_or_default();
                    continue;
                }
            }
            let (line, after) = rest.split_at(at + 1);
            self.pending.extend_from_slice(line);
            self.end_line();
            rest = after;
        }
        self.pending.extend_from_slice(rest);
        if self.pending.len() > MAX_LINE {
            self.shorten();
        }
    }

    /// Makes all that came so far final; an unended line counts as one.
    pub(crate) fn finish(&mut self) {
        if !self.pending.is_empty() {
            self.end_line();
        }
        self.terminal.flush();
        self.last.clear();
        self.store_final();
        if let Some(file) = &mut self.file {
            self.file_failed |= file.flush().is_err();
        }
    }

    /// Ends the output.
    pub(crate) fn close(&mut self) {
        self.finish();
        if let Some(file) = &mut self.file {
            self.file_failed |= file.join().is_err();
        }
    }

    /// Returns the lines kept and how many in their middle are not.
    pub(crate) fn text(&self) -> (String, usize) {
        let mut text = String::with_capacity(self.head_bytes + self.tail_bytes);
        let mut add = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        self.head.iter().for_each(|line| add(line));
        if self.dropped > 0 {
            add(&format!("[{} lines left out]", self.dropped));
        }
        self.tail.iter().for_each(|line| add(line));
        for row in self.terminal.preview() {
            lines_of(row, |line| add(&line));
        }
        if !self.pending.is_empty() {
            add(&super::terminal::resolve(&self.pending));
        }
        (text, self.dropped)
    }

    /// Returns what [`Capture::text`] does, and goes on with what comes after it.
    /// A line that is not ended is told as it is so far, and again when it is.
    pub(crate) fn take(&mut self) -> (String, usize) {
        let pending = std::mem::take(&mut self.pending);
        self.finish();
        self.pending = pending;
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
            self.file_failed |= file.join().is_err();
        }
        (self.file.is_some() && !self.file_failed).then_some(self.path.as_path())
    }

    /// Tells whether the file lacks lines because they may be drawn over.
    pub(crate) fn is_behind(&self) -> bool {
        self.file.is_some() && self.terminal.can_settle()
    }

    /// Takes the lines that have their end for final.
    pub(crate) fn settle(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.finish();
        self.pending = pending;
    }

    /// Shortens a line that does not end: what a return overwrote is drawn, else its middle goes.
    fn shorten(&mut self) {
        if let Some(at) = memchr::memrchr(b'\r', &self.pending) {
            let after = self.pending.split_off(at);
            self.terminal.begin_line(&std::mem::replace(&mut self.pending, after));
            self.last.clear();
        }
        if self.pending.len() > MAX_LINE / 2 {
            let middle = LINE_ENDS..self.pending.len() - LINE_ENDS;
            self.cut += middle.len();
            self.pending.drain(middle);
        }
    }

    fn end_line(&mut self) {
        if self.cut == 0 && self.pending == self.last {
            self.pending.clear();
            return self.terminal.repeat(1);
        }
        let raw = std::mem::take(&mut self.pending);
        let line = raw.strip_suffix(b"\n").unwrap_or(&raw);
        let cut = std::mem::take(&mut self.cut);
        let can_repeat = if cut == 0 {
            self.terminal.line(line)
        } else {
            let text = String::from_utf8_lossy(line);
            let (before, after) = text.split_at(text.floor_char_boundary(LINE_ENDS));
            self.terminal.line(format!("{before} … [{cut} bytes] … {after}").as_bytes());
            false
        };
        self.store_final();
        self.last = if can_repeat { raw } else { Vec::new() };
    }

    fn store_final(&mut self) {
        for row in self.terminal.take_final() {
            lines_of(row, |line| self.store(line));
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
        match Kept::create(&self.path) {
            Ok(file) => self.file = Some(file),
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
        if let Some(file) = self.file.as_mut().filter(|_| !self.file_failed) {
            self.file_failed = file.line(line).is_err();
        }
    }
}

/// Returns how often `line`, which has its end, stands at the beginning of `text`.
fn times(line: &[u8], text: &[u8]) -> usize {
    if line.is_empty() || !text.starts_with(line) {
        return 0;
    }
    // What repeats is equal to itself one line further on; that is compared in large pieces.
    let further = text.get(line.len()..).unwrap_or_default();
    let mut same = 0;
    for (these, those) in further.chunks(4 << 10).zip(text.chunks(4 << 10)) {
        if those.get(..these.len()) == Some(these) {
            same += these.len();
        } else {
            same += these.iter().zip(those).take_while(|(this, that)| this == that).count();
            break;
        }
    }
    (line.len() + same) / line.len()
}

/// Writes a row out, with its repetitions.
fn lines_of(row: Final, mut add: impl FnMut(String)) {
    let Final { text, again } = row;
    if again < REPEATS || text.trim().is_empty() && again < 8 {
        for _ in 0..again {
            add(text.clone());
        }
        add(text);
    } else {
        add(text);
        add(format!("[the same line {again} more times]"));
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
    fn repeated_lines_are_counted_wherever_pieces_end() {
        for size in [1, 2, 3, 7, 64, 5_000, 70_000] {
            let output = [&b"ab\n".repeat(30_000)[..], b"abc\n", &b"x\n".repeat(3)].concat();
            let pieces: Vec<&[u8]> = output.chunks(size).collect();
            let (capture, _folder) = captured(&pieces);
            let text = "ab\n[the same line 29999 more times]\nabc\nx\nx\nx\n";
            assert!(capture.text().0 == text, "{size}");
        }
        let (capture, _folder) = captured(&[b"a\na\na\na\na\n\x1b[1Ab\n"]);
        assert_eq!(capture.text().0, "a\na\na\na\nb\n");
    }

    #[test]
    fn what_is_taken_is_told_once() {
        let (mut capture, _folder) = captured(&[]);
        capture.push(b"one\ntwo");
        assert_eq!(capture.take().0, "one\ntwo\n");
        capture.push(b" and a half\n");
        assert_eq!(capture.take().0, "two and a half\n");
        assert_eq!(capture.take().0, "");
        capture.push(b"three\n");
        capture.close();
        let path = capture.keep().unwrap().to_path_buf();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "one\ntwo and a half\nthree\n");
    }

    #[test]
    fn long_lines_do_not_add_up() {
        let (mut capture, _folder) = captured(&[]);
        for _ in 0..100 {
            capture.push(&[&[b'\t'; 500_000][..], b"\x1b[9999@\r\n"].concat());
        }
        assert!(
            capture.terminal.preview().iter().map(|row| row.text.len()).sum::<usize>() < 3 << 20
        );
    }

    #[test]
    fn a_line_of_any_length_is_shown() {
        for length in [1, LINE_ENDS, MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, KEPT, KEPT + 1] {
            let (capture, _folder) = captured(&[&vec![b'x'; length]]);
            let (text, dropped) = capture.text();
            assert!(dropped == 0 && text.starts_with('x') && text.ends_with("x\n"), "{length}");
        }
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
