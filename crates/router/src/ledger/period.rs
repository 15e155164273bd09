//! Days and months, as the clock on the wall counts them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Returns the first moment of the local day and of the next one.
pub fn day(at: Timestamp, zone: &TimeZone) -> (Timestamp, Timestamp) {
    let now = at.to_zoned(zone.clone());
    let end = now.tomorrow().and_then(|tomorrow| tomorrow.start_of_day());
    bounds(at, now.start_of_day(), end)
}

/// Returns the first moment of the local month and of the next one.
pub fn month(at: Timestamp, zone: &TimeZone) -> (Timestamp, Timestamp) {
    let now = at.to_zoned(zone.clone());
    let start = now.first_of_month().and_then(|first| first.start_of_day());
    let end =
        now.last_of_month().and_then(|last| last.tomorrow()).and_then(|first| first.start_of_day());
    bounds(at, start, end)
}

// Fails only within a day of the years -9999 and 9999.
fn bounds(
    at: Timestamp,
    start: Result<Zoned, jiff::Error>,
    end: Result<Zoned, jiff::Error>,
) -> (Timestamp, Timestamp) {
    (start.map_or(at, |start| start.timestamp()), end.map_or(Timestamp::MAX, |end| end.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_as_long_as_the_wall_clock_says() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        // The clock falls back by an hour at midnight: 23:00 comes twice.
        let azores = TimeZone::posix("<-01>1<+00>,M3.5.0/0,M10.5.0/1").unwrap();
        let check = |zone: &TimeZone, at: &str, start: &str, hours: i64| {
            let (from, to) = day(at.parse().unwrap(), zone);
            assert_eq!(from.to_string(), start);
            assert_eq!((to.as_second() - from.as_second()) / 3600, hours, "{at}");
        };
        check(&berlin, "2026-03-28T22:59:59Z", "2026-03-27T23:00:00Z", 24);
        check(&berlin, "2026-03-28T23:00:00Z", "2026-03-28T23:00:00Z", 23);
        check(&berlin, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", 25);
        check(&azores, "2026-10-25T12:00:00Z", "2026-10-25T00:00:00Z", 25);
        check(&TimeZone::UTC, "2026-10-25T12:00:00Z", "2026-10-25T00:00:00Z", 24);
        let (from, to) = month("2026-10-25T12:00:00Z".parse().unwrap(), &berlin);
        assert_eq!(from.to_string(), "2026-09-30T22:00:00Z");
        assert_eq!(to.to_string(), "2026-10-31T23:00:00Z");
    }
}
