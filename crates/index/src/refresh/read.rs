//! Reading files side by side.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use super::Control;
use crate::documents::Documents;
use crate::error::IndexError;
use crate::files::{self, Skip};
use crate::segment::Builder;
use crate::table::{NewRow, Text, hash_of};
use crate::walk::{Found, MAX_BYTES};

/// Most threads.
const MAX_THREADS: usize = 8;
/// Fewest files that are worth a thread.
const FILES_A_THREAD: usize = 8;
/// A parse takes up to seventy bytes a byte of text: files from this size on are parsed side by side only as far as all of them
/// together are not larger than the other.
const LARGE: u64 = 256 << 10;
const ROOM: u64 = 3 << 20;
/// From so many bytes of text on what a thread has read is kept at once: what is killed loses at most this a thread.
const KEEP_BYTES: u64 = 4 << 20;
/// A file that was changed this lately may change again without its time showing it.
const YOUNG_NS: i64 = 50_000_000;

/// Files to be read.
pub(super) struct Work<'a> {
    pub root: &'a File,
    /// Where documents are read.
    pub documents: Option<&'a Documents>,
    pub files: &'a [Found],
    /// By path, the texts that are in the index.
    pub texts: &'a HashMap<String, Text>,
    pub now_ns: i64,
    pub report: &'a (dyn Fn(usize) + Sync),
    pub control: &'a Control<'a>,
    /// Writes a segment and returns its name.
    pub write: &'a (dyn Fn(Builder) -> Result<String, IndexError> + Sync),
    /// Keeps a part at once, whatever becomes of the others.
    pub keep: &'a (dyn Fn(ReadPart) -> Result<(), IndexError> + Sync),
}

/// What was read and is not kept yet.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub parts: Vec<ReadPart>,
    /// Files whose text is what it was, with their times.
    pub touched: Vec<(String, i64)>,
}

/// The name of a segment, none where no file of it has text, and the rows of its files.
#[derive(Debug, Default)]
pub(super) struct ReadPart {
    pub segment: Option<String>,
    pub rows: Vec<NewRow>,
}

/// Room for large files, which those that are read side by side share.
struct Room {
    free: Mutex<u64>,
    more: Condvar,
}

/// A share of the room, given back at its end.
struct Share<'a> {
    room: &'a Room,
    bytes: u64,
}

impl Room {
    /// Waits until there is room for a file; a small one needs none.
    fn take(&self, bytes: u64) -> Option<Share<'_>> {
        let bytes = bytes.min(ROOM);
        if bytes < LARGE {
            return None;
        }
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < bytes {
            free = self.more.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= bytes;
        Some(Share { room: self, bytes })
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.room.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.room.more.notify_all();
    }
}

/// Files by how many threads may read such: what a thread frees of a large file's parse its own next file takes up, but no
/// other thread's, so that files of a size are read by no more threads than there is room for such at once.
struct Queues {
    /// By the last thread that may read them, the files' places.
    by_thread: Vec<Vec<usize>>,
    next: Vec<AtomicUsize>,
    taken: AtomicUsize,
}

impl Queues {
    fn new(files: &[Found], threads: usize) -> Self {
        let mut by_thread = vec![Vec::new(); threads.max(1)];
        let last = by_thread.len() - 1;
        for (at, file) in files.iter().enumerate() {
            let fit = ROOM / file.bytes.clamp(1, ROOM);
            let thread = usize::try_from(fit - 1).unwrap_or(last).min(last);
            by_thread.get_mut(thread).into_iter().for_each(|list| list.push(at));
        }
        let next = by_thread.iter().map(|_| AtomicUsize::new(0)).collect();
        Self { by_thread, next, taken: AtomicUsize::new(0) }
    }

    /// Returns the next file that a thread may read, the largest first, and how many were taken with it.
    fn take(&self, thread: usize) -> Option<(usize, usize)> {
        let lists = self.by_thread.iter().zip(&self.next).skip(thread);
        let mut found =
            lists.filter_map(|(list, next)| list.get(next.fetch_add(1, Ordering::Relaxed)));
        let file = *found.next()?;
        Some((file, self.taken.fetch_add(1, Ordering::Relaxed) + 1))
    }
}

impl Work<'_> {
    /// Reads until all is read or the caller gives up.
    ///
    /// # Errors
    /// When a segment cannot be written.
    pub fn run(&self) -> Result<Read, IndexError> {
        let room = Room { free: Mutex::new(ROOM), more: Condvar::new() };
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        // A document's reader is another process.
        let files_a_thread = if self.documents.is_some() { 1 } else { FILES_A_THREAD };
        let most = self.control.threads.unwrap_or(MAX_THREADS).min(MAX_THREADS);
        let threads = cores.min(most).min(self.files.len() / files_a_thread + 1);
        let queues = Queues::new(self.files, threads);
        if threads <= 1 {
            return self.work(0, &queues, &room);
        }
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|of| (of, &queues, &room))
                .map(|(of, queues, room)| scope.spawn(move || self.work(of, queues, room)))
                .collect();
            let mut all = Read::default();
            for worker in workers {
                // A worker that panicked leaves its files unread; the next refresh takes them up.
                let Ok(read) = worker.join() else { continue };
                let read = read?;
                all.parts.extend(read.parts);
                all.touched.extend(read.touched);
            }
            Ok(all)
        })
    }

    fn work(&self, thread: usize, queues: &Queues, room: &Room) -> Result<Read, IndexError> {
        let mut read = Read::default();
        let mut builder = Builder::default();
        let mut rows = Vec::new();
        let most = self.control.keep_bytes.unwrap_or(KEEP_BYTES);
        while !self.control.is_cancelled() {
            let Some((at, count)) = queues.take(thread) else { break };
            let Some(file) = self.files.get(at) else { break };
            (self.report)(count);
            let share = room.take(file.bytes.min(MAX_BYTES));
            let row = self.read_one(file, &mut builder);
            drop(share);
            match row {
                Some(row) => rows.push(row),
                None => read.touched.push((file.path.clone(), self.time_of(file))),
            }
            if builder.is_large(most) {
                let (builder, rows) = (std::mem::take(&mut builder), std::mem::take(&mut rows));
                (self.keep)(self.part(builder, rows)?)?;
            }
        }
        if !rows.is_empty() {
            read.parts.push(self.part(builder, rows)?);
        }
        Ok(read)
    }

    fn part(&self, builder: Builder, rows: Vec<NewRow>) -> Result<ReadPart, IndexError> {
        let has_text = builder.files() > 0;
        let segment = has_text.then(|| (self.write)(builder)).transpose()?;
        Ok(ReadPart { segment, rows })
    }

    /// Returns the time by which a file's change will be seen: none for a young one, so that it is read again.
    fn time_of(&self, file: &Found) -> i64 {
        if self.now_ns.saturating_sub(file.modified_ns) < YOUNG_NS { -1 } else { file.modified_ns }
    }

    /// Returns a file's new row; `None` where its text is what it was.
    fn read_one(&self, file: &Found, builder: &mut Builder) -> Option<NewRow> {
        let mut row = NewRow {
            path: file.path.clone(),
            bytes: file.bytes,
            modified_ns: self.time_of(file),
            hash: Vec::new(),
            slot: None,
            note: None,
        };
        let text = match (self.documents, files::skip_by_name(&file.path, file.bytes)) {
            _ if file.path.ends_with('/') => Err(Skip::Folder),
            (Some(documents), _) => documents.read(self.root, &file.path),
            (None, Some(skip)) => Err(skip),
            (None, None) => files::read(self.root, &file.path),
        };
        match text {
            Ok(text) => {
                row.hash = hash_of(&text);
                let known = self.texts.get(&file.path);
                if known.is_some_and(|text| text.hash == row.hash && text.bytes == row.bytes) {
                    return None;
                }
                row.slot = u32::try_from(builder.files()).ok();
                builder.add(&file.path, &text);
            }
            Err(skip) => {
                // What could not be read may be readable the next time.
                if skip == Skip::Unreadable {
                    row.modified_ns = -1;
                }
                row.note = Some(skip.as_str());
            }
        }
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_size_are_read_by_as_many_threads_as_there_is_room_for_such() {
        let sizes = [0, 100, 4 << 20, 2 << 20, 100 << 20, 1 << 20, 1_700_000];
        let files: Vec<Found> =
            sizes.iter().map(|bytes| Found { bytes: *bytes, ..Found::default() }).collect();
        let queues = Queues::new(&files, 4);
        let all = |thread| -> Vec<usize> {
            std::iter::from_fn(|| queues.take(thread)).map(|(file, _)| file).collect()
        };
        assert_eq!(all(3), [0, 1]);
        assert_eq!(all(2), [5]);
        assert_eq!(all(0), [2, 3, 4, 6]);
        assert_eq!(queues.take(1), None);
        assert_eq!(queues.taken.into_inner(), files.len());
    }
}
