//! The access log: one line of JSON for each request, without contents and without keys.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use serde_json::{Map, Value};

use super::Record;

/// Lines that may wait for the disk; more are counted as lost, because requests do not wait.
const BACKLOG: usize = 16_384;

/// The access log's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where lines go.
    pub to: AccessLogTo,
    /// Bytes after which the file is moved to one with `.1` at its name's end, in the place of the
    /// one before.
    pub file_bytes: u64,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTo {
    /// To standard error.
    StandardError,
    /// To the end of a file.
    File(PathBuf),
}

/// Why the log cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum AccessLogError {
    /// The file cannot be opened.
    #[error("Cannot write the access log to {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No thread could be started.
    #[error("Cannot start the access log's thread")]
    Thread(#[source] io::Error),
}

/// Takes lines to a thread that writes them.
pub(crate) struct Writer {
    lines: Mutex<Option<SyncSender<String>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub fn start(settings: &AccessLog) -> Result<Self, AccessLogError> {
        let out = Out::open(settings)?;
        let (lines, queue) = sync_channel(BACKLOG);
        let thread = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(out, &queue))
            .map_err(AccessLogError::Thread)?;
        Ok(Self { lines: Mutex::new(Some(lines)), thread: Mutex::new(Some(thread)) })
    }

    /// Queues a request's line; `false` where it is lost.
    pub fn write(&self, record: &Record) -> bool {
        let mut line = line(record).to_string();
        line.push('\n');
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.as_ref().map(|lines| lines.try_send(line)) {
            Some(Ok(())) => true,
            Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) | None => false,
        }
    }

    /// Writes what is queued and ends.
    pub fn close(&self) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A panic there was reported already.
        let _ = thread.map(JoinHandle::join);
    }
}

fn write_all(mut out: Out, queue: &Receiver<String>) {
    while let Ok(line) = queue.recv() {
        // A full disk costs lines, never requests.
        let _ = out.write(&line);
        while let Ok(line) = queue.try_recv() {
            let _ = out.write(&line);
        }
        let _ = out.flush();
    }
}

enum Out {
    StandardError,
    File { path: PathBuf, file: BufWriter<File>, bytes: u64, most: u64 },
}

impl Out {
    fn open(settings: &AccessLog) -> Result<Self, AccessLogError> {
        let AccessLogTo::File(path) = &settings.to else { return Ok(Out::StandardError) };
        let fail = |source| AccessLogError::File { path: path.clone(), source };
        let (file, bytes) = append(path).map_err(fail)?;
        let (path, most) = (path.clone(), settings.file_bytes);
        Ok(Out::File { path, file, bytes, most })
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        match self {
            Out::StandardError => io::stderr().lock().write_all(line.as_bytes()),
            Out::File { path, file, bytes, most } => {
                let length = line.len() as u64;
                if *bytes > 0 && bytes.saturating_add(length) > *most {
                    file.flush()?;
                    let mut old = path.clone().into_os_string();
                    old.push(".1");
                    std::fs::rename(&*path, old)?;
                    (*file, *bytes) = append(path)?;
                }
                *bytes += length;
                file.write_all(line.as_bytes())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Out::StandardError => Ok(()),
            Out::File { file, .. } => file.flush(),
        }
    }
}

/// Opens a file to write at its end; only its owner may read it, as it tells who asked what.
fn append(path: &Path) -> io::Result<(BufWriter<File>, u64)> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    let bytes = file.metadata()?.len();
    Ok((BufWriter::new(file), bytes))
}

/// Returns what is told of a request; what is not known is left out.
fn line(record: &Record) -> Value {
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            line.insert(name.to_owned(), value);
        }
    };
    put("at", record.at.to_string().into());
    put("peer", record.peer.to_string().into());
    put("method", record.method.into());
    put("path", record.path.as_str().into());
    put("endpoint", record.endpoint.into());
    put("status", record.status.into());
    put("took_us", micros(record).into());
    put("user_agent", record.client.clone().into());
    put("key", record.key.as_ref().map(|(id, _)| id.clone()).into());
    let owner = record.key.as_ref().map(|(_, owner)| owner.clone());
    put("owner", owner.filter(|owner| !owner.is_empty()).into());
    put("denied", record.denial.map(|denial| denial.as_str()).into());
    let dialect = record.asks_model || record.receipt.is_some();
    put("dialect", dialect.then(|| record.dialect.as_str()).into());
    put("trace_id", record.trace.as_ref().map(|trace| trace.trace_id()).into());
    if !record.asked.model.is_empty() {
        put("asked_model", record.asked.model.as_str().into());
        put("stream", record.asked.streams.into());
    }
    if let Some(receipt) = &record.receipt {
        let usage = &receipt.usage;
        put("request_id", receipt.request_id.as_str().into());
        put("provider", receipt.provider.as_str().into());
        put("model", receipt.model.as_str().into());
        put("tier", receipt.tier.map(|tier| tier.as_str()).into());
        put("node", receipt.node.clone().into());
        put("input_tokens", usage.prompt().into());
        put("cache_read_tokens", usage.cache_read.into());
        put("cache_write_tokens", usage.cache_write.saturating_add(usage.cache_write_long).into());
        put("output_tokens", usage.output.into());
        put("cost_nanousd", receipt.cost.map(|cost| cost.nanos()).into());
        put("estimated", receipt.estimated.into());
        put("first_token_ms", receipt.first_token_ms.into());
        put("attempts", receipt.attempts.into());
        put("fallbacks", receipt.fallbacks.into());
        put("error", receipt.error.as_ref().map(|error| error.code()).into());
    }
    Value::Object(line)
}

fn micros(record: &Record) -> u64 {
    u64::try_from(record.began.elapsed().as_micros()).unwrap_or(u64::MAX)
}
