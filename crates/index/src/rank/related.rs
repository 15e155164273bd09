//! Which words of code stand for a word of a request: `len` for `number`, `new` for `create`.
//!
//! Counted over documented functions of public repositories by `cargo xtask train words`; a line is a
//! stem, then stems of names with the share, in hundredths, that each is worth.

use std::collections::HashMap;
use std::sync::LazyLock;

type Words = Vec<(&'static str, f32)>;

static TABLE: LazyLock<HashMap<&'static str, Words>> =
    LazyLock::new(|| read(include_str!("related.txt")));

/// Returns the stems that stand for a stem, the likeliest first, each with its share up to 1.
pub(crate) fn of(stem: &str) -> impl Iterator<Item = (&'static str, f32)> + use<> {
    TABLE.get(stem).into_iter().flatten().copied()
}

fn read(text: &'static str) -> HashMap<&'static str, Words> {
    let mut table = HashMap::new();
    for line in text.lines() {
        let mut parts = line.split_whitespace();
        let Some(stem) = parts.next() else { continue };
        let words = parts.filter_map(|part| {
            let (word, share) = part.rsplit_once(':')?;
            Some((word, share.parse::<f32>().ok()? / 100.0))
        });
        table.insert(stem, words.collect());
    }
    table
}
