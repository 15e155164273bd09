//! Notices a model that goes in circles: the same call with the same result, again and again.
//!
//! The result counts, so that running a test again after an edit is no circle.

use std::collections::VecDeque;

/// How far back it looks.
const WINDOW: usize = 16;
/// From so many equal steps on, the model is told.
pub const WARN_AT: usize = 3;
/// At so many equal steps, the turn ends.
pub const STOP_AT: usize = 6;

/// The last steps, as hashes of (tool, input, output).
#[derive(Clone, Debug, Default)]
pub struct Repeats {
    steps: VecDeque<[u8; 32]>,
}

impl Repeats {
    /// Takes a step in and returns how often it happened among the last ones, itself included.
    pub fn note(&mut self, tool: &str, input: &str, output: &str) -> usize {
        let mut hasher = blake3::Hasher::new();
        for part in [tool, input, output] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let hash = *hasher.finalize().as_bytes();
        if self.steps.len() == WINDOW {
            self.steps.pop_front();
        }
        self.steps.push_back(hash);
        self.steps.iter().filter(|step| **step == hash).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_results_count() {
        let mut repeats = Repeats::default();
        let test =
            |repeats: &mut Repeats, out: &str| repeats.note("shell", "{\"command\":\"t\"}", out);
        assert_eq!(test(&mut repeats, "1 failed"), 1);
        assert_eq!(repeats.note("edit", "{}", "edited a"), 1);
        assert_eq!(test(&mut repeats, "2 failed"), 1);
        assert_eq!(test(&mut repeats, "1 failed"), 2);
        for i in 0..WINDOW {
            repeats.note("read", &i.to_string(), "x");
        }
        assert_eq!(test(&mut repeats, "1 failed"), 1);
    }
}
