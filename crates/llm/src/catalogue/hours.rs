//! The hours of a week in which a vendor charges more.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// Hours of some weekdays, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeakHours {
    /// The first and the last weekday.
    days: (i8, i8),
    /// Minutes of the day, the end excluded.
    spans: Vec<(u32, u32)>,
}

impl PeakHours {
    /// Reads `Mon-Fri 01:00-04:00 06:00-10:00`: a range of weekdays, then ranges of hours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let (first, last) = words.next()?.split_once('-')?;
        let days = (weekday(first)?, weekday(last)?);
        let spans: Vec<_> = words
            .map(|word| {
                let (start, end) = word.split_once('-')?;
                Some((minutes(start)?, minutes(end)?)).filter(|(start, end)| start < end)
            })
            .collect::<Option<_>>()?;
        (days.0 <= days.1 && !spans.is_empty()).then_some(Self { days, spans })
    }

    /// Tells whether a moment falls into these hours.
    pub fn contains(&self, at: Timestamp) -> bool {
        let at = at.to_zoned(TimeZone::UTC);
        let day = at.weekday().to_monday_zero_offset();
        let minute = u32::try_from(i32::from(at.hour()) * 60 + i32::from(at.minute())).unwrap_or(0);
        (self.days.0..=self.days.1).contains(&day)
            && self.spans.iter().any(|(start, end)| (*start..*end).contains(&minute))
    }
}

fn weekday(name: &str) -> Option<i8> {
    let day = match name {
        "Mon" => Weekday::Monday,
        "Tue" => Weekday::Tuesday,
        "Wed" => Weekday::Wednesday,
        "Thu" => Weekday::Thursday,
        "Fri" => Weekday::Friday,
        "Sat" => Weekday::Saturday,
        "Sun" => Weekday::Sunday,
        _ => return None,
    };
    Some(day.to_monday_zero_offset())
}

fn minutes(clock: &str) -> Option<u32> {
    let (hour, minute) = clock.split_once(':')?;
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour <= 24 && minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hours_and_keeps_to_them() {
        let peak = PeakHours::parse("Mon-Fri 01:00-04:00 06:00-10:00").unwrap();
        let check = |at: &str| peak.contains(at.parse().unwrap());
        assert!(check("2026-11-20T01:00:00Z"), "a Friday");
        assert!(check("2026-11-20T03:59:59.999Z"));
        assert!(!check("2026-11-20T04:00:00Z"));
        assert!(check("2026-11-20T09:59:00Z"));
        assert!(!check("2026-11-20T00:59:59Z"));
        assert!(!check("2026-11-21T02:00:00Z"), "a Saturday");
        for bad in ["", "Mon", "Mon-Fri", "Fri-Mon 01:00-02:00", "Mon-Fri 4:00-1:00", "Mon-Fri 1-2"]
        {
            assert_eq!(PeakHours::parse(bad), None, "{bad}");
        }
    }
}
