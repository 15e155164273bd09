//! Tells when a server is ready: its port listens, or its output says so.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use grep_matcher::Matcher;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};

use super::terminal::resolve;
use super::tree;

/// How often a port is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Longest part of a line that a pattern is held against.
const LONGEST_LINE: usize = 16 << 10;

/// Most processes of a command that are looked at.
const MOST: usize = 64;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// Somebody listens on the port.
    Port(u16),
    /// A line of output has this.
    Line(String),
}

impl Ready {
    /// Reads what the model gave: a number is a port.
    pub(super) fn parse(text: &str) -> Self {
        let number = text.strip_prefix(':').unwrap_or(text);
        match number.parse() {
            Ok(port) if port > 0 => Ready::Port(port),
            _ => Ready::Line(text.to_owned()),
        }
    }
}

/// A pattern held against output as it comes.
pub(crate) struct Awaited {
    pattern: RegexMatcher,
    line: Vec<u8>,
    met: bool,
}

impl Awaited {
    /// Begins; what is no regular expression is taken as it stands.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let regex = RegexMatcher::new(pattern)
            .or_else(|_| RegexMatcherBuilder::new().fixed_strings(true).build(pattern));
        Some(Self { pattern: regex.ok()?, line: Vec::new(), met: false })
    }

    /// Takes a piece of output.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.met {
                return;
            }
            let room = LONGEST_LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            if piece.ends_with(b"\n") {
                self.look();
                self.line.clear();
            }
        }
        // A prompt has no line end.
        self.look();
    }

    fn look(&mut self) {
        let line = resolve(self.line.strip_suffix(b"\n").unwrap_or(&self.line));
        self.met |= self.pattern.is_match(line.as_bytes()).unwrap_or(false);
    }

    /// Tells whether it was there.
    pub(super) fn is_met(&self) -> bool {
        self.met
    }
}

/// A port that is waited for; who listened on it before does not count.
pub(super) struct Port {
    number: u16,
    others: HashSet<u64>,
}

impl Port {
    /// Takes note of who listens already.
    pub(super) fn new(number: u16) -> Self {
        let others = listeners("self").filter(|(port, _)| *port == number);
        Self { number, others: others.map(|(_, socket)| socket).collect() }
    }

    /// Whoever listens counts, also from before.
    pub(super) fn any(number: u16) -> Self {
        Self { number, others: HashSet::new() }
    }

    /// Tells whether a process below `pid`, or anybody in its network, listens now.
    pub(super) fn is_open(&self, pid: i32) -> bool {
        if !fs::exists("/proc/self/net/tcp").unwrap_or(false) {
            let address = std::net::SocketAddr::from(([127, 0, 0, 1], self.number));
            return std::net::TcpStream::connect_timeout(&address, LOOK_EVERY).is_ok();
        }
        let looked_at = std::iter::once(pid).chain(tree::below(pid).into_iter().map(|p| p.pid));
        looked_at.take(MOST).any(|pid| {
            listeners(&pid.to_string())
                .any(|(port, socket)| port == self.number && !self.others.contains(&socket))
        })
    }
}

/// Returns the ports that processes below `pid` listen on.
pub(super) fn served(pid: i32) -> Vec<u16> {
    let mut ports = Vec::new();
    for process in tree::below(pid).into_iter().take(MOST) {
        let Ok(files) = fs::read_dir(format!("/proc/{}/fd", process.pid)) else { continue };
        let own: HashSet<u64> = files
            .flatten()
            .filter_map(|file| {
                let link = fs::read_link(file.path()).ok()?;
                link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
            })
            .collect();
        if own.is_empty() {
            continue;
        }
        let listening = listeners(&process.pid.to_string());
        ports.extend(listening.filter(|(_, socket)| own.contains(socket)).map(|(port, _)| port));
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Returns port and socket number of all who listen in a process's network, see proc_pid_net(5).
fn listeners(process: &str) -> std::vec::IntoIter<(u16, u64)> {
    let read = |table| fs::read_to_string(format!("/proc/{process}/net/{table}"));
    let text = [read("tcp"), read("tcp6")].map(Result::unwrap_or_default).concat();
    let rows: Vec<(u16, u64)> = text.lines().filter_map(listener).collect();
    rows.into_iter()
}

/// Reads a row: `0: 0100007F:1F90 00000000:0000 0A …`; state 0A listens, the tenth field is the
/// socket.
fn listener(row: &str) -> Option<(u16, u64)> {
    let mut fields = row.split_whitespace();
    let (_, port) = fields.nth(1)?.rsplit_once(':')?;
    if fields.nth(1)? != "0A" {
        return None;
    }
    Some((u16::from_str_radix(port, 16).ok()?, fields.nth(5)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ports() {
        for (text, expected) in [
            ("8080", Ready::Port(8080)),
            (":80", Ready::Port(80)),
            ("70000", Ready::Line("70000".to_owned())),
            ("listening on", Ready::Line("listening on".to_owned())),
        ] {
            assert_eq!(Ready::parse(text), expected);
        }
    }

    #[test]
    fn patterns_see_what_a_reader_sees() {
        for (pattern, pieces, met) in [
            ("listening", &["x\nlis", "tening on 80"][..], true),
            ("port [0-9]+", &["port \u{1b}[1m80", "80\u{1b}[0m\n"], true),
            ("ready (in", &["now ready (in 3 ms)\n"], true),
            ("^done$", &["undone\n", "done\n"], true),
            ("x", &["a\nb\n", "c"], false),
        ] {
            let mut awaited = Awaited::new(pattern).unwrap();
            pieces.iter().for_each(|piece| awaited.feed(piece.as_bytes()));
            assert_eq!(awaited.is_met(), met, "{pattern}");
        }
    }

    #[test]
    fn rows_of_the_system() {
        let row = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21034 1 0 100 0 0 10 0";
        assert_eq!(listener(row), Some((8080, 21034)));
        assert_eq!(listener(&row.replace(" 0A ", " 01 ")), None);
        assert_eq!(listener("  sl  local_address rem_address   st tx_queue"), None);
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(listeners("self").any(|(open, _)| open == port));
        // It was there before.
        assert!(!Port::new(port).is_open(i32::try_from(std::process::id()).unwrap()));
    }
}
