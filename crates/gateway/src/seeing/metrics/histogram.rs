//! Histograms with fixed steps.

/// Of a request's duration, in seconds: `gen_ai.client.operation.duration`'s (2026-11), and two more
/// for answers that think long.
pub(crate) const DURATION_S: [f64; 16] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84,
    327.68,
];
/// Of the wait for the first token, in seconds: `gen_ai.server.time_to_first_token`'s (2026-11), and
/// two more for models that think before.
pub(crate) const FIRST_TOKEN_S: [f64; 18] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    30.0, 60.0,
];
/// Of a request's cost, in dollars.
pub(crate) const COST_USD: [f64; 12] =
    [0.000_01, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// Counts of values up to each of `N` bounds.
#[derive(Clone, Debug)]
pub(crate) struct Histogram<const N: usize = { DURATION_S.len() }> {
    /// Values above the bound before and up to this one.
    pub counts: [u64; N],
    pub sum: f64,
    pub count: u64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { counts: [0; N], sum: 0.0, count: 0 }
    }
}

impl<const N: usize> Histogram<N> {
    pub fn observe(&mut self, bounds: &[f64; N], value: f64) {
        let place = bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.sum += value;
        self.count += 1;
    }
}
