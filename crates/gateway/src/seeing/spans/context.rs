//! Whose trace a request belongs to, by W3C's Trace Context.

use std::fmt::Write;
use std::hash::{BuildHasher, Hasher};

use hyper::HeaderMap;

use super::settings::Sampler;

/// The longest `tracestate` that is passed on.
const MOST_STATE: usize = 512;

/// What a caller says of its own trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceContext {
    parent: Option<Parent>,
    state: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parent {
    trace: [u8; 16],
    span: [u8; 8],
    is_sampled: bool,
}

/// A request's place in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub id: [u8; 16],
    pub parent: Option<[u8; 8]>,
    /// The gateway's span.
    pub server: [u8; 8],
    /// The vendor's span below it.
    pub client: [u8; 8],
    pub state: String,
}

impl TraceContext {
    /// Reads a request's headers; what is not by the standard is no trace.
    pub fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(parent) = text("traceparent").and_then(parent) else { return Self::default() };
        let state = text("tracestate").filter(|state| state.len() <= MOST_STATE);
        Self { parent: Some(parent), state: state.unwrap_or_default().to_owned() }
    }

    /// Decides whether to trace, and where.
    pub fn sample(&self, sampler: Sampler) -> Option<Trace> {
        let id = self.parent.map_or_else(random, |parent| parent.trace);
        let is_sampled = match self.parent {
            Some(parent) if sampler.asks_parent => parent.is_sampled,
            _ => is_within(&id, sampler.share),
        };
        is_sampled.then(|| Trace {
            id,
            parent: self.parent.map(|parent| parent.span),
            server: random(),
            client: random(),
            state: self.state.clone(),
        })
    }
}

impl Trace {
    /// Returns the trace's id in hex.
    pub fn trace_id(&self) -> String {
        hex(&self.id)
    }

    /// Returns the header that goes on to the vendor.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", hex(&self.id), hex(&self.client))
    }
}

/// Reads `00-TRACE-SPAN-FLAGS`; a later version may have more at its end.
fn parent(text: &str) -> Option<Parent> {
    let mut parts = text.trim().split('-');
    let version: [u8; 1] = bytes(parts.next()?)?;
    let (trace, span): ([u8; 16], [u8; 8]) = (bytes(parts.next()?)?, bytes(parts.next()?)?);
    let [flags]: [u8; 1] = bytes(parts.next()?)?;
    let has_more = parts.next().is_some();
    if version == [0xff] || (version == [0] && has_more) || trace == [0; 16] || span == [0; 8] {
        return None;
    }
    Some(Parent { trace, span, is_sampled: flags & 1 == 1 })
}

/// Reads lower-case hex of exactly so many bytes.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut out = [0; N];
    if text.len() != N * 2 {
        return None;
    }
    let mut digits = text.bytes();
    for byte in &mut out {
        *byte = digit(digits.next()?)? << 4 | digit(digits.next()?)?;
    }
    Some(out)
}

/// Takes the share by the trace's id, so that all who look at it decide alike.
fn is_within(id: &[u8; 16], share: f64) -> bool {
    let [.., a, b, c, d, e, f, g] = *id;
    let place = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
    let most = (1_u64 << 56) as f64;
    share >= 1.0 || (place as f64) < share * most
}

/// Returns random bytes, not all zero; ids must be unlikely to meet, not hard to guess.
fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    for chunk in out.chunks_mut(8) {
        let number = std::hash::RandomState::new().build_hasher().finish().to_be_bytes();
        chunk.iter_mut().zip(number).for_each(|(byte, random)| *byte = random);
    }
    if let Some(last) = out.last_mut().filter(|last| **last == 0) {
        *last = 1;
    }
    out
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Sampler = Sampler { asks_parent: true, share: 1.0 };
    // The example of the standard.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn context(parent: &str) -> TraceContext {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", parent.parse().unwrap());
        headers.insert("tracestate", "congo=t61rcWkgMzE".parse().unwrap());
        TraceContext::read(&headers)
    }

    #[test]
    fn a_callers_trace_goes_on() {
        let trace = context(EXAMPLE).sample(ON).unwrap();
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(hex(&trace.parent.unwrap()), "00f067aa0ba902b7");
        assert_eq!(trace.state, "congo=t61rcWkgMzE");
        assert!(trace.traceparent().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
        assert!(!trace.traceparent().contains("00f067aa0ba902b7"));
    }

    #[test]
    fn a_callers_decision_holds_where_it_is_asked_for() {
        let unsampled = EXAMPLE.replace("-01", "-00");
        assert_eq!(context(&unsampled).sample(ON), None);
        let own = Sampler { asks_parent: false, share: 1.0 };
        assert!(context(&unsampled).sample(own).is_some());
        assert_eq!(context(EXAMPLE).sample(Sampler { asks_parent: false, share: 0.0 }), None);
        let half = Sampler { asks_parent: true, share: 0.5 };
        let traced = (0..1_000).filter(|_| TraceContext::default().sample(half).is_some()).count();
        assert!((350..650).contains(&traced), "{traced}");
    }

    #[test]
    fn what_is_not_by_the_standard_begins_a_new_trace() {
        for text in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert_eq!(context(text), TraceContext::default(), "{text}");
        }
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert_ne!(context(later), TraceContext::default());
        let (a, b) = (TraceContext::default().sample(ON), TraceContext::default().sample(ON));
        assert_ne!(a.unwrap().id, b.unwrap().id);
    }
}
