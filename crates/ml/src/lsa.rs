//! Latent semantic analysis: what words mean, by the company they keep in one set of texts.
//!
//! S. Deerwester and others, "Indexing by Latent Semantic Analysis" (1990). The directions are found by
//! subspace iteration from a random start (N. Halko and others, "Finding structure with randomness", 2011,
//! algorithm 4.4). What is kept are the terms' vectors; a text's vector is the weighted sum of its terms',
//! so that new texts need no new analysis.

use crate::kernels::{add_scaled, dot};

/// Texts as weighted terms.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// How many terms there are; each has a number below it.
    pub terms: usize,
    /// Where the entries of each text end.
    pub ends: Vec<u32>,
    /// The terms with their weights, text by text.
    pub entries: Vec<(u32, f32)>,
}

impl Texts {
    fn all(&self) -> impl Iterator<Item = &[(u32, f32)]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = usize::try_from(*end).unwrap_or(usize::MAX);
            let text = self.entries.get(start..end).unwrap_or_default();
            start = end;
            text
        })
    }
}

/// How an analysis is made.
#[derive(Clone, Copy, Debug)]
pub struct Analysis {
    /// How long vectors are.
    pub dimensions: usize,
    /// How often the directions are bettered.
    pub rounds: u32,
    /// The most threads; their number decides in which order sums are made, and so their last digits.
    pub threads: usize,
}

/// Returns the terms' vectors, one after the other. Their columns have length one and stand at right angles; they
/// span the directions in which the texts differ most.
pub fn analyze(texts: &Texts, analysis: &Analysis) -> Vec<f32> {
    let width = analysis.dimensions.max(1);
    let mut basis = random(texts.terms * width);
    for _ in 0..analysis.rounds {
        basis = improved(texts, &basis, width, analysis.threads.max(1));
        straighten(&mut basis, width);
    }
    basis
}

/// Returns numbers between -1 and 1 that are the same each time.
fn random(count: usize) -> Vec<f32> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            #[allow(clippy::cast_precision_loss)]
            let unit = (state >> 40) as f32 / (1_u64 << 23) as f32;
            unit - 1.0
        })
        .collect()
}

/// Multiplies the basis by the texts and back.
fn improved(texts: &Texts, basis: &[f32], width: usize, threads: usize) -> Vec<f32> {
    let all: Vec<&[(u32, f32)]> = texts.all().collect();
    let share = all.len().div_ceil(threads).max(1);
    let parts: Vec<Vec<f32>> = std::thread::scope(|scope| {
        let works: Vec<_> = all
            .chunks(share)
            .map(|texts| scope.spawn(move || improved_by(texts, basis, width)))
            .collect();
        works.into_iter().filter_map(|work| work.join().ok()).collect()
    });
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_else(|| vec![0.0; basis.len()]);
    for part in parts {
        add_scaled(1.0, &part, &mut sum);
    }
    sum
}

fn improved_by(texts: &[&[(u32, f32)]], basis: &[f32], width: usize) -> Vec<f32> {
    let range = |term: u32| {
        let start = usize::try_from(term).unwrap_or(usize::MAX).saturating_mul(width);
        start..start.saturating_add(width)
    };
    let mut sum = vec![0.0; basis.len()];
    let mut vector = vec![0.0; width];
    for text in texts {
        vector.fill(0.0);
        for (term, weight) in *text {
            add_scaled(*weight, basis.get(range(*term)).unwrap_or_default(), &mut vector);
        }
        for (term, weight) in *text {
            add_scaled(*weight, &vector, sum.get_mut(range(*term)).unwrap_or_default());
        }
    }
    sum
}

/// Makes the columns stand at right angles with length one: divides by the root of their products (Cholesky).
fn straighten(basis: &mut [f32], width: usize) {
    let root = root(&products(basis, width), width);
    for row in basis.chunks_exact_mut(width) {
        // Solves `x root^T = row`, from the first column on.
        for at in 0..width {
            let (known, rest) = row.split_at_mut(at);
            let factors = root.get(at * width..at * width + at).unwrap_or_default();
            let diagonal = root.get(at * width + at).copied().unwrap_or(0.0);
            if let Some(value) = rest.first_mut() {
                *value =
                    if diagonal > 0.0 { (*value - dot(factors, known)) / diagonal } else { 0.0 };
            }
        }
    }
}

/// Returns the products of all columns with each other, the lower half.
fn products(basis: &[f32], width: usize) -> Vec<f64> {
    /// So many rows are summed up in single precision.
    const ROWS: usize = 256;
    let mut all = vec![0.0_f64; width * width];
    let mut some = vec![0.0_f32; width * width];
    for rows in basis.chunks(width * ROWS) {
        some.fill(0.0);
        for row in rows.chunks_exact(width) {
            for (at, (value, sums)) in row.iter().zip(some.chunks_exact_mut(width)).enumerate() {
                let before = row.get(..=at).unwrap_or_default();
                add_scaled(*value, before, sums);
            }
        }
        all.iter_mut().zip(&some).for_each(|(all, some)| *all += f64::from(*some));
    }
    all
}

/// Returns the lower triangle whose product with itself is `products`. Directions that are nearly nothing
/// become nothing.
fn root(products: &[f64], width: usize) -> Vec<f32> {
    let at = |row: usize, column: usize| row * width + column;
    let value = |values: &[f64], place: usize| values.get(place).copied().unwrap_or(0.0);
    let greatest = (0..width).map(|i| value(products, at(i, i))).fold(0.0, f64::max);
    let mut root = vec![0.0_f64; width * width];
    for row in 0..width {
        for column in 0..=row {
            let of_row = root.get(at(row, 0)..at(row, column)).unwrap_or_default();
            let of_column = root.get(at(column, 0)..at(column, column)).unwrap_or_default();
            let known: f64 = of_row.iter().zip(of_column).map(|(a, b)| a * b).sum();
            let rest = value(products, at(row, column)) - known;
            let diagonal = value(&root, at(column, column));
            let result = if row == column {
                if rest > greatest * 1e-9 { rest.sqrt() } else { 0.0 }
            } else if diagonal > 0.0 {
                rest / diagonal
            } else {
                0.0
            };
            if let Some(place) = root.get_mut(at(row, column)) {
                *place = result;
            }
        }
    }
    // Single precision is enough to divide by.
    #[allow(clippy::cast_possible_truncation)]
    root.into_iter().map(|value| value as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts about two things, with words that never stand in the same text: 0 1 2 and 3 4 5.
    fn two_topics() -> Texts {
        let mut texts = Texts { terms: 6, ..Texts::default() };
        for at in 0..30_u32 {
            let first = if at % 2 == 0 { 0 } else { 3 };
            let chosen = [first + at % 3, first + (at / 3) % 3];
            texts.entries.extend(chosen.map(|term| (term, 1.0)));
            texts.ends.push(u32::try_from(texts.entries.len()).unwrap());
        }
        texts
    }

    #[test]
    fn words_of_one_topic_get_one_direction() {
        let analysis = Analysis { dimensions: 2, rounds: 6, threads: 2 };
        let basis = analyze(&two_topics(), &analysis);
        let vector = |term: usize| &basis[term * 2..term * 2 + 2];
        let near = |a, b| crate::cosine(vector(a), vector(b));
        for (a, b) in [(0, 1), (0, 2), (3, 4), (4, 5)] {
            assert!(near(a, b) > 0.95, "{a} {b}: {}", near(a, b));
        }
        assert!(near(0, 3).abs() < 0.1 && near(2, 5).abs() < 0.1);
    }

    #[test]
    fn columns_stand_at_right_angles() {
        let mut basis = random(40 * 7);
        straighten(&mut basis, 7);
        for a in 0..7 {
            for b in 0..7 {
                let product: f32 = basis.chunks(7).map(|row| row[a] * row[b]).sum();
                assert!((product - if a == b { 1.0 } else { 0.0 }).abs() < 1e-3, "{a} {b}");
            }
        }
    }

    #[test]
    fn fewer_texts_than_directions_and_bad_numbers_are_no_trouble() {
        let check = |texts: Texts, dimensions| {
            let analysis = Analysis { dimensions, rounds: 3, threads: 3 };
            let basis = analyze(&texts, &analysis);
            assert_eq!(basis.len(), texts.terms * dimensions);
            assert!(basis.iter().all(|value| value.is_finite() && value.abs() < 1.01));
        };
        check(Texts::default(), 8);
        check(Texts { terms: 3, ends: vec![2], entries: vec![(0, 1.0), (1, 1.0)] }, 8);
        check(Texts { terms: 1, ends: vec![1, 9], entries: vec![(7, 1.0)] }, 2);
    }
}
