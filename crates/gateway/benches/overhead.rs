//! What the gateway adds to a request: CPU, latency, time to the first chunk, memory.
//!
//! Three processes of this program: a vendor that answers at once, the gateway with its ledger, and the
//! clients. Each figure is the difference to the same clients before the vendor itself, in one run.

// A bench may fail, and prints.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use distiq_base::Secret;
use distiq_base::clock::Clock;
use distiq_base::config::{Config, Sources};
use distiq_gateway::{Access, Bounds, Gateway, Options, Setup, Source};
use distiq_llm::retry::Policy;
use distiq_llm::{Catalogue, Registry};
use distiq_router::{Ledger, Limits, Router, RouterConfig, Table};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CONNECTIONS: usize = 16;
const REQUESTS: usize = 4_000;
const STREAMS: usize = 40;
const EVENTS: usize = 1_000;
const OPEN_STREAMS: usize = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("vendor") => vendor(),
        Some("gateway") => gateway(&arguments[2]),
        _ => measure(),
    }
}

/// Says where it listens, on standard output.
fn say(address: SocketAddr) {
    println!("{address}");
    std::io::stdout().flush().unwrap();
}

#[tokio::main(flavor = "current_thread")]
async fn vendor() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    say(listener.local_addr().unwrap());
    let chunk = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":\
                 [{\"index\":0,\"delta\":{\"content\":\"some words \"},\"finish_reason\":null}]}\n\n";
    let end = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":\
               [{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
               data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[],\
               \"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}\n\ndata: [DONE]\n\n";
    let body = "{\"id\":\"c\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,\
                \"message\":{\"role\":\"assistant\",\"content\":\"hello\"},\"finish_reason\":\"stop\"}],\
                \"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10}}";
    let whole = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let piece = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let (first, piece, end) =
        (format!("{head}{}", piece(chunk)), piece(chunk), format!("{}0\r\n\r\n", piece(end)));
    let answers = Arc::new((whole, first, piece, end));
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            let (whole, first, piece, end) = &*answers;
            while let Some(request) = request(&mut stream).await {
                if !request.contains("\"stream\":true") {
                    stream.write_all(whole.as_bytes()).await?;
                    continue;
                }
                stream.write_all(first.as_bytes()).await?;
                if request.contains("\"hold\"") {
                    tokio::time::sleep(Duration::from_secs(600)).await;
                }
                for _ in 1..EVENTS {
                    stream.write_all(piece.as_bytes()).await?;
                }
                stream.write_all(end.as_bytes()).await?;
            }
            Ok::<_, std::io::Error>(())
        });
    }
}

async fn request(stream: &mut tokio::net::TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = std::str::from_utf8(&bytes).ok()?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Some(text.to_owned());
        }
    }
}

struct Fixed {
    vendor: String,
    ledger: Arc<Ledger>,
}

impl Source for Fixed {
    fn load(&self) -> Result<Setup, String> {
        let sources = Sources { user: None, project: None, env: &|_| None, flags: &[] };
        let settings = Config::load(&sources).unwrap().settings();
        let env = |name: &str| match name {
            "OPENAI_BASE_URL" => Some(format!("http://{}/v1", self.vendor)),
            _ => None,
        };
        let registry = Arc::new(Registry::from_settings(&settings, &env));
        let catalogue = Arc::new(Catalogue::builtin());
        let router = Router::new(RouterConfig {
            premium: None,
            registry: Arc::clone(&registry) as _,
            catalogue: Arc::clone(&catalogue),
            ledger: Arc::clone(&self.ledger),
            limits: Limits::default(),
            run: None,
            retry: Policy::default(),
            clock: Clock::System,
        });
        let mut table = Table::new(&settings, &registry, Arc::clone(&catalogue));
        table.takes_unknown = true;
        Ok(Setup { router: Arc::new(router), registry, catalogue, table })
    }

    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

#[tokio::main(worker_threads = 1)]
async fn gateway(vendor: &str) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::open(&folder.path().join("ledger.db")).unwrap());
    let options = Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        access: Access::Keys,
        operator_key: Some(Secret::new("k")),
        database: folder.path().join("gateway.db"),
        hosts: Vec::new(),
        tls: None,
        bounds: Bounds::default(),
        seeing: distiq_gateway::SeeingOptions::default(),
    };
    let source = Arc::new(Fixed { vendor: vendor.to_owned(), ledger });
    let gateway = Gateway::bind(options, source).unwrap();
    say(gateway.address());
    gateway.serve().await.unwrap();
}

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child =
            Command::new(program).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { address: line.trim().parse().unwrap(), child }
    }

    /// Returns the CPU time that it has used.
    fn cpu(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// Returns the memory that it holds, in megabytes.
    fn memory(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::with_capacity(1 << 16, stream))
    }

    fn send(&mut self, more: &str) {
        let body = format!(
            "{{\"model\":\"m\",{more}\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]}}"
        );
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer k\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
    }

    /// Reads a head; returns the body's length where it is told.
    fn head(&mut self) -> Option<usize> {
        let mut length = None;
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            if line == "\r\n" {
                return length;
            }
            if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = Some(text.trim().parse().unwrap());
            }
        }
    }

    fn whole(&mut self) {
        self.send("");
        let mut body = vec![0; self.head().unwrap()];
        self.0.read_exact(&mut body).unwrap();
    }

    /// Reads a stream; returns when its first chunk came.
    fn stream(&mut self) -> Duration {
        let began = Instant::now();
        self.send("\"stream\":true,");
        self.head();
        let mut first = None;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            self.0.read_exact(&mut chunk).unwrap();
            first.get_or_insert_with(|| began.elapsed());
            if size == 0 {
                return first.unwrap();
            }
        }
    }
}

/// Returns the median and the 99th of a hundred.
fn middle_and_most(mut all: Vec<Duration>) -> (f64, f64) {
    all.sort();
    let at = |share: usize| all[(all.len() * share / 100).min(all.len() - 1)].as_secs_f64() * 1e6;
    (at(50), at(99))
}

fn latencies(address: SocketAddr) -> (f64, f64) {
    let mut client = Client::new(address);
    (0..50).for_each(|_| client.whole());
    middle_and_most(
        (0..1_000)
            .map(|_| {
                let began = Instant::now();
                client.whole();
                began.elapsed()
            })
            .collect(),
    )
}

fn firsts(address: SocketAddr) -> (f64, f64) {
    let mut client = Client::new(address);
    middle_and_most((0..STREAMS).map(|_| client.stream()).collect())
}

/// Runs requests over connections at once; returns how many a second.
fn load(address: SocketAddr) -> f64 {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut client = Client::new(address);
                (0..REQUESTS / CONNECTIONS).for_each(|_| client.whole());
            });
        }
    });
    REQUESTS as f64 / began.elapsed().as_secs_f64()
}

fn measure() {
    let vendor = Process::start(&["vendor"]);
    let began = Instant::now();
    let gateway = Process::start(&["gateway", &vendor.address.to_string()]);
    Client::new(gateway.address).whole();
    let start = began.elapsed();
    std::thread::sleep(Duration::from_millis(300));
    let idle = gateway.memory();
    load(gateway.address);
    let before = gateway.cpu();
    let rate = load(gateway.address);
    let cpu = (gateway.cpu() - before).as_secs_f64() * 1e6 / REQUESTS as f64;
    let (direct, ours) = (latencies(vendor.address), latencies(gateway.address));
    let (direct_first, first) = (firsts(vendor.address), firsts(gateway.address));
    let before = gateway.cpu();
    let mut client = Client::new(gateway.address);
    (0..STREAMS).for_each(|_| {
        client.stream();
    });
    let streamed = (gateway.cpu() - before).as_secs_f64() * 1e6;
    let event = (streamed - cpu * STREAMS as f64) / (STREAMS * EVENTS) as f64;
    let open: Vec<Client> = (0..OPEN_STREAMS)
        .map(|_| {
            let mut client = Client::new(gateway.address);
            client.send("\"hold\":1,\"stream\":true,");
            client.head();
            client
        })
        .collect();
    let full = gateway.memory();
    drop(open);
    println!("start to the first answer       {:>9.1} ms   (goal 50)", start.as_secs_f64() * 1e3);
    println!(
        "CPU a request, {CONNECTIONS} connections    {cpu:>9.1} µs   (goal 100)   {rate:.0} a second"
    );
    println!("CPU a streamed event            {event:>9.2} µs   (goal 5)");
    println!("latency added, middle           {:>9.1} µs   (goal 200)", ours.0 - direct.0);
    println!("latency added, 99 of 100        {:>9.1} µs   (goal 1000)", ours.1 - direct.1);
    println!("first chunk added, middle       {:>9.1} µs   (goal 300)", first.0 - direct_first.0);
    println!("memory, idle                    {idle:>9.1} MB   (goal 25)");
    println!("memory, {OPEN_STREAMS} open streams       {full:>9.1} MB   (goal 120)");
}
