//! A project in a temporary folder, and a toolbox on it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use distiq_base::{Answer, Ask, Mode, Question};
use distiq_tools::{Call, Outcome, RefusalKind, Toolbox, ToolboxConfig};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Answers as told, and remembers what was asked.
pub struct Asker {
    pub answer: Answer,
    pub asked: Mutex<Vec<Question>>,
}

impl Ask for Asker {
    fn ask(&self, question: &Question) -> Answer {
        self.asked.lock().unwrap().push(question.clone());
        self.answer.clone()
    }
}

pub struct Project {
    _folder: tempfile::TempDir,
    pub root: PathBuf,
    pub asker: Arc<Asker>,
    pub toolbox: Toolbox,
}

impl Project {
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self::with(files, Mode::Full, Answer::Nobody)
    }

    pub fn with(files: &[(&str, &str)], mode: Mode, answer: Answer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let root = base.join("project");
        std::fs::create_dir(&root).unwrap();
        for (path, text) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let asker = Arc::new(Asker { answer, asked: Mutex::default() });
        let toolbox = Toolbox::new(ToolboxConfig {
            mode,
            secret_env: vec!["CARGO_PKG_NAME".to_owned()],
            shell_timeout_ms: 20_000,
            ..ToolboxConfig::new(&root, asker.clone(), base.join("outputs"))
        })
        .unwrap();
        Self { _folder: folder, root, asker, toolbox }
    }

    /// Opens the project for another agent, with a home of its own.
    pub fn another(&self, home: &str) -> Toolbox {
        let outputs = self.root.with_file_name(home).join("outputs");
        let config = ToolboxConfig::new(&self.root, self.asker.clone(), outputs);
        Toolbox::new(ToolboxConfig { mode: Mode::Full, ..config }).unwrap()
    }

    pub async fn call(&self, name: &str, input: Value) -> Outcome {
        self.call_until(name, input, CancellationToken::new()).await
    }

    pub async fn call_until(&self, name: &str, input: Value, cancel: CancellationToken) -> Outcome {
        let call = Call { id: "call".to_owned(), name: name.to_owned(), input };
        let outcome = self.toolbox.call(call, cancel).await;
        assert_eq!(outcome.ok, outcome.refusal.is_none(), "{outcome:?}");
        outcome
    }

    pub async fn ok(&self, name: &str, input: Value) -> String {
        let outcome = self.call(name, input).await;
        assert!(outcome.ok, "{}", outcome.text);
        outcome.text
    }

    pub async fn refused(&self, name: &str, input: Value, kind: RefusalKind) -> String {
        let outcome = self.call(name, input).await;
        assert_eq!(outcome.refusal.as_ref().map(|r| r.kind), Some(kind), "{}", outcome.text);
        assert!(outcome.files_changed.is_empty());
        outcome.text
    }

    pub fn text(&self, path: &str) -> String {
        String::from_utf8(self.bytes(path)).unwrap()
    }

    pub fn bytes(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.root.join(path)).unwrap()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

pub fn tokens(text: &str) -> u64 {
    use distiq_base::CountTokens;
    distiq_ml::Tokenizer::o200k().count(text)
}

/// Says that a test is not tried here, in the words that `./test` counts.
pub fn skipped(suite: &str, why: &str) {
    // Not `eprintln!`: a passing test's words would be kept from the log.
    let told = format!("SKIPPED suite {suite}: {why}\n");
    std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes()).unwrap();
}

/// Sets a flag when it goes, also by a failed assertion: who waits for the flag must not wait for ever.
pub struct SetAtEnd<'a>(pub &'a std::sync::atomic::AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}
