//! How long a text is to a model, and how to shorten it.

/// What a tool result may cost: 2,500 tokens, with room for a header and a pointer.
pub(crate) const RESULT_TOKENS: usize = 2_300;

/// Most characters of one line that are shown.
pub(crate) const LINE_CHARS: usize = 1_200;

/// Estimates the tokens of a text, rather too many than too few.
///
/// Counts what a byte-pair tokenizer tends to make of each run: words in pieces of about five letters, digits by three,
/// punctuation by two, blanks by four; held against o200k on source code by a test.
pub(crate) fn tokens(text: &str) -> usize {
    let mut quarters = 0;
    let mut run = Run { class: Class::Blank, length: 0, lower: 0 };
    for c in text.chars() {
        let class = Class::of(c);
        // A capital after small letters begins a new word: `readFile`.
        let breaks = class == Class::Letter && c.is_ascii_uppercase() && run.lower > 0;
        if class == run.class && !breaks {
            run.length += 1;
        } else {
            quarters += run.quarters();
            run = Run { class, length: 1, lower: 0 };
        }
        run.lower += usize::from(c.is_ascii_lowercase());
    }
    (quarters + run.quarters()).div_ceil(4)
}

struct Run {
    class: Class,
    length: usize,
    lower: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Blank,
    Newline,
    Mark,
    Wide,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' => Class::Letter,
            '0'..='9' => Class::Digit,
            '\n' | '\r' => Class::Newline,
            ' ' | '\t' => Class::Blank,
            c if c.is_ascii() => Class::Mark,
            _ => Class::Wide,
        }
    }
}

impl Run {
    /// Returns four times the tokens of the run.
    fn quarters(&self) -> usize {
        match self.class {
            // A single blank joins the word after it.
            Class::Blank if self.length == 1 => 0,
            Class::Blank => 4 + self.length / 20,
            Class::Newline => 2 + self.length / 4,
            Class::Letter if self.length <= 7 && self.lower > 0 => 4,
            Class::Letter if self.lower > 0 => 4 + (self.length - 7).div_ceil(4) * 3,
            Class::Letter => (self.length * 4).div_ceil(3),
            Class::Digit => self.length.div_ceil(3) * 4,
            Class::Mark if self.length == 1 => 3,
            Class::Mark if self.length > 12 => 6 + self.length / 3,
            Class::Mark => (self.length * 2).max(4),
            Class::Wide => (self.length * 9) / 4 + 2,
        }
    }
}

/// Shortens a line in the middle so that at most about `most` characters stay; says how many went.
pub(crate) fn cut_line(line: &str, most: usize) -> std::borrow::Cow<'_, str> {
    if line.len() <= most {
        return line.into();
    }
    let total = line.chars().count();
    if total <= most {
        return line.into();
    }
    let head: String = line.chars().take(most * 2 / 3).collect();
    let tail: String = line.chars().skip(total - most / 3).collect();
    let gone = total - head.chars().count() - tail.chars().count();
    format!("{head} … [{gone} characters] … {tail}").into()
}

/// Cuts a text to about `budget` tokens: its first and its last lines, and `gap` (told how many
/// lines went) between them. `None` where it fits.
pub(crate) fn head_and_tail(
    text: &str,
    budget: usize,
    gap: impl Fn(usize) -> String,
) -> Option<String> {
    let lines: Vec<_> = text.lines().map(|line| cut_line(line, LINE_CHARS)).collect();
    let costs: Vec<usize> = lines.iter().map(|line| tokens(line) + 1).collect();
    if costs.iter().sum::<usize>() <= budget {
        let same = lines.iter().all(|line| matches!(line, std::borrow::Cow::Borrowed(_)));
        return if same { None } else { Some(lines.join("\n")) };
    }
    let fit = |costs: &mut dyn Iterator<Item = &usize>, budget: usize| {
        let mut spent = 0;
        costs
            .take_while(|cost| {
                spent += **cost;
                spent <= budget
            })
            .count()
    };
    let head = fit(&mut costs.iter(), budget * 2 / 5);
    let tail = fit(&mut costs.iter().rev(), budget * 3 / 5).min(lines.len() - head);
    let mut out: Vec<&str> = lines.iter().take(head).map(AsRef::as_ref).collect();
    let note = gap(lines.len() - head - tail);
    out.push(&note);
    out.extend(lines.iter().skip(lines.len() - tail).map(AsRef::as_ref));
    Some(out.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_lose_their_middle_and_long_texts_too() {
        assert_eq!(cut_line("short", 10), "short");
        let cut = cut_line(&"x".repeat(3_000), 90).into_owned();
        assert!(
            cut.starts_with("xxx") && cut.ends_with("xxx") && cut.contains("[2910 characters]")
        );
        let text: String = (0..5_000).map(|i| format!("line {i}\n")).collect();
        let cut = head_and_tail(&text, 500, |gone| format!("[{gone}]")).unwrap();
        assert!(cut.starts_with("line 0\n") && cut.ends_with("line 4999"));
        assert!(tokens(&cut) < 600, "{}", tokens(&cut));
        assert_eq!(head_and_tail("a\nb", 500, |_| String::new()), None);
    }
}
