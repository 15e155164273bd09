//! Documents that are no text: read by this program, started again for one file at a time with limits on its time and memory,
//! so that a file made to do harm ends nothing but that.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use distiq_base::paths::one_line;
use distiq_base::{DocumentError, ReadDocument};
use distiq_index::{Control, Index, IndexError, Snapshot};
use distiq_pdf::{EXTRACT, MAX_FILE_BYTES, MAX_TEXT_BYTES, PdfError, text};
use nix::sys::resource::{Resource, setrlimit};
use serde::Serialize;

use crate::code_index;
use crate::failure::Failure;
use crate::world::World;
use crate::{progress, terminal, toolbox};

/// What one document may take: seconds of a processor, of the clock, and memory.
const CPU_SECONDS: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(40);
const MEMORY_BYTES: u64 = 1 << 30;
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// How deeply nested a document may be for the reader's stack.
const STACK_BYTES: usize = 64 << 20;
/// Most documents that could not be read that are told, and most of them in words.
const MOST_UNREAD: usize = 100;
const MOST_NAMED: usize = 5;
/// How long a question waits for documents that were never read; the others are read with the next.
const QUESTION_PATIENCE: Duration = Duration::from_secs(60);

/// How the reader ends that found no text.
const LOCKED: u8 = 3;
const INVALID: u8 = 4;
const LARGE: u8 = 5;
const BAD_PIPE: u8 = 6;

/// Reads a PDF from standard input and writes its text to standard output, in this process, within limits. Returns the exit code.
pub fn extract() -> u8 {
    // Where a limit cannot be set, the parent's watch still ends this process.
    for (resource, most) in [
        (Resource::RLIMIT_CPU, CPU_SECONDS),
        (Resource::RLIMIT_AS, MEMORY_BYTES),
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, 0),
    ] {
        let _ = setrlimit(resource, most, most);
    }
    let work = || {
        let mut bytes = Vec::new();
        if io::stdin().take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).is_err() {
            return BAD_PIPE;
        }
        match text(bytes) {
            Ok(text) if io::stdout().write_all(text.as_bytes()).is_ok() => 0,
            Ok(_) => BAD_PIPE,
            Err(PdfError::Locked) => LOCKED,
            Err(PdfError::Invalid) => INVALID,
            Err(PdfError::Large) => LARGE,
        }
    };
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(work);
    thread.map_or(BAD_PIPE, |thread| thread.join().unwrap_or(INVALID))
}

/// Starts this program for each document.
#[derive(Debug)]
struct OwnProcess {
    program: PathBuf,
}

impl ReadDocument for OwnProcess {
    fn text(&self, file: File) -> Result<String, DocumentError> {
        if file.metadata().is_ok_and(|data| data.len() > MAX_FILE_BYTES) {
            return Err(DocumentError::Large);
        }
        let child = Command::new(&self.program)
            .arg(EXTRACT)
            .env_clear()
            .stdin(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.map_err(|_| DocumentError::Reader)?;
        let Some(stdout) = child.stdout.take() else { return Err(DocumentError::Reader) };
        let reading = thread::spawn(move || {
            let mut bytes = Vec::new();
            let most = u64::try_from(MAX_TEXT_BYTES).unwrap_or(u64::MAX);
            stdout.take(most + 1).read_to_end(&mut bytes).map(|_| bytes)
        });
        let status = ended(&mut child);
        let bytes = reading.join().ok().and_then(Result::ok).unwrap_or_default();
        match status.and_then(|status| status.code()) {
            Some(0) => String::from_utf8(bytes).map_err(|_| DocumentError::Broken),
            Some(code) if code == i32::from(LOCKED) => Err(DocumentError::Locked),
            Some(code) if code == i32::from(LARGE) => Err(DocumentError::Large),
            Some(code) if code == i32::from(BAD_PIPE) => Err(DocumentError::Reader),
            // It crashed, or a limit ended it.
            _ => Err(DocumentError::Broken),
        }
    }
}

/// Waits for a reader to end, and ends it where it takes too long.
fn ended(child: &mut Child) -> Option<ExitStatus> {
    let begin = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if begin.elapsed() < PATIENCE => thread::sleep(LOOK_EVERY),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

/// A document whose text is not known.
#[derive(Clone, Debug, Serialize)]
pub struct Unread {
    path: String,
    reason: String,
}

/// Does `work` on the project's code and documents together; reads the documents that changed first. Returns what came of it, and which
/// documents could not be read, at most [`MOST_UNREAD`].
pub fn with<T>(
    world: &World,
    work: impl Fn(&Snapshot) -> Result<T, IndexError>,
) -> Result<(T, Vec<Unread>), Failure> {
    let refreshed = code_index::Refresh::Yes;
    code_index::with(world, refreshed, |index, code| {
        code_index::embed_changes(code, refreshed)?;
        let Some(program) = toolbox::launcher().filter(|_| index.has_documents().unwrap_or(false))
        else {
            return Ok((work(code)?, Vec::new()));
        };
        let reader: Arc<dyn ReadDocument> = Arc::new(OwnProcess { program });
        let once = || {
            let documents =
                Index::open_documents(&world.root, &world.home.cache, Arc::clone(&reader))?;
            let unread = refresh(&documents)?;
            Ok((work(&code.with_documents(&documents.snapshot()?)?)?, unread))
        };
        match once() {
            // Where it is the code's that is damaged, the caller builds that anew, and comes back.
            Err(IndexError::Damaged) if code.is_whole() => {
                Index::clear_documents(&world.root, &world.home.cache)?;
                once()
            }
            other => other,
        }
    })
}

fn refresh(documents: &Index) -> Result<Vec<Unread>, IndexError> {
    let begin = Instant::now();
    let is_over = || begin.elapsed() > QUESTION_PATIENCE;
    let read = progress::telling("reading", "documents", |control| {
        documents.refresh(&Control { is_cancelled: Some(&is_over), ..*control })
    });
    match read {
        Ok(_) => {}
        Err(IndexError::Busy | IndexError::Building) => {
            terminal::say(
                "note: another process is reading the documents; what it had is searched",
            );
        }
        Err(IndexError::Cancelled) => {
            terminal::say("note: not all documents are read yet; ask again to go on");
        }
        Err(error) if error.is_full() => {
            terminal::say("note: no space is left to read documents anew");
        }
        Err(error) => return Err(error),
    }
    let mut left_out = documents.left_out()?;
    let count = left_out.len();
    left_out.truncate(MOST_UNREAD);
    let unread: Vec<Unread> =
        left_out.into_iter().map(|(path, reason)| Unread { path, reason }).collect();
    tell_unread(&unread, count);
    Ok(unread)
}

/// Says which documents could not be read, and why; `count` is how many they are.
fn tell_unread(unread: &[Unread], count: usize) {
    let named = |it: &Unread| format!("{}: {}", one_line(&it.path), it.reason);
    match unread {
        [] => {}
        [one] => {
            terminal::say(&format!("note: {} was not read: {}", one_line(&one.path), one.reason));
        }
        several => {
            let told: Vec<String> = several.iter().take(MOST_NAMED).map(named).collect();
            let more = count.saturating_sub(told.len());
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            let told = told.join("; ");
            terminal::say(&format!("note: {count} documents were not read: {told}{more}"));
        }
    }
}
