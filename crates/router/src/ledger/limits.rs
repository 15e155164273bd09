//! Limits of money, and what they leave for one request. Pure.

use std::fmt;

use distiq_base::{ErrorKind, Money, Price};
use distiq_store::StoreError;

use super::LedgerError;

/// An answer shorter than this is not worth its prompt: below it, nothing is sent.
pub(crate) const LEAST_TOKENS: u64 = 1024;

/// The most of a limit that may be spent on what is not surely needed.
const MOST_SHARE: f64 = 0.8;

/// What may be spent. `None` is no limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// By the session.
    pub session: Option<Money>,
    /// In the local day.
    pub day: Option<Money>,
    /// In the local month.
    pub month: Option<Money>,
    /// By the run: one `distiq run` with all that it starts.
    pub run: Option<Money>,
    /// In the local day, by the project.
    pub project_day: Option<Money>,
    /// In the local month, by the project.
    pub project_month: Option<Money>,
    /// In the local day, by the gateway key.
    pub key_day: Option<Money>,
    /// In the local month, by the gateway key.
    pub key_month: Option<Money>,
    /// The share of a limit (0 to 1) from which the user is told; 0 never tells.
    pub alert_share: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            session: None,
            day: None,
            month: None,
            run: None,
            project_day: None,
            project_month: None,
            key_day: None,
            key_month: None,
            alert_share: 0.8,
        }
    }
}

impl Limits {
    /// Tells whether anything is limited.
    pub fn any(&self) -> bool {
        self.set().next().is_some()
    }

    /// Returns limits that leave the last fifth of each, or from where the user is told, to what matters more; nobody is told
    /// of these.
    pub(crate) fn but_the_last(self) -> Self {
        let alert_share =
            if self.alert_share > 0.0 { self.alert_share.min(MOST_SHARE) } else { MOST_SHARE };
        let shares = Self { alert_share, ..self };
        let less = |limit: Option<Money>| limit.map(|it| shares.threshold(it).unwrap_or(it));
        Self {
            session: less(shares.session),
            day: less(shares.day),
            month: less(shares.month),
            run: less(shares.run),
            project_day: less(shares.project_day),
            project_month: less(shares.project_month),
            key_day: less(shares.key_day),
            key_month: less(shares.key_month),
            alert_share: 0.0,
        }
    }

    /// Returns the limits that are set.
    pub(crate) fn set(&self) -> impl Iterator<Item = (LimitScope, Money)> {
        [
            (LimitScope::Run, self.run),
            (LimitScope::Session, self.session),
            (LimitScope::Day, self.day),
            (LimitScope::Month, self.month),
            (LimitScope::ProjectDay, self.project_day),
            (LimitScope::ProjectMonth, self.project_month),
            (LimitScope::KeyDay, self.key_day),
            (LimitScope::KeyMonth, self.key_month),
        ]
        .into_iter()
        .filter_map(|(scope, limit)| Some((scope, limit?)))
    }

    /// Returns the amount from which the user is told about `limit`.
    pub(crate) fn threshold(&self, limit: Money) -> Option<Money> {
        // Per mille, so that money itself stays whole.
        let share = (self.alert_share.clamp(0.0, 1.0) * 1000.0).round() as i128;
        let nanos = i128::from(limit.nanos()) * share / 1000;
        (share > 0).then(|| Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)))
    }
}

/// What a limit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitScope {
    /// The run.
    Run,
    /// The session.
    Session,
    /// The local day.
    Day,
    /// The local month.
    Month,
    /// The local day of a project.
    ProjectDay,
    /// The local month of a project.
    ProjectMonth,
    /// The local day of a gateway key.
    KeyDay,
    /// The local month of a gateway key.
    KeyMonth,
}

impl LimitScope {
    /// Returns the name used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            LimitScope::Run => "run",
            LimitScope::Session => "session",
            LimitScope::Day => "day",
            LimitScope::Month => "month",
            LimitScope::ProjectDay => "project_day",
            LimitScope::ProjectMonth => "project_month",
            LimitScope::KeyDay => "key_day",
            LimitScope::KeyMonth => "key_month",
        }
    }
}

impl fmt::Display for LimitScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LimitScope::ProjectDay => "project's day",
            LimitScope::ProjectMonth => "project's month",
            LimitScope::KeyDay => "key's day",
            LimitScope::KeyMonth => "key's month",
            other => other.as_str(),
        })
    }
}

/// Says that spending has come near a limit, once per limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Which limit.
    pub scope: LimitScope,
    /// The limit.
    pub limit: Money,
    /// What is spent of it.
    pub spent: Money,
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the {} limit of {} is spent", self.spent, self.scope, self.limit)
    }
}

/// The most that a request can cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorstCase {
    /// The prompt, every token in the dearest class it could be billed in.
    pub prompt: Money,
    /// A million answer tokens.
    pub output: Price,
}

impl WorstCase {
    /// Returns the most that an answer of up to `tokens` tokens can cost, prompt included.
    pub fn with_answer(&self, tokens: u64) -> Money {
        let nanos = self.output.micro_nanos(tokens).saturating_add(999_999) / 1_000_000;
        self.prompt.plus(Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)))
    }

    /// Returns how many answer tokens `room` covers, at most `wanted`; `None` if not the prompt.
    pub(crate) fn answer_within(&self, room: Money, wanted: u64) -> Option<u64> {
        let left = room.minus(self.prompt).nanos();
        if self.with_answer(wanted) == Money::ZERO {
            return Some(wanted);
        }
        if left < 0 {
            return None;
        }
        let price = i128::from(self.output.0);
        if price <= 0 {
            return Some(wanted);
        }
        let tokens = i128::from(left) * 1_000_000 / price;
        Some(u64::try_from(tokens).unwrap_or(u64::MAX).min(wanted))
    }
}

/// A limit and how much of it is spent or reserved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub scope: LimitScope,
    pub limit: Money,
    pub spent: Money,
}

/// Returns how many answer tokens every limit covers, at most `wanted`.
///
/// Fails when that is under 1,024 (or under `wanted`, where that is less).
pub(crate) fn allow(rooms: &[Room], worst: &WorstCase, wanted: u64) -> Result<u64, BudgetError> {
    let least = wanted.min(LEAST_TOKENS);
    let mut allowed = wanted;
    for room in rooms {
        let answer = worst.answer_within(room.limit.minus(room.spent), wanted);
        match answer.filter(|tokens| *tokens >= least) {
            Some(tokens) => allowed = allowed.min(tokens),
            None => {
                return Err(BudgetError::Exceeded {
                    scope: room.scope,
                    limit: room.limit,
                    spent: room.spent,
                    needed: worst.with_answer(least),
                });
            }
        }
    }
    Ok(allowed)
}

/// Why a request may not be sent.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// A limit does not cover it.
    #[error(
        "The {scope} limit of {limit} does not cover this request: {spent} is spent or reserved, up to {needed} is needed"
    )]
    Exceeded {
        /// Which limit.
        scope: LimitScope,
        /// The limit.
        limit: Money,
        /// What is spent, and reserved by requests under way.
        spent: Money,
        /// What the smallest useful answer could cost.
        needed: Money,
    },
    /// A limit is set, and nobody knows what the model costs.
    #[error("A limit is set, but model `{model}` has no known price")]
    Unpriced {
        /// The model.
        model: String,
    },
    /// The ledger failed, so nothing may be sent.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<StoreError> for BudgetError {
    fn from(error: StoreError) -> Self {
        BudgetError::Ledger(error.into())
    }
}

impl BudgetError {
    /// Returns the kind that sets the exit code.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            BudgetError::Exceeded { .. } | BudgetError::Unpriced { .. } => ErrorKind::Budget,
            BudgetError::Ledger(error) => error.kind(),
        }
    }

    /// Returns what the user can do.
    pub fn hint(&self) -> String {
        match self {
            BudgetError::Exceeded { scope, .. } => Self::hint_for(*scope),
            BudgetError::Unpriced { .. } => Self::UNPRICED_HINT.into(),
            BudgetError::Ledger(error) => error.hint(),
        }
    }

    pub(crate) const UNPRICED_HINT: &str = "Give its price with `--price IN/OUT` (dollars per \
        million tokens) or in the price file, or lift the limit";

    pub(crate) fn hint_for(scope: LimitScope) -> String {
        match scope {
            LimitScope::Run => "Resume with a higher `--max-cost`".into(),
            LimitScope::Session => "Raise the session limit, or start a new session".into(),
            LimitScope::Day | LimitScope::Month => {
                format!("Raise the {scope} limit in the settings, or wait for the next {scope}")
            }
            LimitScope::ProjectDay => "Raise `limits.project_day`, or wait for the next day".into(),
            LimitScope::ProjectMonth => {
                "Raise `limits.project_month`, or wait for the next month".into()
            }
            LimitScope::KeyDay => "Raise the key's budget, or wait for the next day".into(),
            LimitScope::KeyMonth => "Raise the key's budget, or wait for the next month".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn room(limit: i64, spent: i64) -> Room {
        Room {
            scope: LimitScope::Day,
            limit: Money::from_nanos(limit),
            spent: Money::from_nanos(spent),
        }
    }

    // $15 per million: 15,000 nano-dollars a token.
    const WORST: WorstCase =
        WorstCase { prompt: Money::from_nanos(1_000_000), output: Price(15_000_000_000) };

    #[test]
    fn lowers_the_answer_to_what_the_tightest_limit_covers() {
        let check = |rooms: &[Room], wanted, expected| {
            assert_eq!(allow(rooms, &WORST, wanted).ok(), expected, "{rooms:?} {wanted}");
        };
        check(&[], 32_000, Some(32_000));
        check(&[room(1_000_000_000, 0)], 32_000, Some(32_000));
        check(&[room(100_000_000, 0), room(91_000_000, 60_000_000)], 32_000, Some(2_000));
        check(&[room(16_360_000, 0)], 32_000, Some(1_024));
        check(&[room(16_359_999, 0)], 32_000, None);
        check(&[room(16_359_999, 0)], 100, Some(100));
        check(&[room(1_000_000, 0)], 100, None);
        check(&[room(10, 20)], 100, None);
    }

    #[test]
    fn what_costs_nothing_is_never_refused() {
        let free = WorstCase { prompt: Money::ZERO, output: Price(0) };
        assert_eq!(allow(&[room(10, 20)], &free, 500).ok(), Some(500));
    }

    #[test]
    fn says_what_is_missing() {
        let error = allow(&[room(2_000_000_000, 1_990_000_000)], &WORST, 32_000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The day limit of $2.00 does not cover this request: $1.99 is spent or reserved, \
             up to $0.0164 is needed"
        );
        assert_eq!(error.kind(), ErrorKind::Budget);
    }

    proptest! {
        #[test]
        fn what_is_allowed_always_fits_and_is_the_most_that_does(
            prompt in 0_i64..1_000_000_000,
            price in 0_i64..100_000_000_000,
            limit in 0_i64..20_000_000_000,
            spent in 0_i64..20_000_000_000,
            wanted in 0_u64..200_000,
        ) {
            let worst = WorstCase { prompt: Money::from_nanos(prompt), output: Price(price) };
            let fits = |tokens| worst.with_answer(tokens).nanos() <= limit - spent;
            match allow(&[room(limit, spent)], &worst, wanted) {
                Ok(tokens) => {
                    prop_assert!(fits(tokens) || worst.with_answer(wanted) == Money::ZERO);
                    prop_assert!(tokens == wanted || !fits(tokens + 1));
                }
                Err(_) => prop_assert!(!fits(wanted.min(LEAST_TOKENS))),
            }
        }
    }
}
