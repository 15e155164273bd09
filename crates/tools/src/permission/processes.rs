//! `ps`: lists processes, or shows what their environments hold.

use distiq_lang::shell::Word;

/// What a `ps` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Processes and their command lines.
    Processes,
    /// Their environments too.
    Environment,
    /// Only the run tells.
    Unknown,
}

/// Short options with a value.
const VALUED: &str = "oOpqUuGgtsC";
/// Those of them that have one without a dash too.
const VALUED_BARE: &str = "oOpqUt";
const LONG_VALUED: [&str; 14] = [
    "--format",
    "--sort",
    "--pid",
    "--ppid",
    "--user",
    "--User",
    "--group",
    "--Group",
    "--tty",
    "--sid",
    "--quick-pid",
    "--cols",
    "--columns",
    "--rows",
];

/// Tells what a `ps` with these arguments shows.
pub(super) fn shown(arguments: &[&Word]) -> Shown {
    let shows = |text: &str| text.to_lowercase().contains("env");
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        let takes_next = if text.starts_with("--") {
            if shows(text) {
                return Shown::Environment;
            }
            LONG_VALUED.contains(&text)
        } else {
            if !word.literal && (word.splits || text.starts_with(['$', '`'])) {
                return Shown::Unknown;
            }
            let (letters, valued) = match text.strip_prefix('-') {
                Some(letters) => (letters, VALUED),
                None => (text, VALUED_BARE),
            };
            if letters.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            let end = letters.find(|c| valued.contains(c)).unwrap_or(letters.len());
            let (flags, value) = letters.split_at_checked(end).unwrap_or_default();
            if flags.contains('E')
                || (!text.starts_with('-') && flags.contains('e'))
                || shows(value)
            {
                return Shown::Environment;
            }
            value.len() == 1
        };
        let Some(value) = takes_next.then(|| rest.next()).flatten() else { continue };
        if shows(&value.text) {
            return Shown::Environment;
        }
        if value.splits {
            return Shown::Unknown;
        }
    }
    Shown::Processes
}

#[cfg(test)]
mod tests {
    use super::super::values::literal;
    use super::{Shown, shown};

    #[test]
    fn the_environment_shows_by_a_letter_without_a_dash_or_by_a_format() {
        for (line, expected) in [
            ("aux", Shown::Processes),
            ("-ef", Shown::Processes),
            ("-eo pid,user,etime", Shown::Processes),
            ("-o user", Shown::Processes),
            ("axo user:20,pid,stat", Shown::Processes),
            ("-u me -o etime= -p 12", Shown::Processes),
            ("--format pid,user --sort=-rss", Shown::Processes),
            ("auxe", Shown::Environment),
            ("e -p 12", Shown::Environment),
            ("-E", Shown::Environment),
            ("-o pid,environ", Shown::Environment),
            ("--format=environ", Shown::Environment),
        ] {
            let words: Vec<_> = line.split(' ').map(literal).collect();
            assert_eq!(shown(&words.iter().collect::<Vec<_>>()), expected, "{line}");
        }
    }
}
