//! The few headers of an answer that a codec reads.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Headers of an answer and when it came; names compare without case.
#[derive(Clone, Debug)]
pub struct HeaderView {
    received_at: Timestamp,
    pairs: Vec<(String, String)>,
}

impl HeaderView {
    /// Keeps name and value pairs; a `retry-after` date counts from `received_at`.
    pub fn new<N, V>(received_at: Timestamp, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { received_at, pairs }
    }

    /// Returns the first header of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        pair.map(|(_, value)| value.trim())
    }

    /// Returns how long the vendor asks to wait: `retry-after-ms`, else `retry-after` in seconds
    /// or as an HTTP date (RFC 9110); a date that has passed is zero.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Some(ms) = self.get("retry-after-ms").and_then(|v| v.parse::<f64>().ok()) {
            return Duration::try_from_secs_f64(ms / 1000.0).ok();
        }
        let value = self.get("retry-after")?;
        if let Ok(seconds) = value.parse::<f64>() {
            return Duration::try_from_secs_f64(seconds).ok();
        }
        let at = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value).ok()?;
        Some(Duration::try_from(at.duration_since(self.received_at)).unwrap_or_default())
    }

    /// Returns the vendor's word on trying again.
    pub fn should_retry(&self) -> Option<bool> {
        self.get("x-should-retry").and_then(|v| v.to_ascii_lowercase().parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_retry_after() {
        let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let wait = |pairs: &[(&str, &str)]| {
            HeaderView::new(at, pairs.iter().copied()).retry_after().map(|d| d.as_millis())
        };
        assert_eq!(wait(&[("Retry-After", "20")]), Some(20_000));
        assert_eq!(wait(&[("retry-after", " 0.5 ")]), Some(500));
        assert_eq!(wait(&[("retry-after", "20"), ("retry-after-ms", "1500")]), Some(1500));
        assert_eq!(wait(&[("retry-after", "Sat, 21 Nov 2026 10:01:30 GMT")]), Some(90_000));
        assert_eq!(wait(&[("retry-after", "Fri, 20 Nov 2026 10:01:30 GMT")]), Some(0));
        for bad in ["", "soon", "-3", "NaN", "inf", "1e300"] {
            assert_eq!(wait(&[("retry-after", bad)]), None, "{bad}");
        }
        assert_eq!(HeaderView::new(at, [("x-should-retry", "false")]).should_retry(), Some(false));
    }
}
