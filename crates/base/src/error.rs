//! The kinds of failure, and what each means to a script.

use serde::{Deserialize, Serialize};

/// What kind of failure ended something; sets the exit code and, in the gateway, the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// It failed or was refused, by the user's input or the project's state.
    User,
    /// The command line is wrong.
    Usage,
    /// A setting or a key is missing or wrong.
    Config,
    /// A money limit was met.
    Budget,
    /// Not allowed, or a question nobody could answer.
    Denied,
    /// The model's vendor failed.
    Provider,
    /// A limit of turns or time was met.
    Limit,
    /// The user cancelled.
    Cancelled,
    /// A fault of Distiq itself.
    Bug,
}

impl ErrorKind {
    /// Returns the process exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            ErrorKind::User => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Config => 3,
            ErrorKind::Budget => 4,
            ErrorKind::Denied => 5,
            ErrorKind::Provider => 6,
            ErrorKind::Limit => 7,
            ErrorKind::Bug => 70,
            ErrorKind::Cancelled => 130,
        }
    }

    /// Returns the name used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorKind::User => "user",
            ErrorKind::Usage => "usage",
            ErrorKind::Config => "config",
            ErrorKind::Budget => "budget",
            ErrorKind::Denied => "denied",
            ErrorKind::Provider => "provider",
            ErrorKind::Limit => "limit",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Bug => "bug",
        }
    }
}
