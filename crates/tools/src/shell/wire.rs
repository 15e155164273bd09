//! What a command's supervisor and Distiq say to each other: lines over a socket.

use std::fmt;

/// How a process ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// With this code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

/// What the supervisor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// The program could not be started; the system's error number.
    Failed(i32),
    /// A process that goes on behind the command; said before [`Report::Ended`].
    Left { pid: i32, name: String },
    /// The command itself ended.
    Ended(Status),
    /// There were more processes than any command needs; all are killed now.
    Crowd,
    /// Nothing of it lives any more; the last of what was left behind ended so.
    Done(Option<Status>),
}

/// Asks for the end of everything: politely, and after so many milliseconds no more.
pub(crate) fn end_request(grace_ms: u64) -> String {
    format!("end {grace_ms}\n")
}

/// Reads what [`end_request`] wrote.
pub(crate) fn parse_end_request(line: &str) -> Option<u64> {
    line.strip_prefix("end ")?.trim_end().parse().ok()
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Exit(code) => write!(f, "exit {code}"),
            Status::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

impl Status {
    fn parse(text: &str) -> Option<Self> {
        let (kind, number) = text.split_once(' ')?;
        let number = number.parse().ok()?;
        match kind {
            "exit" => Some(Status::Exit(number)),
            "signal" => Some(Status::Signal(number)),
            _ => None,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Failed(errno) => writeln!(f, "failed {errno}"),
            // A process chooses its own name.
            Report::Left { pid, name } => writeln!(f, "left {pid} {}", name.replace('\n', " ")),
            Report::Ended(status) => writeln!(f, "ended {status}"),
            Report::Crowd => writeln!(f, "crowd"),
            Report::Done(None) => writeln!(f, "done"),
            Report::Done(Some(status)) => writeln!(f, "done {status}"),
        }
    }
}

impl Report {
    /// Reads a line that [`Report`]'s `Display` wrote.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end_matches('\n');
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        Some(match word {
            "failed" => Report::Failed(rest.parse().ok()?),
            "left" => {
                let (pid, name) = rest.split_once(' ')?;
                Report::Left { pid: pid.parse().ok()?, name: name.to_owned() }
            }
            "ended" => Report::Ended(Status::parse(rest)?),
            "crowd" => Report::Crowd,
            "done" => Report::Done(Status::parse(rest)),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for report in [
            Report::Failed(2),
            Report::Left { pid: 7, name: "node (main)".to_owned() },
            Report::Ended(Status::Exit(3)),
            Report::Ended(Status::Signal(9)),
            Report::Crowd,
            Report::Done(None),
            Report::Done(Some(Status::Exit(1))),
        ] {
            assert_eq!(Report::parse(&report.to_string()), Some(report));
        }
        assert_eq!(Report::parse("other\n"), None);
        assert_eq!(parse_end_request(&end_request(250)), Some(250));
        assert_eq!(parse_end_request("end it\n"), None);
    }
}
