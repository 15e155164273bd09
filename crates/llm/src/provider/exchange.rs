//! One exchange, whichever way it went.

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::lane::{self, LaneError};

/// An answer whose body is still coming; dropping it closes the connection.
pub(super) enum Exchange {
    /// On a connection of this task's own.
    Lane(Box<lane::Answer>),
    /// By the client that knows TLS and proxies.
    Client(Box<reqwest::Response>),
}

/// Why an exchange failed.
#[derive(Debug)]
pub(super) enum Fault {
    Lane(LaneError),
    Client(reqwest::Error),
}

impl From<LaneError> for Fault {
    fn from(error: LaneError) -> Self {
        Fault::Lane(error)
    }
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        Fault::Client(error)
    }
}

impl Exchange {
    pub fn status(&self) -> StatusCode {
        match self {
            Exchange::Lane(answer) => answer.status,
            Exchange::Client(response) => response.status(),
        }
    }

    pub fn headers(&self) -> &HeaderMap {
        match self {
            Exchange::Lane(answer) => &answer.headers,
            Exchange::Client(response) => response.headers(),
        }
    }

    /// Returns the next bytes of the body; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        Ok(match self {
            Exchange::Lane(answer) => answer.chunk().await?,
            Exchange::Client(response) => response.chunk().await?,
        })
    }
}
