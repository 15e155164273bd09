//! `cargo xtask bench gateway`: what a gateway adds to a request, ours beside others.
//!
//! Every figure of a run is against the same scripted upstream on loopback, one gateway after the other.
//! CPU and memory are those of the gateway's own processes; times are what is above asking the
//! upstream directly in the same moment.

mod client;
mod peers;
mod table;
mod upstream;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::process::Tree;
use client::{Client, Target};
use peers::{PEERS, Peer, Place};
use table::{Column, Row};
use upstream::Ask;

const CONNECTIONS: usize = 16;
const STREAMS_AT_ONCE: usize = 4;
const OPEN_STREAMS: usize = 1_000;
const STARTS: usize = 5;
/// Longest wait for a gateway to answer after its start.
const START_PATIENCE: Duration = Duration::from_secs(180);

const HELP: &str = "\
Usage: cargo xtask bench gateway [--quick] [--only NAME,NAME] [--binary PATH]

  --quick        a fifth of the repetitions
  --only NAMES   some of distiq, budgeted (the same with a key's budget), nginx, portkey, litellm
  --binary PATH  this build of distiq, in place of one that is made
";

/// How much is asked of a gateway.
#[derive(Clone, Copy)]
struct Size {
    requests: usize,
    latencies: usize,
    firsts: usize,
    streams: usize,
}

impl Size {
    const FULL: Self = Self { requests: 40_000, latencies: 4_000, firsts: 1_000, streams: 160 };

    fn divided(self, by: usize) -> Self {
        Self {
            requests: (self.requests / by).max(CONNECTIONS * 10),
            latencies: (self.latencies / by).max(100),
            firsts: (self.firsts / by).max(30),
            streams: (self.streams / by).max(STREAMS_AT_ONCE),
        }
    }
}

struct Choice {
    by: usize,
    only: Option<Vec<String>>,
    binary: Option<PathBuf>,
}

fn choice(arguments: &[&str]) -> Result<Choice> {
    let mut choice = Choice { by: 1, only: None, binary: None };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match *word {
            "--quick" => choice.by = 5,
            "--only" => {
                let names: Vec<_> =
                    words.next().context(HELP)?.split(',').map(str::to_owned).collect();
                let known = |name: &String| PEERS.iter().any(|peer| peer.name == name);
                ensure!(names.iter().all(known), "{HELP}");
                choice.only = Some(names);
            }
            "--binary" => {
                let path = PathBuf::from(words.next().context(HELP)?);
                choice.binary = Some(path.canonicalize().context("No such build")?);
            }
            _ => bail!("{HELP}"),
        }
    }
    Ok(choice)
}

/// Measures each gateway that can be had and prints one table.
pub fn run(arguments: &[&str]) -> Result<()> {
    let choice = choice(arguments)?;
    crate::raise_open_files()?;
    let direct = Target { address: upstream::start()?, headers: String::new() };
    let mut columns = Vec::new();
    for peer in &PEERS {
        if choice.only.as_ref().is_some_and(|names| !names.iter().any(|name| name == peer.name)) {
            continue;
        }
        let size = Size::FULL.divided(choice.by * peer.share);
        let program = match (&choice.binary, peer.name) {
            (Some(path), "distiq" | "budgeted") => Ok(path.clone()),
            _ => (peer.install)(),
        };
        let column = program.and_then(|program| {
            eprintln!("measuring {}, {} requests", peer.name, size.requests);
            measure(peer, &program, &direct, size)
        });
        columns.push(column.unwrap_or_else(|error| Column::skipped(peer.name, &error)));
    }
    table::print(&columns);
    Ok(())
}

/// A gateway that runs, and its folder, which goes with it.
struct Running {
    tree: Tree,
    target: Target,
    took: Duration,
    _folder: Folder,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts a gateway with empty state and waits for its first answer.
fn start(peer: &Peer, program: &std::path::Path, upstream: SocketAddr) -> Result<Running> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let name = format!("distiq-bench-{}-{port}", peer.name);
    let folder = Folder(std::env::temp_dir().join(name));
    std::fs::create_dir_all(&folder.0)?;
    let place = Place { program, folder: &folder.0, upstream, port };
    let start = (peer.start)(&place)?;
    let began = Instant::now();
    let mut tree = Tree::start(start.command)?;
    loop {
        let answer = Client::new(&start.target).and_then(|mut client| client.ask(Ask::Whole));
        let took = began.elapsed();
        match answer {
            Ok(_) => return Ok(Running { tree, target: start.target, took, _folder: folder }),
            Err(error) => {
                ensure!(!tree.ended(), "it ended before it answered");
                if took > START_PATIENCE {
                    return Err(error.context("it did not answer"));
                }
            }
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn measure(peer: &Peer, program: &std::path::Path, direct: &Target, size: Size) -> Result<Column> {
    let mut column = Column::new(peer.name);
    // Those that take seconds are started once.
    let mut running = start(peer, program, direct.address)?;
    let mut starts = vec![running.took];
    while running.took < Duration::from_secs(1) && starts.len() < STARTS {
        drop(running);
        running = start(peer, program, direct.address)?;
        starts.push(running.took);
    }
    column.put(Row::Start, Ok(super::report::median(&mut starts).as_secs_f64() * 1e3));
    std::thread::sleep(Duration::from_secs(1));
    column.put(Row::Idle, Ok(running.tree.memory_mb()));

    let request = requests(&running, size);
    column.put(Row::Request, request.as_ref().map(|r| r.0).map_err(|e| anyhow::anyhow!("{e:#}")));
    column.put(Row::Rate, request.as_ref().map(|r| r.1).map_err(|e| anyhow::anyhow!("{e:#}")));
    let a_request = request.map_or(0.0, |r| r.0);
    let latency = added(direct, &running.target, Ask::Whole, size.latencies, |a| a.all);
    column.put_pair(Row::Middle, Row::Most, latency);
    let first = added(direct, &running.target, Ask::Short, size.firsts, |a| a.first);
    column.put_pair(Row::First, Row::FirstMost, first);
    column.put(Row::Event, events(&running, Ask::Flow, STREAMS_AT_ONCE, size.streams, a_request));
    let paced = size.streams.clamp(CONNECTIONS, CONNECTIONS * 4);
    column.put(Row::Paced, events(&running, Ask::Paced, CONNECTIONS, paced, a_request));
    column.put(Row::Open, open_streams(&running));
    Ok(column)
}

/// Runs requests over some connections at once; returns how long that took.
fn load(target: &Target, ask: Ask, connections: usize, requests: usize) -> Result<Duration> {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let work = || {
            let mut client = Client::new(target)?;
            (0..requests / connections).try_for_each(|_| client.ask(ask).map(drop))
        };
        let clients: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        clients.into_iter().try_for_each(|client| match client.join() {
            Ok(result) => result,
            Err(_) => bail!("a client panicked"),
        })
    })?;
    Ok(began.elapsed())
}

/// Returns the CPU of a request in µs, and how many were answered in a second.
fn requests(running: &Running, size: Size) -> Result<(f64, f64)> {
    load(&running.target, Ask::Whole, CONNECTIONS, size.requests / 4)?;
    let before = running.tree.cpu();
    let took = load(&running.target, Ask::Whole, CONNECTIONS, size.requests)?;
    let cpu = running.tree.cpu().saturating_sub(before);
    let requests = size.requests as f64;
    Ok((cpu.as_secs_f64() * 1e6 / requests, requests / took.as_secs_f64()))
}

/// Returns the CPU of an event in µs, less what a request costs without any.
fn events(running: &Running, ask: Ask, at_once: usize, all: usize, a_request: f64) -> Result<f64> {
    load(&running.target, ask, at_once, at_once)?;
    let all = all / at_once * at_once;
    let before = running.tree.cpu();
    load(&running.target, ask, at_once, all)?;
    let cpu = running.tree.cpu().saturating_sub(before).as_secs_f64() * 1e6;
    Ok((cpu - a_request * all as f64).max(0.0) / (all * ask.events()) as f64)
}

/// Returns what a gateway adds to a time in µs, at the middle and at 99 of 100: one request to the
/// upstream and one to the gateway by turns.
fn added(
    direct: &Target,
    gateway: &Target,
    ask: Ask,
    times: usize,
    of: fn(&client::Answer) -> Duration,
) -> Result<(f64, f64)> {
    let (mut bare, mut through) = (Client::new(direct)?, Client::new(gateway)?);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for turn in 0..times + times / 10 {
        let (direct, gateway) = (of(&bare.ask(ask)?), of(&through.ask(ask)?));
        if turn >= times / 10 {
            without.push(direct);
            with.push(gateway);
        }
    }
    let mut at = |share: usize| {
        let pick = |all: &mut Vec<Duration>| {
            all.sort_unstable();
            let at = (all.len() * share / 100).min(all.len().saturating_sub(1));
            all.get(at).copied().unwrap_or_default().as_secs_f64() * 1e6
        };
        pick(&mut with) - pick(&mut without)
    };
    Ok((at(50), at(99)))
}

/// Returns the memory in MB with many streams open, each after its first event.
fn open_streams(running: &Running) -> Result<f64> {
    let mut clients = Vec::new();
    for _ in 0..OPEN_STREAMS {
        let mut client = Client::new(&running.target)?;
        client.send(Ask::Hold)?;
        clients.push(client);
    }
    for (open, client) in clients.iter_mut().enumerate() {
        let first = client.first_piece();
        first.with_context(|| format!("{open} of {OPEN_STREAMS} streams began"))?;
    }
    Ok(running.tree.memory_mb())
}
