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

    /// Returns until when nothing is left of a rate limit, by `anthropic-ratelimit-*` (a moment) and
    /// `x-ratelimit-*` (a duration such as `6m0s` or `120ms`, at some servers seconds or a moment);
    /// of several empty limits the longest counts. `None` where something is left of all.
    pub fn exhausted_until(&self) -> Option<Timestamp> {
        let empty = self.pairs.iter().filter(|(_, left)| left.trim() == "0");
        let until = empty.filter_map(|(name, _)| {
            let name = name.to_ascii_lowercase();
            let (kind, what) =
                name.split_once("-remaining").filter(|_| name.contains("ratelimit"))?;
            // Anthropic: `KIND-requests-remaining`; OpenAI: `KIND-remaining-requests`.
            self.get(&format!("{kind}-reset{what}"))
        });
        until.filter_map(|reset| self.moment(reset)).filter(|at| *at > self.received_at).max()
    }

    /// Returns how long it is until then.
    pub fn exhausted_for(&self) -> Option<Duration> {
        self.exhausted_until()?.duration_since(self.received_at).try_into().ok()
    }

    /// Reads when a limit is full again.
    fn moment(&self, reset: &str) -> Option<Timestamp> {
        if let Ok(at) = reset.parse::<Timestamp>() {
            return Some(at);
        }
        let wait = match reset.parse::<f64>() {
            // Seconds since 1970, in some servers' milliseconds.
            Ok(seconds) if seconds > 1e11 => {
                return Timestamp::from_millisecond(seconds as i64).ok();
            }
            Ok(seconds) if seconds > 1e9 => return Timestamp::from_second(seconds as i64).ok(),
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
            Err(_) => go_duration(reset)?,
        };
        self.received_at.checked_add(wait).ok()
    }

    /// Returns the vendor's word on trying again.
    pub fn should_retry(&self) -> Option<bool> {
        self.get("x-should-retry").and_then(|v| v.to_ascii_lowercase().parse().ok())
    }
}

/// Reads a duration as Go writes it: `1h2m3.5s`, `120ms`.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut whole = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(digits);
        let unit_end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let (unit, next) = unit.split_at(unit_end);
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        whole = whole.checked_add(part)?;
        rest = next;
    }
    (!text.is_empty()).then_some(whole)
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

    #[test]
    fn tells_until_when_a_limit_is_empty() {
        let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let until = |pairs: &[(&str, &str)]| {
            let view = HeaderView::new(at, pairs.iter().copied());
            view.exhausted_until().map(|until| until.duration_since(at).as_millis())
        };
        let anthropic = |left, reset| {
            until(&[
                ("anthropic-ratelimit-requests-limit", "50"),
                ("anthropic-ratelimit-requests-remaining", left),
                ("anthropic-ratelimit-requests-reset", reset),
                ("anthropic-ratelimit-tokens-remaining", "1000"),
                ("anthropic-ratelimit-tokens-reset", "2026-11-21T11:00:00Z"),
            ])
        };
        assert_eq!(anthropic("0", "2026-11-21T10:00:30Z"), Some(30_000));
        assert_eq!(anthropic("1", "2026-11-21T10:00:30Z"), None);
        assert_eq!(anthropic("0", "2026-11-21T09:59:30Z"), None);
        let openai = |reset| {
            until(&[
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", reset),
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "1s"),
            ])
        };
        for (reset, wait) in [
            ("6m0s", 360_000),
            ("1h2m3.5s", 3_723_500),
            ("120ms", 1_000),
            ("7.66s", 7_660),
            ("20", 20_000),
            ("1795255260", 60_000),
            ("1795255260000", 60_000),
        ] {
            assert_eq!(openai(reset), Some(wait), "{reset}");
        }
        for bad in ["", "soon", "-5s", "5", "m", "5x"] {
            assert_eq!(openai(bad), Some(if bad == "5" { 5_000 } else { 1_000 }), "{bad}");
        }
        assert_eq!(until(&[("x-ratelimit-remaining-requests", "0")]), None);
    }
}
