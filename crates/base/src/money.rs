//! Money in whole nano-dollars; floats never touch it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount in nano-dollars (10⁻⁹ USD).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Money(i64);

const NANOS_PER_DOLLAR: i64 = 1_000_000_000;

impl Money {
    /// No money.
    pub const ZERO: Money = Money(0);

    /// Makes an amount from nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Returns the amount in nano-dollars.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Adds, stopping at the largest amount.
    #[must_use]
    pub const fn plus(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }

    /// Subtracts, stopping at the smallest amount.
    #[must_use]
    pub const fn minus(self, other: Money) -> Money {
        Money(self.0.saturating_sub(other.0))
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::ZERO, Money::plus)
    }
}

/// Shows dollars: two decimals from ten cents up, else four, or six below a tenth of a cent.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let decimals = match nanos {
            0 | 100_000_000.. => 2,
            1_000_000.. => 4,
            _ => 6,
        };
        let unit = 10_u64.pow(9 - decimals);
        let rounded = nanos.saturating_add(unit / 2) / unit;
        let scale = 10_u64.pow(decimals);
        let width = decimals as usize;
        write!(f, "{sign}${}.{:0width$}", rounded / scale, rounded % scale)
    }
}

/// Tells why a text is no amount of money.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no amount in dollars: write it like `1.50` or `$0.25`, at most nine decimals")]
pub struct ParseMoneyError(String);

impl FromStr for Money {
    type Err = ParseMoneyError;

    /// Reads dollars such as `1.5`, `$0.25` or `3`; at most nine decimals, never negative.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseMoneyError(text.to_owned());
        let digits = text.trim().strip_prefix('$').unwrap_or(text.trim());
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty())
            || fraction.len() > 9
            || !is_number(whole)
            || !is_number(fraction)
        {
            return Err(fail());
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| fail())? };
        let fraction: i64 = format!("{fraction:0<9}").parse().map_err(|_| fail())?;
        whole
            .checked_mul(NANOS_PER_DOLLAR)
            .and_then(|nanos| nanos.checked_add(fraction))
            .map(Money)
            .ok_or_else(fail)
    }
}

/// A price in nano-dollars per million tokens ($3 per million = 3,000,000,000).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Price(pub i64);

impl Price {
    /// Returns `tokens` at this price in millionths of a nano-dollar, exact.
    pub fn micro_nanos(self, tokens: u64) -> i128 {
        i128::from(tokens) * i128::from(self.0)
    }
}

impl Money {
    /// Rounds a sum of [`Price::micro_nanos`] to nano-dollars, half to even (once per request).
    pub fn from_micro_nanos(total: i128) -> Money {
        let (whole, rest) = (total.div_euclid(1_000_000), total.rem_euclid(1_000_000));
        let up = rest > 500_000 || (rest == 500_000 && whole % 2 != 0);
        let nanos = whole + i128::from(up);
        Money(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_dollars() {
        let shown = |nanos| Money::from_nanos(nanos).to_string();
        assert_eq!(shown(0), "$0.00");
        assert_eq!(shown(1_234_000_000), "$1.23");
        assert_eq!(shown(13_512_345), "$0.0135");
        assert_eq!(shown(999), "$0.000001");
        assert_eq!(shown(-2_000_000_000), "-$2.00");
    }

    #[test]
    fn reads_dollars() {
        assert_eq!("$1.50".parse(), Ok(Money(1_500_000_000)));
        assert_eq!(".000000001".parse(), Ok(Money(1)));
        for bad in ["", ".", "-1", "1.0000000001", "1,5", "abc", "99999999999999"] {
            assert!(bad.parse::<Money>().is_err(), "{bad}");
        }
    }

    #[test]
    fn rounds_half_to_even_once() {
        assert_eq!(Money::from_micro_nanos(37_500_000), Money(38));
        assert_eq!(Money::from_micro_nanos(500_000), Money(0));
        assert_eq!(Money::from_micro_nanos(1_500_000), Money(2));
        assert_eq!(Money::from_micro_nanos(1_500_001), Money(2));
    }
}
