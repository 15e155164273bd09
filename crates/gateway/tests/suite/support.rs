//! What the tests share: a gateway in a thread of its own, and a client that sends exact bytes.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use distiq_base::clock::Clock;
use distiq_base::{Dialect, Secret};
use distiq_gateway::{Access, Bounds, Gateway, Handle, Options, SeeingOptions, Setup, Source};
use distiq_llm::retry::Policy;
use distiq_llm::wire::Quirks;
use distiq_llm::{Catalogue, ProviderConfig, Registry, Timeouts};
use distiq_router::{
    CacheOptions, Ledger, Limits, RequestRow, ResponseCache, Router, RouterConfig, RowFilter,
    RowState, Table,
};
use distiq_testkit::ScriptedModel;
use serde_json::Value;
use tempfile::TempDir;

/// Longer than any answer takes, so that only a hang meets it.
const DEADLINE: Duration = Duration::from_secs(60);

/// The operator's key in all tests.
pub const OPERATOR: &str = "operator-key-of-the-tests";

/// A gateway before a scripted vendor, which is `anthropic` and `openai` at once.
pub struct Desk {
    pub folder: TempDir,
    pub address: SocketAddr,
    pub handle: Handle,
    pub ledger: Arc<Ledger>,
    thread: Option<JoinHandle<()>>,
}

/// Reads the same setup anew, with what a test has changed.
pub struct Reading {
    pub anthropic: String,
    pub openai: String,
    pub ledger: Arc<Ledger>,
    pub limits: Mutex<Limits>,
    pub timeouts: Timeouts,
    pub cache: PathBuf,
}

impl Source for Reading {
    fn load(&self) -> Result<Setup, String> {
        let mut registry = Registry::from_settings(&settings(), &|_| None);
        for (name, dialect, base_url) in [
            ("anthropic", Dialect::Anthropic, &self.anthropic),
            ("openai", Dialect::Openai, &self.openai),
            ("items", Dialect::Responses, &self.openai),
        ] {
            let config = ProviderConfig {
                name: name.into(),
                dialect,
                base_url: base_url.clone(),
                key: Some(Secret::new("sk-the-vendors-own-key")),
                headers: Vec::new(),
                quirks: Quirks::default(),
                timeouts: self.timeouts,
                ca_file: None,
            };
            registry.insert(config, None);
        }
        let (registry, catalogue) = (Arc::new(registry), Arc::new(Catalogue::builtin()));
        let router = Router::new(RouterConfig {
            premium: None,
            registry: Arc::clone(&registry) as _,
            catalogue: Arc::clone(&catalogue),
            ledger: Arc::clone(&self.ledger),
            limits: self.limits.lock().unwrap().clone(),
            run: None,
            retry: Policy { attempts: 1, ..Policy::default() },
            clock: Clock::System,
        });
        let cache = CacheOptions::at(self.cache.clone());
        router.set_cache(Arc::new(ResponseCache::new(cache)));
        let mut table = Table::new(&settings(), &registry, Arc::clone(&catalogue));
        table.takes_unknown = true;
        Ok(Setup { router: Arc::new(router), registry, catalogue, table })
    }

    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

fn settings() -> distiq_base::config::Settings {
    let sources =
        distiq_base::config::Sources { user: None, project: None, env: &|_| None, flags: &[] };
    distiq_base::config::Config::load(&sources).unwrap().settings()
}

impl Desk {
    pub fn new(model: &ScriptedModel) -> Self {
        Self::with(model, |_| {})
    }

    /// Starts a gateway whose options a test changes.
    pub fn with(model: &ScriptedModel, change: impl FnOnce(&mut Options)) -> Self {
        Self::before(model.base_url_anthropic(), model.base_url_openai(), change)
    }

    pub fn before(anthropic: String, openai: String, change: impl FnOnce(&mut Options)) -> Self {
        Self::waiting(10_000, anthropic, openai, change)
    }

    /// Starts a gateway that waits so many milliseconds for its vendors.
    pub fn waiting(
        wait_ms: u64,
        anthropic: String,
        openai: String,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let timeouts = Timeouts { head_ms: wait_ms, first_byte_ms: wait_ms, idle_ms: wait_ms };
        let folder = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Ledger::open(&folder.path().join("ledger.db")).unwrap());
        let limits = Mutex::new(Limits::default());
        let cache = folder.path().join("cache.db");
        let ledger_too = Arc::clone(&ledger);
        let source =
            Arc::new(Reading { anthropic, openai, ledger: ledger_too, limits, timeouts, cache });
        let mut options = Options {
            listen: "127.0.0.1:0".parse().unwrap(),
            access: Access::Keys,
            operator_key: Some(Secret::new(OPERATOR)),
            database: folder.path().join("gateway.db"),
            hosts: Vec::new(),
            tls: None,
            seeing: SeeingOptions::default(),
            bounds: Bounds { drain: Duration::from_secs(5), ..Bounds::default() },
        };
        change(&mut options);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let gateway = runtime.block_on(async { Gateway::bind(options, source).unwrap() });
        let (address, handle) = (gateway.address(), gateway.handle());
        let serve = move || runtime.block_on(gateway.serve()).unwrap();
        let thread = Some(std::thread::spawn(serve));
        Self { folder, address, handle, ledger, thread }
    }

    /// Opens a connection.
    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { reader: BufReader::new(stream) }
    }

    /// Posts a body with the operator's key.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_as(OPERATOR, path, body)
    }

    pub fn post_as(&self, key: &str, path: &str, body: &Value) -> Answer {
        let mut client = self.connect();
        client.send(request("POST", path, key, &body.to_string()));
        client.answer()
    }

    pub fn get(&self, path: &str) -> Answer {
        let mut client = self.connect();
        client.send(request("GET", path, OPERATOR, ""));
        client.answer()
    }

    /// Returns the ledger's rows, newest first, once there are so many and all are closed.
    pub fn rows(&self, count: usize) -> Vec<RequestRow> {
        let end = std::time::Instant::now() + DEADLINE;
        loop {
            let rows = self.ledger.requests(&RowFilter::default(), 1000).unwrap();
            if rows.len() >= count && rows.iter().all(|row| row.state != RowState::Open) {
                return rows;
            }
            assert!(std::time::Instant::now() < end, "{rows:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops the gateway and waits for its end.
    pub fn stop(mut self) {
        self.handle.stop();
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.handle.cut();
            let _ = thread.join();
        }
    }
}

/// Returns the bytes of a request.
pub fn request(method: &str, path: &str, key: &str, body: &str) -> String {
    let auth = if key.is_empty() { String::new() } else { format!("x-api-key: {key}\r\n") };
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{auth}content-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One connection.
pub struct Client {
    reader: BufReader<TcpStream>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the body ended as its head said.
    pub whole: bool,
}

impl Client {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.reader.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Sends what can be sent; the other side may have hung up.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.reader.get_mut().write_all(bytes.as_ref()).is_ok()
    }

    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    /// Reads all that comes; `None` where nothing does.
    pub fn try_bytes(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let _ = self.reader.read_to_end(&mut bytes);
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Reads until a text has come, and returns what came.
    pub fn until(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(text) {
            let mut byte = [0; 1];
            let read = self.reader.read(&mut byte).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
            seen.push(byte[0]);
        }
        String::from_utf8(seen).unwrap()
    }

    /// Reads one answer; `None` where the connection closed before one.
    pub fn try_answer(&mut self) -> Option<Answer> {
        let line = self.line()?;
        let status = line.split(' ').nth(1)?.parse().unwrap();
        let mut headers = Vec::new();
        while let Some(line) = self.line().filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new(), whole: false };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.whole = self.chunks(&mut answer.body);
        } else if let Some(length) = answer.header("content-length") {
            answer.body = vec![0; length.parse().unwrap()];
            answer.whole = self.reader.read_exact(&mut answer.body).is_ok();
        } else if status != 204 {
            answer.whole = self.reader.read_to_end(&mut answer.body).is_ok();
        }
        Some(answer)
    }

    pub fn answer(&mut self) -> Answer {
        self.try_answer().expect("an answer")
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let Some(size) = self.line().and_then(|line| usize::from_str_radix(&line, 16).ok())
            else {
                return false;
            };
            let mut chunk = vec![0; size + 2];
            if self.reader.read_exact(&mut chunk).is_err() {
                return false;
            }
            if size == 0 {
                return true;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    /// Returns the data of its events, those that are JSON.
    pub fn events(&self) -> Vec<Value> {
        let text = self.text();
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
    }
}
