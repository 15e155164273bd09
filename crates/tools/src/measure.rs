//! How long a text is to a model, and how to shorten it.

/// What a tool result may cost: 2,500 tokens, with room for a header and a pointer.
pub(crate) const RESULT_TOKENS: usize = 2_300;

/// Most characters of one line that are shown.
pub(crate) const LINE_CHARS: usize = 1_200;

/// Estimates the tokens of a text, rather too many than too few.
///
/// Counts what a byte-pair tokenizer tends to make of each run: words in pieces of about five letters, digits by three,
/// punctuation by two, blanks by many; held against o200k by a test.
pub(crate) fn tokens(text: &str) -> usize {
    let mut quarters = 0;
    let mut solid = Solid::default();
    let mut run = Run { class: Class::Newline, length: 0, lower: 0 };
    for c in text.chars() {
        let class = Class::of(c);
        // A capital after small letters begins a new word: `readFile`.
        let breaks = class == Class::Letter && c.is_ascii_uppercase() && run.lower > 0;
        if class == run.class && !breaks {
            run.length += 1;
        } else {
            // Nothing joins a digit: a blank or a mark before it stands alone.
            let alone = class == Class::Digit && run.length == 1;
            let cost = if alone && run.class != Class::Letter { 4 } else { run.quarters() };
            quarters += cost + solid.add(&run, cost, class);
            run = Run { class, length: 1, lower: 0 };
        }
        run.lower += usize::from(c.is_ascii_lowercase());
    }
    let cost = run.quarters();
    (quarters + cost + solid.add(&run, cost, Class::Newline)).div_ceil(4)
}

/// Letters and digits without a break: hashes and encoded data, which have no words.
#[derive(Default)]
struct Solid {
    length: usize,
    digits: usize,
    quarters: usize,
}

impl Solid {
    /// Shorter ones are names.
    const LEAST: usize = 24;

    /// Takes a run and what it cost; returns what is missing once the whole has ended.
    fn add(&mut self, run: &Run, cost: usize, next: Class) -> usize {
        if !matches!(run.class, Class::Letter | Class::Digit) {
            return 0;
        }
        self.length += run.length;
        self.quarters += cost;
        self.digits += if run.class == Class::Digit { run.length } else { 0 };
        if matches!(next, Class::Letter | Class::Digit) {
            return 0;
        }
        let whole = std::mem::take(self);
        let random = whole.length >= Self::LEAST && whole.digits > 0;
        if random { (whole.length * 14 / 5).saturating_sub(whole.quarters) } else { 0 }
    }
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
    /// Letters beyond ASCII of two bytes: Cyrillic, Greek, accents.
    Wide,
    /// Three bytes: Chinese, Japanese, Korean, symbols.
    Wider,
    /// Four bytes: emoji, rare letters.
    Widest,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' => Class::Letter,
            '0'..='9' => Class::Digit,
            '\n' | '\r' => Class::Newline,
            ' ' | '\t' => Class::Blank,
            c if c.is_ascii() => Class::Mark,
            c if c.len_utf8() == 2 => Class::Wide,
            c if c.len_utf8() == 3 => Class::Wider,
            _ => Class::Widest,
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
            Class::Newline => 4 * self.length.min(1) + self.length / 4,
            Class::Letter if self.length <= 7 && self.lower > 0 => 4,
            // No word is that long; what is left has no pieces to speak of.
            Class::Letter if self.length > 20 => self.length * 2,
            Class::Letter if self.lower > 0 => 4 + (self.length - 7).div_ceil(4) * 3,
            Class::Letter => (self.length * 4).div_ceil(3),
            Class::Digit => self.length.div_ceil(3) * 4,
            Class::Mark if self.length == 1 => 3,
            Class::Mark if self.length > 12 => 6 + self.length / 3,
            Class::Mark => (self.length * 2).max(4),
            Class::Wide => self.length * 2 + 2,
            Class::Wider => self.length * 4,
            Class::Widest => self.length * 10,
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

    /// Too few would break the bounds, far too many would waste them.
    #[test]
    fn estimates_a_little_more_than_o200k_counts() {
        use base64::Engine as _;
        use distiq_base::CountTokens;
        let hex: String = (0..400_u64)
            .map(|i| format!("{:016x}\n", i.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            .collect();
        let log: String = (0..200)
            .map(|i| {
                format!(
                    "2026-11-21T10:{:02}:07.{i:03}Z INFO server: GET /api/v1/users/{i} 200 {}ms\n",
                    i % 60,
                    i * 7
                )
            })
            .collect();
        let seq: String = (1..3_000).map(|i| format!("{i}\n")).collect();
        let json = serde_json::to_string_pretty(&crate::toolbox::definitions()).unwrap();
        let table = "| a | b |\n|---|---|\n".repeat(40);
        for (name, text, most) in [
            ("rust", include_str!("edit/engine.rs"), 1.35),
            ("toml", include_str!("../Cargo.toml"), 1.35),
            (
                "prose",
                "The quick brown fox jumps over the lazy dog, and nobody minds it at all.\n",
                1.4,
            ),
            ("русский", "Съешь ещё этих мягких французских булок, да выпей же чаю.\n", 2.5),
            ("中文", "我能吞下玻璃而不伤身体。天地玄黄,宇宙洪荒。\n", 3.5),
            ("hex", &hex, 1.5),
            ("log", &log, 1.5),
            ("numbers", &seq, 1.5),
            ("json", &json, 1.5),
            ("table", &table, 2.5),
            ("rules", &"=".repeat(2_000), 40.0),
            (
                "base64",
                &base64::engine::general_purpose::STANDARD
                    .encode(blake3::hash(b"x").as_bytes())
                    .repeat(20),
                2.0,
            ),
            ("letters", &"qzxkjvwpyq".repeat(100), 2.0),
        ] {
            let (ours, real) =
                (tokens(text) as f64, distiq_ml::Tokenizer::o200k().count(text) as f64);
            println!("{name}: {ours} for {real}");
            assert!(ours >= real * 0.94, "{name}: {ours} for {real}");
            assert!(ours <= real * most, "{name}: {ours} for {real}");
        }
    }

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
