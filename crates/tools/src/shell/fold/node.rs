//! `node --test`, as TAP and as a list.

use super::{Colour, begins};

pub(super) fn fold(lines: &[&str], colour: Colour) -> Option<Vec<String>> {
    let total = |line: &str| {
        line.strip_prefix("ℹ tests ").or_else(|| line.strip_prefix("# tests "))?.parse::<u64>().ok()
    };
    lines.iter().find_map(|line| total(line))?;
    let mut kept: Vec<String> = Vec::new();
    // Inside the details of a test that passed.
    let mut details = false;
    for line in lines {
        let plain = line.trim_start();
        if plain.starts_with("ok ") && plain.contains(" - ") {
            details = true;
            continue;
        }
        if details && (plain == "---" || line.starts_with("  ") && !begins(line, &["not ok", "#"]))
        {
            details = plain != "...";
            continue;
        }
        details = false;
        if !is_noise(line, colour) {
            kept.push((*line).to_owned());
        }
    }
    Some(kept)
}

fn is_noise(line: &str, colour: Colour) -> bool {
    let plain = line.trim_start();
    let counted = plain.strip_prefix("ℹ ").or_else(|| plain.strip_prefix("# "));
    if let Some(counted) = counted {
        let (name, value) = counted.split_once(' ').unwrap_or((counted, ""));
        return match name {
            "suites" | "duration_ms" => true,
            "cancelled" | "skipped" | "todo" => value == "0",
            "Subtest:" => true,
            _ => false,
        };
    }
    let plan = plain.strip_prefix("1..").is_some_and(|n| n.parse::<u64>().is_ok());
    let group = plain.starts_with("▶ ") && colour == Colour::Green;
    plan || group || plain.starts_with("TAP version") || plain.starts_with("✔ ")
}

#[cfg(test)]
mod tests {
    use super::super::tests as fold;

    #[test]
    fn list_and_tap() {
        let text = "▶ math\n  ✔ adds (0.4ms)\n✔ math (1ms)\nℹ tests 1\nℹ suites 1\nℹ pass 1\nℹ fail 0\nℹ cancelled 0\nℹ \
                    skipped 0\nℹ todo 0\nℹ duration_ms 40\n";
        assert_eq!(fold(text, true).unwrap(), "ℹ tests 1\nℹ pass 1\nℹ fail 0");
        let text = "TAP version 13\n# Subtest: adds\nok 1 - adds\n  ---\n  duration_ms: 0.5\n  ...\n# Subtest: breaks\nnot ok 2 - \
                    breaks\n  ---\n  error: 'boom'\n  ...\n1..2\n# tests 2\n# suites 0\n# pass 1\n# fail 1\n# cancelled \
                    0\n# skipped 0\n# todo 0\n# duration_ms 9\n";
        assert_eq!(
            fold(text, false).unwrap(),
            "not ok 2 - breaks\n  ---\n  error: 'boom'\n  ...\n# tests 2\n# pass 1\n# fail 1"
        );
    }
}
