//! Products of matrices, and what is done to their rows.

use crate::kernels::kernel;

/// A matrix in a longer run of numbers: how many rows and columns, and how far apart the beginnings of its rows and columns
/// lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub values: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    pub row_step: usize,
    pub column_step: usize,
}

impl<'a> View<'a> {
    /// Rows of `columns` numbers, each `step` behind the last.
    pub fn rows(values: &'a [f32], rows: usize, columns: usize, step: usize) -> Self {
        Self { values, rows, columns, row_step: step, column_step: 1 }
    }

    /// The same with rows and columns exchanged.
    pub fn turned(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
            ..self
        }
    }

    /// Whether its last number lies within the run.
    fn fits(&self) -> bool {
        fits(self.values.len(), self.rows, self.columns, self.row_step, self.column_step)
    }
}

fn fits(len: usize, rows: usize, columns: usize, row_step: usize, column_step: usize) -> bool {
    let (Some(row), Some(column)) = (rows.checked_sub(1), columns.checked_sub(1)) else {
        return false;
    };
    let last =
        row.checked_mul(row_step).and_then(|row| row.checked_add(column.checked_mul(column_step)?));
    last.is_some_and(|last| last < len)
}

/// Writes `scale` times the product of `a` and `b` to `out`, whose rows begin `step` apart; with `is_added` it is added to
/// what stands there. Views that do not fit together leave `out` as it is.
#[allow(unsafe_code)]
pub(super) fn multiply(
    scale: f32,
    a: View<'_>,
    b: View<'_>,
    is_added: bool,
    out: &mut [f32],
    step: usize,
) {
    let fit = a.fits() && b.fits() && a.columns == b.rows && b.columns <= step;
    if !fit || !fits(out.len(), a.rows, b.columns, step, 1) {
        debug_assert!(false, "matrices that do not fit: {a:?} {b:?}");
        return;
    }
    let signed = |step: usize| isize::try_from(step).unwrap_or(0);
    let beta = if is_added { 1.0 } else { 0.0 };
    // SAFETY: the last number of each matrix lies within its run, as was looked at above, so all do; steps are not negative,
    // and no step is cut, for no run is longer than `isize::MAX` bytes. Two places of `out` are the same only where row and
    // column are, for no row is longer than the step. `out` is borrowed for this call alone.
    unsafe {
        matrixmultiply::sgemm(
            a.rows,
            a.columns,
            b.columns,
            scale,
            a.values.as_ptr(),
            signed(a.row_step),
            signed(a.column_step),
            b.values.as_ptr(),
            signed(b.row_step),
            signed(b.column_step),
            beta,
            out.as_mut_ptr(),
            signed(step),
            1,
        );
    }
}

/// Returns e to the power of a number, to about seven digits; plain steps that a compiler makes wide.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding and taking it away again rounds.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let power = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    // ln 2 in two parts, so that nothing is lost.
    let rest = (x - power * 0.693_359_4) + power * 2.121_944_4e-4;
    let series = [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5];
    let sum = series.iter().fold(0.0_f32, |sum, factor| sum * rest + factor);
    let value = sum * rest * rest + rest + 1.0;
    // A whole number between -126 and 127.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let bits = ((power as i32 + 127) as u32) << 23;
    value * f32::from_bits(bits)
}

/// Returns the error function, to about seven digits (Abramowitz and Stegun, 7.1.26).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let factors = [1.061_405_4, -1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6];
    let sum = factors.iter().fold(0.0_f32, |sum, factor| sum * t + factor);
    let value = 1.0 - sum * t * exp(-size * size);
    if x < 0.0 { -value } else { value }
}

kernel! {
    /// The Gaussian error linear unit of each number.
    gelu(values: &mut [f32]) {
        for value in values {
            *value *= 0.5 * (1.0 + erf(*value * std::f32::consts::FRAC_1_SQRT_2));
        }
    }
}

kernel! {
    /// The same by the hyperbolic tangent, as some models were trained.
    gelu_tanh(values: &mut [f32]) {
        for value in values {
            let inner = 0.797_884_6 * (*value + 0.044_715 * *value * *value * *value);
            // tanh(x) = 1 - 2 / (e^2x + 1)
            *value *= 0.5 * (2.0 - 2.0 / (exp(2.0 * inner) + 1.0));
        }
    }
}

kernel! {
    /// Each number, or zero where it is less.
    relu(values: &mut [f32]) {
        for value in values {
            *value = value.max(0.0);
        }
    }
}

kernel! {
    /// The sigmoid-weighted linear unit of each number.
    silu(values: &mut [f32]) {
        for value in values {
            *value /= 1.0 + exp(-*value);
        }
    }
}

kernel! {
    /// Turns each pair of numbers of a vector by an angle; the pairs' numbers stand as far apart as there are pairs.
    rotate(vector: &mut [f32], cosines: &[f32], sines: &[f32]) {
        let Some((first, rest)) = vector.split_at_mut_checked(cosines.len()) else { return };
        for (((a, b), cosine), sine) in first.iter_mut().zip(rest).zip(cosines).zip(sines) {
            (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
        }
    }
}

kernel! {
    /// Lowers each score of a token by `slope` times how far the other token stands from its place.
    lower_by_distance(slope: f32, place: usize, row: &mut [f32]) {
        // Places of less than 32 bits, so that they turn into numbers many at a time.
        let place = i32::try_from(place).unwrap_or(i32::MAX);
        for (score, other) in row.iter_mut().zip(0_i32..) {
            #[allow(clippy::cast_precision_loss)]
            let distance = (other - place).abs() as f32;
            *score -= slope * distance;
        }
    }
}

kernel! {
    /// Makes a row a distribution.
    softmax(row: &mut [f32]) {
        let greatest = row.iter().fold(f32::MIN, |greatest, value| greatest.max(*value));
        for value in row.iter_mut() {
            *value = exp(*value - greatest);
        }
        let sum: f32 = row.iter().sum();
        for value in row.iter_mut() {
            *value /= sum;
        }
    }
}

kernel! {
    /// Gives a row the mean 0 and the variance 1, then stretches and moves it.
    normalize_layer(row: &mut [f32], stretch: &[f32], shift: &[f32], epsilon: f32) {
        #[allow(clippy::cast_precision_loss)]
        let count = row.len().max(1) as f32;
        let mean = row.iter().sum::<f32>() / count;
        let variance = row.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / count;
        let scale = 1.0 / (variance + epsilon).sqrt();
        for ((value, stretch), shift) in row.iter_mut().zip(stretch).zip(shift) {
            *value = (*value - mean) * scale * stretch + shift;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_near_the_exact_ones() {
        for at in -200..=200_i16 {
            let x = f32::from(at) / 20.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) - exact).abs() < exact * 1e-6, "exp {x}");
        }
        // The error function, from tables.
        for (x, exact) in [(0.0, 0.0), (0.5, 0.520_499_9), (1.0, 0.842_700_8), (2.0, 0.995_322_3)] {
            assert!((erf(x) - exact).abs() < 1e-6 && (erf(-x) + exact).abs() < 1e-6, "erf {x}");
        }
        let mut row = [1.0, 1.0, 1000.0, -1000.0];
        softmax(&mut row);
        assert!(row.iter().zip([0.0, 0.0, 1.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{row:?}");
        let mut row = [-1.0, 0.0, 1.0, 3.0];
        gelu(&mut row);
        let expected = [-0.158_655, 0.0, 0.841_345, 2.995_95];
        assert!(row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{row:?}");
        let mut row = [-1.0, 0.0, 1.0, 3.0];
        gelu_tanh(&mut row);
        let expected = [-0.158_808, 0.0, 0.841_192, 2.996_363];
        assert!(row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{row:?}");
        let mut row = [-1.0, 0.0, 1.0, 3.0];
        silu(&mut row);
        let expected = [-0.268_941, 0.0, 0.731_059, 2.857_722];
        assert!(row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{row:?}");
    }

    #[test]
    fn products_of_views_and_of_turned_ones() {
        let a = [1.0, 2.0, 9.0, 3.0, 4.0, 9.0];
        let b = [5.0, 6.0, 7.0, 8.0];
        let a = View::rows(&a, 2, 2, 3);
        let mut out = [1.0; 4];
        multiply(1.0, a, View::rows(&b, 2, 2, 2), false, &mut out, 2);
        assert_eq!(out, [19.0, 22.0, 43.0, 50.0]);
        multiply(2.0, a, View::rows(&b, 2, 2, 2).turned(), true, &mut out, 2);
        assert_eq!(out, [19.0 + 34.0, 22.0 + 46.0, 43.0 + 78.0, 50.0 + 106.0]);
    }
}
