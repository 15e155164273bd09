//! The ledger, as the commands that read it see it.

use std::sync::Arc;

use distiq_router::{Ledger, LedgerError, LedgerOptions, RowFilter};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::failure::Failure;
use crate::world::World;

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Failure::of(error.kind(), &error).with_hint(error.hint())
    }
}

/// Opens the ledger; makes it where there is none yet.
pub fn open(world: &World) -> Result<Arc<Ledger>, Failure> {
    let options = LedgerOptions { zone: Some(world.zone()), ..LedgerOptions::default() };
    Ok(Arc::new(Ledger::open_with(&world.home.ledger(), options)?))
}

/// Opens the ledger for reading; `None` where nothing was ever spent.
pub fn open_existing(world: &World) -> Result<Option<Arc<Ledger>>, Failure> {
    if world.home.ledger().exists() { open(world).map(Some) } else { Ok(None) }
}

/// A stretch of time that costs are told for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// The local day.
    Today,
    /// The local month.
    Month,
    /// Everything.
    All,
}

impl Period {
    /// Returns the name used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Period::Today => "today",
            Period::Month => "month",
            Period::All => "all",
        }
    }

    /// Returns the rows of the period that `now` is in.
    pub fn filter(self, now: &Zoned) -> RowFilter {
        let start = match self {
            Period::Today => now.start_of_day().ok(),
            Period::Month => now.first_of_month().and_then(|first| first.start_of_day()).ok(),
            Period::All => None,
        };
        RowFilter { from: start.map(|start| start.timestamp()), ..RowFilter::default() }
    }
}

/// Returns the time by the clock on the wall.
pub fn now(zone: &TimeZone) -> Zoned {
    Timestamp::now().to_zoned(zone.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_a_month_begin_at_the_local_midnight_also_when_clocks_change() {
        let now: Zoned = "2026-10-25T12:00:00+01:00[Europe/Berlin]".parse().unwrap();
        let start = |period: Period| period.filter(&now).from.unwrap().to_string();
        assert_eq!(start(Period::Today), "2026-10-24T22:00:00Z", "25 hours long");
        assert_eq!(start(Period::Month), "2026-09-30T22:00:00Z");
        assert_eq!(Period::All.filter(&now), RowFilter::default());
    }
}
