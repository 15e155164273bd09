//! A table of figures, each beside its baseline.

#![allow(clippy::cast_precision_loss)] // Figures for the screen.

use std::time::Duration;

/// A figure and its baseline.
pub struct Row {
    name: String,
    ours: String,
    baseline_name: String,
    baseline: String,
    ratio: f64,
    goal: Option<(&'static str, bool)>,
}

impl Row {
    /// Compares two times.
    pub fn time(
        name: impl Into<String>,
        ours: Duration,
        baseline_name: impl Into<String>,
        baseline: Duration,
    ) -> Self {
        let show = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
        Self {
            name: name.into(),
            ours: show(ours),
            baseline_name: baseline_name.into(),
            baseline: show(baseline),
            ratio: ours.as_secs_f64() / baseline.as_secs_f64().max(1e-9),
            goal: None,
        }
    }

    /// Compares two sizes in kB.
    pub fn memory(
        name: impl Into<String>,
        ours_kb: u64,
        baseline_name: impl Into<String>,
        baseline_kb: u64,
    ) -> Self {
        let show = |kb: u64| format!("{:.1} MB", kb as f64 / 1024.0);
        Self {
            name: name.into(),
            ours: show(ours_kb),
            baseline_name: baseline_name.into(),
            baseline: show(baseline_kb),
            ratio: ours_kb as f64 / baseline_kb.max(1) as f64,
            goal: None,
        }
    }

    /// Says what was aimed at, and whether it is met.
    pub fn goal(mut self, words: &'static str, met: bool) -> Self {
        self.goal = Some((words, met));
        self
    }
}

/// Prints rows, one figure each.
pub fn print_rows(rows: &[Row]) {
    for row in rows {
        let goal = match row.goal {
            Some((words, true)) => format!("  [{words}: met]"),
            Some((words, false)) => format!("  [{words}: MISSED]"),
            None => String::new(),
        };
        println!(
            "{}: {} | {}: {} | ratio {:.2}{goal}",
            row.name, row.ours, row.baseline_name, row.baseline, row.ratio
        );
    }
}

/// Returns the middle of some times; they come back sorted.
pub fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
