//! Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write};

use super::histogram::Histogram;

/// The content type that goes with it.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics as they are written.
#[derive(Default)]
pub(crate) struct Page {
    text: String,
    family: &'static str,
}

impl Page {
    /// Begins a metric.
    pub fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        let _ = writeln!(self.text, "# HELP {name} {help}.\n# TYPE {name} {kind}");
    }

    /// Writes one value of the metric that was begun.
    pub fn sample(&mut self, ending: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.family);
        self.text.push_str(ending);
        for (index, (name, value)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(name);
            self.text.push_str("=\"");
            for letter in value.chars() {
                match letter {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// Writes a histogram of the metric that was begun.
    pub fn histogram<const N: usize>(
        &mut self,
        labels: &[(&str, &str)],
        bounds: &[f64; N],
        histogram: &Histogram<N>,
    ) {
        let mut below = 0;
        for (bound, count) in bounds.iter().zip(histogram.counts) {
            below += count;
            let bound = bound.to_string();
            let with: Vec<(&str, &str)> =
                labels.iter().copied().chain([("le", bound.as_str())]).collect();
            self.sample("_bucket", &with, below);
        }
        let with: Vec<(&str, &str)> = labels.iter().copied().chain([("le", "+Inf")]).collect();
        self.sample("_bucket", &with, histogram.count);
        self.sample("_sum", labels, histogram.sum);
        self.sample("_count", labels, histogram.count);
    }

    pub fn finish(self) -> String {
        self.text
    }
}
