//! Session logs to start beside and to resume from.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use distiq_base::{Content, Event, Message, Record, Role, SessionId};

/// Writes `count` small logs.
pub fn fill(folder: &Path, count: usize, root: &Path) -> Result<()> {
    for _ in 0..count {
        let (id, path) = place(folder)?;
        let mut text = String::new();
        for (seq, event) in opening(&id, root).into_iter().enumerate() {
            let _ = writeln!(text, "{}", line(seq as u64, event)?);
        }
        fs::write(path, text)?;
    }
    Ok(())
}

/// Writes a log of at least `bytes`: many turns whose tools said a lot, as long sessions do.
pub fn large(folder: &Path, bytes: u64, root: &Path) -> Result<(String, PathBuf)> {
    let (id, path) = place(folder)?;
    let mut file = BufWriter::new(fs::File::create(&path)?);
    let mut seq = 0;
    let mut written = 0;
    let mut write = |event: Event| -> Result<u64> {
        let line = line(seq, event)?;
        writeln!(file, "{line}")?;
        seq += 1;
        written += line.len() as u64 + 1;
        Ok(written)
    };
    for event in opening(&id, root) {
        write(event)?;
    }
    let text = "fn main() { println!(\"some line of a file\"); }\n".repeat(40);
    let mut turn = 0;
    // A conversation that fits a model's window (about 3 MB), and everything else beside it.
    let conversation = bytes / 32;
    loop {
        turn += 1;
        let call_id = format!("toolu_{turn}");
        let call = Content::ToolCall {
            id: call_id.clone(),
            name: "read".into(),
            arguments: "{\"path\":\"a\"}".into(),
        };
        let mut done = 0;
        for _ in 0..200 {
            done = write(Event::ThinkingDelta { text: "a piece of a long thought ".into() })?;
        }
        if done >= bytes {
            break;
        }
        if turn * text.len() as u64 > conversation {
            continue;
        }
        write(Event::Message { message: Message { role: Role::Assistant, content: vec![call] } })?;
        write(Event::ToolFinished {
            call_id: call_id.clone(),
            name: "read".into(),
            ok: true,
            text: text.clone(),
            files_changed: Vec::new(),
            duration_ms: 1,
        })?;
        let result = Content::tool_result(call_id, text.as_str(), false);
        write(Event::Message { message: Message { role: Role::User, content: vec![result] } })?;
    }
    write(Event::Message { message: Message::assistant("done") })?;
    file.flush()?;
    Ok((id.as_str().to_owned(), path))
}

fn place(folder: &Path) -> Result<(SessionId, PathBuf)> {
    let id = SessionId::generate();
    let month = distiq_base::clock::Clock::System.now().strftime("%Y/%m").to_string();
    let path = folder.join(month).join(format!("{id}.jsonl"));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok((id, path))
}

fn opening(id: &SessionId, root: &Path) -> Vec<Event> {
    vec![
        Event::SessionStarted {
            session_id: id.clone(),
            schema: distiq_base::event::EVENT_SCHEMA,
            version: "bench".into(),
            root: root.display().to_string(),
            forked_from: None,
        },
        Event::Message { message: Message::user("What does this project do?") },
    ]
}

fn line(seq: u64, event: Event) -> Result<String> {
    let record = Record { seq, at: distiq_base::clock::Clock::System.now(), event };
    Ok(serde_json::to_string(&record)?)
}
