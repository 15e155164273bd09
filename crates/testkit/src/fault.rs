//! Everything that goes wrong between a client and a vendor, by name.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One fault; in a script file `{"kind": "cut_at_event", "event": 3}`.
///
/// Events count from 0 in the order of the stream's frames; beyond the end means after the last but
/// before the end mark. A fault that needs a stream leaves a whole answer unharmed unless its text
/// says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// 429 of a rate limit.
    RateLimited {
        /// What the server says about waiting.
        #[serde(default)]
        retry_after: RetryAfter,
    },
    /// An error status with the vendor's usual body (500, 502, 503, 529, 401, 404, …).
    Status {
        /// The status.
        status: u16,
    },
    /// An error in the vendor's shape, in the script's words.
    Error {
        /// The HTTP status.
        status: u16,
        /// The error's `type`.
        error_type: String,
        /// The finer code.
        #[serde(default)]
        code: Option<String>,
        /// The text.
        message: String,
    },
    /// The connection closes instead of an answer.
    CutBeforeHead,
    /// The connection closes behind the head, before the first byte of the body.
    CutBeforeFirstByte,
    /// The connection closes after so many bytes of the body.
    CutAtByte {
        /// How many come through.
        byte: usize,
    },
    /// The connection closes before an event; a whole answer is cut in the middle.
    CutAtEvent {
        /// The first event that is missing.
        event: usize,
    },
    /// Nothing comes, and the connection stays open.
    StallBeforeHead,
    /// Nothing comes behind the head.
    StallBeforeFirstEvent,
    /// Nothing comes from an event on.
    StallAtEvent {
        /// The first event that is missing.
        event: usize,
    },
    /// An event's JSON is broken; in a whole answer, the body's.
    BrokenEvent {
        /// Which one.
        event: usize,
    },
    /// The answer calls a tool, and the stream is whole, but the arguments stop in the middle.
    TruncatedArguments,
    /// Every character of several bytes is split over two TCP writes.
    SplitUtf8,
    /// A piece comes before the event that opens its block, or behind the finish.
    OutOfOrder,
    /// Events, deltas, fields and comments that no version of the dialect knows; harmless.
    UnknownEvents,
    /// The body is compressed, asked for or not; harmless.
    Gzip,
    /// A proxy's HTML page.
    HtmlPage {
        /// With this status.
        status: u16,
    },
    /// The connection is reset, and new ones are refused for a while.
    Refused {
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// The connection is reset before the head.
    Reset,
    /// The connection is reset before an event.
    ResetAtEvent {
        /// The first event that is missing.
        event: usize,
    },
    /// The server sends the client elsewhere.
    Redirect {
        /// 301, 302, 307 or 308.
        status: u16,
        /// Where to.
        location: String,
    },
    /// The vendor's error event in the middle of a stream; a whole answer gets 529.
    ErrorEvent {
        /// Instead of this event and those behind it.
        event: usize,
    },
    /// One event of so many bytes.
    HugeEvent {
        /// How many.
        bytes: usize,
    },
    /// Everything but the end mark, and an orderly end of the body.
    NoEndMark,
    /// Three bytes at a time; harmless.
    SlowDrip {
        /// Between two writes, in milliseconds.
        pause_ms: u64,
    },
    /// Status 200 and nothing in it.
    EmptyBody,
}

/// What a rate limit says about waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// Nothing.
    #[default]
    None,
    /// `retry-after` in seconds.
    Seconds(u64),
    /// `retry-after` as an HTTP date, so many seconds from now.
    DateInSeconds(u64),
    /// `retry-after-ms`.
    Milliseconds(u64),
}

impl Fault {
    /// Returns one of every kind, with the statuses and forms that differ to a client.
    pub fn all() -> Vec<Fault> {
        let mut all = vec![
            Fault::RateLimited { retry_after: RetryAfter::None },
            Fault::RateLimited { retry_after: RetryAfter::Seconds(1) },
            Fault::RateLimited { retry_after: RetryAfter::DateInSeconds(1) },
            Fault::RateLimited { retry_after: RetryAfter::Milliseconds(20) },
            Fault::Error {
                status: 400,
                error_type: "invalid_request_error".into(),
                code: Some("context_length_exceeded".into()),
                message: "prompt is too long: 210000 tokens > 200000 maximum".into(),
            },
        ];
        all.extend(
            [401, 402, 403, 404, 413, 500, 502, 503, 529].map(|s| Fault::Status { status: s }),
        );
        all.extend([
            Fault::CutBeforeHead,
            Fault::CutBeforeFirstByte,
            Fault::CutAtByte { byte: 100 },
            Fault::CutAtEvent { event: 3 },
            Fault::StallBeforeHead,
            Fault::StallBeforeFirstEvent,
            Fault::StallAtEvent { event: 3 },
            Fault::BrokenEvent { event: 2 },
            Fault::TruncatedArguments,
            Fault::SplitUtf8,
            Fault::OutOfOrder,
            Fault::UnknownEvents,
            Fault::Gzip,
            Fault::HtmlPage { status: 200 },
            Fault::HtmlPage { status: 502 },
            Fault::Refused { for_ms: 200 },
            Fault::Reset,
            Fault::ResetAtEvent { event: 3 },
            Fault::Redirect { status: 307, location: "https://example.invalid/".into() },
            Fault::ErrorEvent { event: 3 },
            Fault::HugeEvent { bytes: 17 * 1024 * 1024 },
            Fault::NoEndMark,
            Fault::SlowDrip { pause_ms: 0 },
            Fault::EmptyBody,
        ]);
        all
    }

    /// Returns a name that tells the kinds and forms of [`Fault::all`] apart.
    pub fn name(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        let kind = value.get("kind").and_then(|kind| kind.as_str()).unwrap_or_default();
        match self {
            Fault::Status { status } | Fault::HtmlPage { status } | Fault::Error { status, .. } => {
                format!("{kind}_{status}")
            }
            Fault::RateLimited { retry_after } => match retry_after {
                RetryAfter::None => kind.to_owned(),
                RetryAfter::Seconds(_) => format!("{kind}_seconds"),
                RetryAfter::DateInSeconds(_) => format!("{kind}_date"),
                RetryAfter::Milliseconds(_) => format!("{kind}_milliseconds"),
            },
            _ => kind.to_owned(),
        }
    }

    /// Tells whether a client must get the whole answer in spite of it.
    pub const fn is_harmless(&self) -> bool {
        matches!(
            self,
            Fault::SplitUtf8 | Fault::UnknownEvents | Fault::Gzip | Fault::SlowDrip { .. }
        )
    }

    /// Tells whether nothing of an answer can have been shown when it strikes.
    pub const fn strikes_before_output(&self) -> bool {
        matches!(
            self,
            Fault::RateLimited { .. }
                | Fault::Status { .. }
                | Fault::Error { .. }
                | Fault::CutBeforeHead
                | Fault::CutBeforeFirstByte
                | Fault::StallBeforeHead
                | Fault::StallBeforeFirstEvent
                | Fault::HtmlPage { .. }
                | Fault::Refused { .. }
                | Fault::Reset
                | Fault::Redirect { .. }
                | Fault::EmptyBody
        )
    }

    /// Returns how long connections are refused.
    pub(crate) const fn refuses_for(&self) -> Option<Duration> {
        match self {
            Fault::Refused { for_ms } => Some(Duration::from_millis(*for_ms)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn all_names_every_kind_once() {
        let all = Fault::all();
        let names: HashSet<String> = all.iter().map(Fault::name).collect();
        assert_eq!(names.len(), all.len());
        let kinds: HashSet<_> = all.iter().map(std::mem::discriminant).collect();
        // A new kind must be added to `all`, and to this number.
        assert_eq!(kinds.len(), 26);
    }

    #[test]
    fn faults_are_written_in_script_files() {
        for fault in Fault::all() {
            let json = serde_json::to_string(&fault).unwrap();
            assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault, "{json}");
        }
        let written = r#"{"kind":"rate_limited","retry_after":{"seconds":2}}"#;
        let fault: Fault = serde_json::from_str(written).unwrap();
        assert_eq!(fault, Fault::RateLimited { retry_after: RetryAfter::Seconds(2) });
        assert!(
            serde_json::from_str::<Fault>(r#"{"kind":"slow_drip","pause_ms":1,"level":9}"#)
                .is_err()
        );
        assert!(serde_json::from_str::<Fault>(r#"{"kind":"flood"}"#).is_err());
    }
}
