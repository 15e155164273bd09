//! The arithmetic of a request's price: exact in integers, rounded once.

use distiq_base::{Money, Usage};

use super::model::{Factor, PriceRow, Prices};

/// Nano-dollars per million tokens times tokens are millionths of a nano-dollar.
const UNIT: i128 = 1_000_000;

/// Returns what `usage` costs.
pub(super) fn total(prices: &Prices, usage: &Usage, factors: &[Factor]) -> Money {
    let sum = [
        prices.input.micro_nanos(usage.input),
        prices.read().micro_nanos(usage.cache_read),
        prices.write().micro_nanos(usage.cache_write),
        prices.write_long().micro_nanos(usage.cache_write_long),
        prices.output.micro_nanos(usage.output),
    ];
    scaled(sum.into_iter().fold(0, i128::saturating_add), factors)
}

/// Returns the most that a request can cost by the prices of one row.
pub(super) fn worst(
    row: &PriceRow,
    prompt_tokens: u64,
    max_output: u64,
    factors: &[Factor],
) -> Money {
    // Every tier up to the longest prompt counts: should a vendor's long prompts ever be cheaper,
    // a shorter prompt than foreseen must not cost more than was reserved.
    let tiers = row.tiers.iter().filter(|tier| prompt_tokens > tier.over).map(|tier| tier.prices);
    let quiet = row.off_peak.as_ref().map(|quiet| quiet.prices);
    let worst = |prices: Prices| {
        let dearest = prices.input.max(prices.write()).max(prices.write_long()).max(prices.read());
        let prompt = dearest.micro_nanos(prompt_tokens);
        prompt.saturating_add(prices.output.micro_nanos(max_output))
    };
    let most = std::iter::once(row.base).chain(tiers).chain(quiet).map(worst).max();
    scaled(most.unwrap_or(0), factors)
}

/// Multiplies a sum in millionths of a nano-dollar and rounds it, half to even.
fn scaled(sum: i128, factors: &[Factor]) -> Money {
    let (mut sum, mut unit) = (Some(sum), UNIT);
    for factor in factors {
        let common = gcd(factor.0, Factor::ONE.0);
        sum = sum.and_then(|sum| sum.checked_mul(i128::from(factor.0 / common)));
        unit = unit.saturating_mul(i128::from(Factor::ONE.0 / common));
    }
    let Some(sum) = sum else { return Money::from_nanos(i64::MAX) };
    let (whole, rest) = (sum.div_euclid(unit), sum.rem_euclid(unit));
    let half = unit / 2;
    let up = rest > half || (rest == half && unit % 2 == 0 && whole % 2 != 0);
    Money::from_nanos(i64::try_from(whole + i128::from(up)).unwrap_or(i64::MAX))
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use distiq_base::Price;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rounds_once_half_to_even() {
        let prices = Prices { input: Price(500_000), ..Prices::default() };
        let cost = |input, factors: &[Factor]| {
            total(&prices, &Usage { input, ..Usage::default() }, factors).nanos()
        };
        assert_eq!(cost(1, &[]), 0, "half goes to the even zero");
        assert_eq!(cost(3, &[]), 2, "one and a half goes to the even two");
        assert_eq!(cost(5, &[]), 2, "two and a half goes to the even two");
        assert_eq!(cost(2, &[Factor(500_000)]), 0);
        assert_eq!(cost(2, &[Factor(500_001)]), 1);
        assert_eq!(cost(u64::MAX, &[]), i64::MAX, "stops at the largest amount");
    }

    proptest! {
        #[test]
        fn never_overflows(tokens: u64, price in 0..i64::MAX, a: u64, b: u64) {
            let prices = Prices { input: Price(price), output: Price(price), ..Prices::default() };
            let usage = Usage { input: tokens, output: tokens, cache_read: tokens, ..Usage::default() };
            prop_assert!(total(&prices, &usage, &[Factor(a), Factor(b)]).nanos() >= 0);
            let row = PriceRow::always(prices);
            prop_assert!(worst(&row, tokens, tokens, &[Factor(a)]).nanos() >= 0);
        }

        #[test]
        fn the_worst_case_covers_every_split_of_the_prompt(
            classes in prop::array::uniform4(0..2_000_000_u64),
            output in 0..200_000_u64,
            prices in prop::array::uniform5(0..100_000_000_000_i64),
        ) {
            let [input, output_price, read, write, long] = prices.map(Price);
            let prices = Prices {
                input,
                output: output_price,
                cache_read: Some(read),
                cache_write: Some(write),
                cache_write_long: Some(long),
            };
            let [input, cache_read, cache_write, cache_write_long] = classes;
            let usage =
                Usage { input, cache_read, cache_write, cache_write_long, output, ..Usage::default() };
            let most = worst(&PriceRow::always(prices), usage.prompt(), output, &[]);
            prop_assert!(total(&prices, &usage, &[]) <= most);
        }
    }
}
