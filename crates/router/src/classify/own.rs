//! What of a prompt the user says: pasted code, logs, traces, data and quotations are taken out.

/// Bytes of a prompt's beginning and end that are looked at; what stands between is pasted, or says
/// the same again.
const HEAD: usize = 8 << 10;
const TAIL: usize = 4 << 10;
/// Lines are looked at up to here.
const MAX_LINE: usize = 400;

/// What kinds of pasted text there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pasted {
    /// Fenced blocks, tagged blocks and lines that look like code or data.
    pub code: usize,
    /// Lines of logs.
    pub log: usize,
    /// Lines of stack traces and of failed tests.
    pub trace: usize,
    /// Lines of diffs.
    pub diff: usize,
    /// Lines that are marked as quoted.
    pub quoted: usize,
}

impl Pasted {
    /// Returns how many lines were pasted.
    pub const fn lines(&self) -> usize {
        self.code + self.log + self.trace + self.diff + self.quoted
    }
}

/// The user's own words and what stood beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// The words, lines joined by line ends.
    pub text: String,
    /// What was taken out.
    pub pasted: Pasted,
    /// Bullets and numbered items among the own lines.
    pub items: usize,
}

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Blank,
    Words,
    Code,
    Log,
    Trace,
    Diff,
    Quoted,
}

/// Takes a prompt apart.
pub fn own(prompt: &str) -> Own {
    let lines = sample(prompt);
    let looks = looks(&lines);
    let mut own = Own::default();
    for (line, look) in lines.iter().zip(&looks) {
        match look {
            Look::Blank => {}
            Look::Words => {
                own.items += usize::from(is_item(line.trim_start()));
                own.text.push_str(line);
                own.text.push('\n');
            }
            Look::Code => own.pasted.code += 1,
            Look::Log => own.pasted.log += 1,
            Look::Trace => own.pasted.trace += 1,
            Look::Diff => own.pasted.diff += 1,
            Look::Quoted => own.pasted.quoted += 1,
        }
    }
    own
}

/// Returns the lines of a prompt; of a long one those of its beginning and end.
fn sample(prompt: &str) -> Vec<&str> {
    if prompt.len() <= HEAD + TAIL {
        return prompt.lines().map(cut).collect();
    }
    let head = prompt.get(..prompt.floor_char_boundary(HEAD)).unwrap_or_default();
    let tail = prompt.get(prompt.ceil_char_boundary(prompt.len() - TAIL)..).unwrap_or_default();
    head.lines().chain(tail.lines()).map(cut).collect()
}

fn cut(line: &str) -> &str {
    line.get(..line.floor_char_boundary(MAX_LINE)).unwrap_or_default()
}

/// Says of each line what it is, by its own look and by what stands around it.
fn looks(lines: &[&str]) -> Vec<Look> {
    let mut looks = Vec::with_capacity(lines.len());
    let (mut fence, mut tag, mut in_diff) = (None::<&str>, None::<String>, false);
    for line in lines {
        let trimmed = line.trim();
        if let Some(mark) = fence {
            looks.push(Look::Code);
            if trimmed.starts_with(mark) {
                fence = None;
            }
            continue;
        }
        if let Some(name) = &tag {
            looks.push(Look::Code);
            if trimmed.ends_with(&format!("</{name}>")) {
                tag = None;
            }
            continue;
        }
        fence = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        tag = opened(trimmed);
        in_diff = is_diff_head(trimmed) || (in_diff && is_diff_line(line));
        looks.push(match () {
            () if fence.is_some() || tag.is_some() => Look::Code,
            () if trimmed.is_empty() => Look::Blank,
            () if trimmed.starts_with('>') => Look::Quoted,
            () if is_tagged(trimmed) => Look::Code,
            () if in_diff => Look::Diff,
            () => look(line, trimmed),
        });
    }
    // A fence or a tag that is never closed ends the prompt; that is what the sender meant.
    alone_is_words(&mut looks, lines);
    looks
}

/// A single line that looks like code between lines of words is part of what is said.
fn alone_is_words(looks: &mut [Look], lines: &[&str]) {
    let near = looks.to_vec();
    let is_code = |at: Option<usize>| {
        at.and_then(|at| near.get(at))
            .is_some_and(|look| matches!(look, Look::Code | Look::Log | Look::Trace))
    };
    for (at, look) in looks.iter_mut().enumerate() {
        let has_words = lines.get(at).is_some_and(|line| words(line) >= 3);
        if *look == Look::Code && has_words && !is_code(at.checked_sub(1)) && !is_code(Some(at + 1))
        {
            *look = Look::Words;
        }
    }
}

fn words(line: &str) -> usize {
    line.split_whitespace()
        .filter(|word| word.chars().all(|c| c.is_alphabetic() || c == ','))
        .count()
}

/// Returns the name of a tag that a line opens and does not close.
fn opened(line: &str) -> Option<String> {
    let rest = line.strip_prefix('<')?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')?;
    let name = rest.get(..end).filter(|name| !name.is_empty())?;
    (line.contains('>') && !line.contains(&format!("</{name}>")) && !line.ends_with("/>"))
        .then(|| name.to_owned())
}

/// Whether a line is one tagged block.
fn is_tagged(line: &str) -> bool {
    let name = line.strip_prefix('<').and_then(|rest| rest.split_once(['>', ' ']));
    name.is_some_and(|(name, _)| !name.is_empty() && line.ends_with(&format!("</{name}>")))
}

fn is_item(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.len() < line.len() {
        return rest.starts_with(['.', ')']) && rest.get(1..2).is_none_or(|c| c == " ");
    }
    ["- ", "* ", "• ", "– "].iter().any(|mark| line.starts_with(mark))
}

fn is_diff_head(line: &str) -> bool {
    ["diff --git", "--- a/", "+++ b/", "@@ -"].iter().any(|start| line.starts_with(start))
}

fn is_diff_line(line: &str) -> bool {
    line.is_empty() || line.starts_with(['+', '-', ' ', '@']) || line.starts_with("index ")
}

/// Says what one line looks like by itself.
fn look(line: &str, trimmed: &str) -> Look {
    if is_trace(trimmed) {
        Look::Trace
    } else if is_log(trimmed) {
        Look::Log
    } else if is_code(line, trimmed) {
        Look::Code
    } else {
        Look::Words
    }
}

fn is_trace(line: &str) -> bool {
    const STARTS: [&str; 16] = [
        "Traceback (",
        "File \"",
        "Caused by:",
        "Exception in ",
        "thread '",
        "note: run with",
        "---- ",
        "test result:",
        "panicked at",
        "stack backtrace",
        "goroutine ",
        "error[E",
        "FAILED ",
        "AssertionError",
        "npm ERR!",
        "--> ",
    ];
    let is_frame = line.starts_with("at ") && line.contains(':') && line.contains(['(', '/']);
    let first = line.split(':').next().unwrap_or_default();
    let is_exception = (first.ends_with("Error") || first.ends_with("Exception"))
        && !first.contains(' ')
        && first.len() > 5;
    is_frame || is_exception || STARTS.iter().any(|start| line.starts_with(start))
}

fn is_log(line: &str) -> bool {
    let start = line.trim_start_matches(['[', '(']);
    let bytes = start.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is = |at: usize, wanted: u8| bytes.get(at) == Some(&wanted);
    let is_clock = |at: usize| digit(at) && digit(at + 1) && is(at + 2, b':') && digit(at + 3);
    let is_date = digit(0) && digit(3) && (is(4, b'-') || is(4, b'/')) && digit(5);
    let month = start
        .get(..3)
        .is_some_and(|month| "JanFebMarAprMayJunJulAugSepOctNovDec".contains(month) && is(3, b' '));
    let is_level = ["INFO", "WARN", "ERROR", "DEBUG", "TRACE", "FATAL"].iter().any(|level| {
        start.strip_prefix(level).is_some_and(|rest| rest.starts_with([':', ' ', ']', '\t']))
    });
    (is_date && (is(10, b'T') || is_clock(11)))
        || (is_clock(0) && is(5, b':'))
        || (month && (is_clock(6) || is_clock(7)))
        || is_level
}

fn is_code(line: &str, trimmed: &str) -> bool {
    const STARTS: [&str; 25] = [
        "def ",
        "class ",
        "fn ",
        "pub ",
        "func ",
        "import ",
        "from ",
        "let ",
        "const ",
        "var ",
        "return ",
        "#include",
        "public ",
        "private ",
        "SELECT ",
        "FROM ",
        "WHERE ",
        "JOIN ",
        "CREATE TABLE",
        "GROUP BY",
        "ORDER BY",
        "package ",
        "use ",
        "async ",
        "type ",
    ];
    let signs = trimmed.chars().filter(|c| "{}()[];=<>|&\"'$_\\,:/".contains(*c)).count();
    let all = trimmed.chars().count().max(1);
    let ends = trimmed.ends_with(['{', '}', ';', '[', ']']) || trimmed.ends_with("),");
    let starts = STARTS.iter().any(|start| trimmed.starts_with(start)) && signs > 0;
    let is_setting = trimmed.split_once(':').is_some_and(|(key, value)| {
        let key = key.trim_start_matches("- ").trim_matches('"');
        let is_key = !key.is_empty() && !key.contains(' ') && key.is_ascii();
        is_key && (value.is_empty() || line.starts_with([' ', '\t']) || key != key.trim_end())
    });
    let is_row = trimmed.matches(',').count() >= 2 && !trimmed.contains(", ") && words(line) < 3;
    (ends && (signs * 10 >= all || trimmed.len() < 3))
        || (starts && (signs * 12 >= all || line.starts_with([' ', '\t'])))
        || is_setting
        || is_row
        || (signs * 4 > all && all > 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prompt: &str, expect: &str) {
        assert_eq!(own(prompt).text.trim(), expect, "{prompt}");
    }

    #[test]
    fn what_is_pasted_is_no_words() {
        check("why?\n```\nmake it multi-tenant\n```\n", "why?");
        check("fix it\n> use the cheap model\nnow", "fix it\nnow");
        check("sum up\n<file path=\"a.md\">\nThis is simple.\n</file>", "sum up");
        check(
            "what is it?\n2026-03-02T08:14:55Z INFO up\n[12:00:01] all shards migrated",
            "what is it?",
        );
        check("Mar 14 10:02:11 web1 nginx[812]: x\nwhy", "why");
        check(
            "help\nTraceback (most recent call last):\n  File \"a.py\", line 1\nTypeError: no",
            "help",
        );
        check(
            "see\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old words here\n+new words\n",
            "see",
        );
        check("go on\n<system-reminder>plan it all anew</system-reminder>", "go on");
        check("model this\n{\"id\": 17}\n", "model this");
        check("set 4\nspec:\n  replicas: 2\n", "set 4");
        check("a,b,c\n1,2,3\n4,5,6\nsum it", "sum it");
    }

    #[test]
    fn what_is_said_stays() {
        for words in [
            "Please do two things: fix a and test b",
            "1) find all places\n2) move them",
            "- one thing\n- another thing",
            "use the class `Foo` from the module and return x;",
            "import the orders from the shop, then mail them",
            "make it multi-tenant",
            "добавь поле, проверь, удали",
        ] {
            check(words, words);
        }
        assert_eq!(own("1) a b\n2) c d\n- e").items, 3);
    }

    #[test]
    fn long_prompts_are_sampled() {
        let long = format!("first\n{}\nlast", "word é ".repeat(200_000));
        let own = own(&long);
        assert!(own.text.len() < HEAD + TAIL && own.text.ends_with("last\n"));
        assert_eq!(super::own(""), Own::default());
    }
}
