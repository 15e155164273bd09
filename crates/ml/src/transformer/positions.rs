//! How a model knows where in a text a token stands.

use super::layer::Heads;
use super::matrix::{lower_by_distance, rotate};

/// What a model knows of places.
#[derive(Debug)]
pub(super) enum Positions {
    /// A vector for each place, which is added to the token's.
    Learned(Vec<f32>),
    /// Queries and keys are turned by angles that grow with the place.
    ///
    /// J. Su and others, "RoFormer: Enhanced Transformer with Rotary Position Embedding" (2021), with the pairs of numbers half
    /// of what is turned apart. For each place the cosines, then the sines.
    Rotary { pairs: usize, table: Vec<f32> },
    /// Scores fall with the distance, in each head with another slope.
    ///
    /// O. Press and others, "Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation" (2022),
    /// here to both sides.
    Slopes(Vec<f32>),
}

impl Positions {
    /// Returns the angles of the first places, where `dimensions` numbers of each head are turned.
    pub fn rotary(dimensions: usize, base: f32, places: usize) -> Self {
        let pairs = dimensions / 2;
        let mut table = Vec::with_capacity(places * pairs * 2);
        for place in 0..places {
            #[allow(clippy::cast_precision_loss)]
            let angle = |pair: usize| {
                place as f64 * f64::from(base).powf(-((2 * pair) as f64) / dimensions as f64)
            };
            #[allow(clippy::cast_possible_truncation)]
            table.extend((0..pairs).map(|pair| angle(pair).cos() as f32));
            #[allow(clippy::cast_possible_truncation)]
            table.extend((0..pairs).map(|pair| angle(pair).sin() as f32));
        }
        Self::Rotary { pairs, table }
    }

    /// Returns the slopes of so many heads: of n heads, a power of two, 2^(-8/n) and its powers; of others those of the power
    /// below, and every second one of the power above.
    pub fn slopes(heads: usize) -> Self {
        #[allow(clippy::cast_precision_loss)]
        let of = |n: usize| (1..=n).map(move |head| (-8.0 * head as f32 / n as f32).exp2());
        let below = 1 << heads.max(1).ilog2();
        Self::Slopes(of(below).chain(of(2 * below).step_by(2)).take(heads).collect())
    }

    /// Turns the queries or keys of some texts, `lengths` long.
    pub fn turn(&self, heads: Heads<'_>, lengths: &[usize], rows: &mut [f32]) {
        let Self::Rotary { pairs, table } = self else { return };
        let part = (heads.width / heads.count.max(1)).max(1);
        let places = lengths.iter().flat_map(|length| 0..*length);
        for (row, place) in rows.chunks_exact_mut(heads.width.max(1)).zip(places) {
            let start = place * 2 * pairs;
            let angles = table.get(start..start + 2 * pairs).unwrap_or_default();
            let (cosines, sines) = angles.split_at_checked(*pairs).unwrap_or_default();
            row.chunks_exact_mut(part).for_each(|head| rotate(head, cosines, sines));
        }
    }

    /// Lowers the scores of a head, row by row of a text of so many tokens, by their distance.
    pub fn slope(&self, head: usize, length: usize, scores: &mut [f32]) {
        let Self::Slopes(slopes) = self else { return };
        let slope = slopes.get(head).copied().unwrap_or(0.0);
        for (place, row) in scores.chunks_exact_mut(length.max(1)).enumerate() {
            lower_by_distance(slope, place, row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_of_powers_of_two_and_of_others() {
        let check = |heads: usize, expected: &[f32]| {
            let Positions::Slopes(slopes) = Positions::slopes(heads) else { panic!() };
            assert_eq!(slopes.len(), heads);
            for (slope, power) in slopes.iter().zip(expected) {
                assert!((slope - power.exp2()).abs() < 1e-6, "{heads}: {slopes:?}");
            }
        };
        check(1, &[-8.0]);
        check(2, &[-4.0, -8.0]);
        check(3, &[-4.0, -8.0, -2.0]);
        check(8, &[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0]);
        // The heads of jina's base model.
        check(12, &[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0, -0.5, -1.5, -2.5, -3.5]);
    }

    #[test]
    fn a_turned_pair_depends_on_the_distance_alone() {
        let positions = Positions::rotary(4, 1000.0, 20);
        let product = |query: usize, key: usize| {
            let turned = |place: usize, mut vector: Vec<f32>| {
                let mut rows = vec![0.0; place * 6];
                rows.append(&mut vector);
                let heads = Heads { width: 6, count: 1, positions: &positions };
                positions.turn(heads, &[place + 1], &mut rows);
                rows.split_off(place * 6)
            };
            let query = turned(query, vec![0.3, -0.2, 0.9, 0.4, 2.0, 1.0]);
            let key = turned(key, vec![-0.5, 0.7, 0.1, 0.6, 3.0, 4.0]);
            // What is not turned stays as it is.
            assert_eq!((query[4], query[5], key[4], key[5]), (2.0, 1.0, 3.0, 4.0));
            query.iter().zip(&key).map(|(a, b)| a * b).sum::<f32>()
        };
        assert!((product(3, 8) - product(12, 17)).abs() < 1e-4);
        assert!((product(3, 8) - product(3, 9)).abs() > 1e-3);
    }
}
