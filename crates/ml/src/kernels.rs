//! Inner loops over vectors. Each is plain code that is compiled twice: for any processor, and for those with AVX2, which
//! are told apart when it runs.

/// Defines a loop for any processor and for those with AVX2.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)? $body:block) => {
        $(#[$doc])*
        #[allow(unsafe_code)]
        pub fn $name($($argument: $kind),*) $(-> $result)? {
            #[inline(always)]
            fn plain($($argument: $kind),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn wide($($argument: $kind),*) $(-> $result)? {
                    plain($($argument),*)
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: `wide` is safe code that needs AVX2 and FMA, and the processor has them.
                    return unsafe { wide($($argument),*) };
                }
            }
            plain($($argument),*)
        }
    };
}

pub(crate) use kernel;

/// Values that are summed side by side.
const LANES: usize = 32;

kernel! {
    /// Adds `factor` times `x` to `sums`.
    add_scaled(factor: f32, x: &[f32], sums: &mut [f32]) {
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum += factor * x;
        }
    }
}

kernel! {
    /// Multiplies each value with the factor at its place.
    multiply_each(factors: &[f32], values: &mut [f32]) {
        for (value, factor) in values.iter_mut().zip(factors) {
            *value *= factor;
        }
    }
}

kernel! {
    /// Returns the sum of the products.
    dot(a: &[f32], b: &[f32]) -> f32 {
        let mut lanes = [0.0_f32; LANES];
        let (heads, rest) = a.as_chunks::<LANES>();
        let (others, other_rest) = b.as_chunks::<LANES>();
        for (head, other) in heads.iter().zip(others) {
            for ((lane, a), b) in lanes.iter_mut().zip(head).zip(other) {
                *lane += a * b;
            }
        }
        let rest: f32 = rest.iter().zip(other_rest).map(|(a, b)| a * b).sum();
        lanes.iter().sum::<f32>() + rest
    }
}

kernel! {
    /// Gives the products of a vector with each of the rows to `products`, both in steps of 1/127 of their scales.
    scan(query: &[i8], rows: &[i8], products: &mut [i32]) {
        for (product, row) in products.iter_mut().zip(rows.chunks_exact(query.len().max(1))) {
            let mut lanes = [0_i32; LANES];
            let (heads, rest) = query.as_chunks::<LANES>();
            let (others, other_rest) = row.as_chunks::<LANES>();
            for (head, other) in heads.iter().zip(others) {
                for ((lane, a), b) in lanes.iter_mut().zip(head).zip(other) {
                    *lane += i32::from(i16::from(*a) * i16::from(*b));
                }
            }
            let rest: i32 =
                rest.iter().zip(other_rest).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
            *product = lanes.iter().sum::<i32>() + rest;
        }
    }
}

/// Writes a vector in steps of 1/127 of its greatest value, and returns what one step is worth.
pub fn quantize(vector: &[f32], steps: &mut [i8]) -> f32 {
    let greatest = vector.iter().fold(0.0_f32, |greatest, value| greatest.max(value.abs()));
    if !(greatest > 0.0 && greatest.is_finite()) {
        steps.fill(0);
        return 0.0;
    }
    let step = greatest / 127.0;
    for (steps, value) in steps.iter_mut().zip(vector) {
        // At most 127 by how the step was chosen; a NaN becomes 0.
        #[allow(clippy::cast_possible_truncation)]
        let rounded = (value / step).round() as i8;
        *steps = rounded;
    }
    step
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn loops_are_the_sums_they_say(
            (a, b) in (0_usize..150).prop_flat_map(|n| (
                prop::collection::vec(any::<i8>(), n), prop::collection::vec(any::<i8>(), n)
            ))
        ) {
            let expected: i32 = a.iter().zip(&b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
            let rows: Vec<i8> = b.iter().chain(&a).copied().collect();
            let mut products = [0; 2];
            scan(&a, &rows, &mut products);
            let own: i32 = a.iter().map(|a| i32::from(*a) * i32::from(*a)).sum();
            prop_assert_eq!(products, [expected, if a.is_empty() { 0 } else { own }]);
            let floats = |values: &[i8]| values.iter().map(|v| f32::from(*v)).collect::<Vec<_>>();
            prop_assert!((dot(&floats(&a), &floats(&b)) - expected as f32).abs() < 1.0);
            let mut sums = floats(&a);
            add_scaled(2.0, &floats(&b), &mut sums);
            for ((sum, a), b) in sums.iter().zip(&a).zip(&b) {
                prop_assert!((sum - (f32::from(*a) + 2.0 * f32::from(*b))).abs() < 1e-3);
            }
        }

        #[test]
        fn steps_are_near_what_they_stand_for(vector in prop::collection::vec(-3.0_f32..3.0, 1..300)) {
            let mut steps = vec![0; vector.len()];
            let step = quantize(&vector, &mut steps);
            for (value, steps) in vector.iter().zip(&steps) {
                prop_assert!((value - f32::from(*steps) * step).abs() <= step * 0.51);
            }
        }
    }

    #[test]
    fn what_is_no_number_becomes_zero() {
        let mut steps = [1; 2];
        assert!(quantize(&[0.0, 0.0], &mut steps).abs() < f32::EPSILON);
        assert_eq!(steps, [0, 0]);
        quantize(&[f32::NAN, 1.0], &mut steps);
        assert_eq!(steps, [0, 127]);
        assert!(quantize(&[f32::INFINITY, 1.0], &mut steps).abs() < f32::EPSILON);
    }
}
