//! `sed`: harmless where its script neither writes, reads other files nor runs anything.

use distiq_lang::shell::{Command, Word};

use super::commands::{Context, ask};
use super::danger;
use super::readers::{contents, may_be_option, may_hand_options};
use super::{Part, Verdict};

/// Judges a `sed`.
pub(super) fn judge(arguments: &[&Word], command: &Command, context: &Context<'_>) -> Part {
    let mut scripts: Vec<&Word> = Vec::new();
    let mut attached: Vec<Word> = Vec::new();
    let mut files: Vec<&Word> = Vec::new();
    let mut in_place = false;
    let mut unknown = None;
    let mut rest = arguments.iter().copied();
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        match text {
            "-e" | "--expression" | "-ne" | "-nE"
                if text.ends_with('e') || text == "--expression" =>
            {
                scripts.extend(rest.next())
            }
            "--quiet" | "--silent" | "--regexp-extended" | "--null-data" | "--separate"
            | "--unbuffered" | "--posix" | "--sandbox" | "--debug" => {}
            "--in-place" => in_place = true,
            _ if text.starts_with("--in-place=") || text.starts_with("-i") => in_place = true,
            _ if text.starts_with("--expression=") => attached.push(Word {
                text: text.trim_start_matches("--expression=").to_owned(),
                ..word.clone()
            }),
            _ => match text.strip_prefix('-').filter(|flags| !flags.is_empty()) {
                Some(flags) if flags.chars().all(|c| "nErsuz".contains(c)) => {}
                Some(flags) if flags.chars().all(|c| "nErsuzi".contains(c)) => in_place = true,
                // `-ne SCRIPT`, `-nesomething`
                Some(flags) if flags.trim_start_matches(|c| "nErsuz".contains(c)) == "e" => {
                    scripts.extend(rest.next())
                }
                Some(flags)
                    if flags.trim_start_matches(|c| "nErsuz".contains(c)).starts_with('e') =>
                {
                    let script =
                        flags.trim_start_matches(|c| "nErsuz".contains(c)).trim_start_matches('e');
                    attached.push(Word { text: script.to_owned(), ..word.clone() });
                }
                Some(_) => unknown = Some(text),
                None => files.push(word),
            },
        }
    }
    scripts.extend(&attached);
    if scripts.is_empty() && !files.is_empty() {
        scripts.push(files.remove(0));
    }
    if in_place {
        for effect in scripts.iter().filter_map(|script| effects(&script.text)).flatten() {
            if let Some(part) =
                danger::effect(&effect, context).filter(|part| part.verdict == Verdict::Deny)
            {
                return part;
            }
        }
        return danger::changes(&files, "changes files in place", command, context);
    }
    if let Some(option) = unknown {
        return Part {
            writes: true,
            ..ask(format!("sed {option} may change files or run a script file"))
        };
    }
    if scripts.is_empty() {
        return ask("sed without a script");
    }
    for script in scripts {
        let effects = script.literal.then(|| effects(&script.text)).flatten();
        // A line number or a pattern from a variable that is quoted cannot be told from a command.
        let Some(effects) = effects else {
            return Part { writes: true, ..ask("only the run tells what this sed script does") };
        };
        if let Some(part) = danger::effects(&effects, context) {
            return part;
        }
    }
    // `-i` among the files rewrites all of them.
    if files.iter().any(|file| may_be_option(file, context))
        || command.partial && may_hand_options(command, context)
    {
        return Part { writes: true, ..ask("only the run tells its options") };
    }
    contents("sed", &files, &[], command, context)
}

/// What a script in another language does besides its own work.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Runs a shell line and reads or feeds it.
    Pipes(String),
    /// Runs a shell line.
    Runs(String),
    /// Writes a file.
    Writes(String),
    /// Reads a file.
    Reads(String),
    /// Runs, writes or reads what the text does not tell.
    Unknown(&'static str),
}

/// Returns what a script does besides printing; `None` where it cannot be read.
///
/// Whether a delimiter within brackets ends a pattern depends on the `sed`: both readings count, and one that is no script
/// does nothing.
fn effects(script: &str) -> Option<Vec<Effect>> {
    let readings =
        [Brackets::Hide, Brackets::Plain].map(|brackets| Reader { brackets }.script(script));
    readings.into_iter().flatten().reduce(|mut all, more| {
        if all != more {
            all.extend(more);
        }
        all
    })
}

/// Whether brackets hide the delimiter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Brackets {
    Hide,
    Plain,
}

struct Reader {
    brackets: Brackets,
}

impl Reader {
    fn script(&self, script: &str) -> Option<Vec<Effect>> {
        let mut effects = Vec::new();
        let mut rest = script;
        loop {
            rest = rest.trim_start_matches([' ', '\t', '\n', ';', '}']);
            if rest.is_empty() {
                return Some(effects);
            }
            rest = self.address(rest)?;
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix(',') {
                rest = self.address(after.trim_start())?.trim_start();
            }
            rest = rest.trim_start_matches(['!', ' ', '\t']);
            let command = rest.chars().next()?;
            rest = rest.get(command.len_utf8()..)?;
            rest = match command {
                '{' | '}' => rest,
                '=' | 'd' | 'D' | 'g' | 'G' | 'h' | 'H' | 'n' | 'N' | 'p' | 'P' | 'x' | 'z'
                | 'F' => ends(rest)?,
                'q' | 'Q' | 'l' | 'L' => {
                    ends(rest.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()))?
                }
                '#' | 'a' | 'i' | 'c' => text_end(rest, command),
                ':' | 'b' | 't' | 'T' | 'v' => {
                    let end = rest.find(['\n', ';', '}']).unwrap_or(rest.len());
                    rest.get(end..)?
                }
                'y' => self.delimited(rest, 2)?.1,
                's' => self.substitution(rest, &mut effects)?,
                'w' | 'W' | 'r' | 'R' => {
                    let (name, after) = rest.split_once('\n').unwrap_or((rest, ""));
                    let name = name.trim().to_owned();
                    effects.push(if "wW".contains(command) {
                        Effect::Writes(name)
                    } else {
                        Effect::Reads(name)
                    });
                    after
                }
                'e' => {
                    let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
                    let line = line.trim();
                    effects.push(if line.is_empty() {
                        Effect::Unknown("runs what it reads")
                    } else {
                        Effect::Runs(line.to_owned())
                    });
                    after
                }
                _ => return None,
            };
        }
    }

    /// Passes an address, where one stands.
    fn address<'t>(&self, text: &'t str) -> Option<&'t str> {
        let first = text.chars().next()?;
        match first {
            '0'..='9' | '$' | '~' | '+' => {
                Some(text.trim_start_matches(|c: char| c.is_ascii_digit() || "$~+".contains(c)))
            }
            '/' => Some(self.delimited(text, 1)?.1.trim_start_matches(['I', 'M'])),
            '\\' => Some(self.delimited(text.get(1..)?, 1)?.1.trim_start_matches(['I', 'M'])),
            _ => Some(text),
        }
    }

    /// Passes `count` parts that the first character delimits; returns the rest.
    fn delimited<'t>(&self, text: &'t str, count: usize) -> Option<(char, &'t str)> {
        let delimiter =
            text.chars().next().filter(|c| !c.is_alphanumeric() && !"\n\\".contains(*c))?;
        let mut left = count;
        let mut escaped = false;
        let mut in_class = false;
        let mut class_begin = false;
        for (at, c) in text.char_indices().skip(1) {
            let begin = std::mem::take(&mut class_begin);
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '[' if !in_class && left == count && self.brackets == Brackets::Hide => {
                    in_class = true;
                    class_begin = true;
                }
                '^' if in_class && begin => class_begin = true,
                ']' if in_class && !begin => in_class = false,
                c if c == delimiter && !in_class => {
                    left -= 1;
                    if left == 0 {
                        return Some((delimiter, text.get(at + c.len_utf8()..)?));
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn substitution<'t>(&self, text: &'t str, effects: &mut Vec<Effect>) -> Option<&'t str> {
        let (_, mut rest) = self.delimited(text, 2)?;
        loop {
            match rest.chars().next() {
                Some(c @ ('g' | 'p' | 'i' | 'I' | 'm' | 'M' | '0'..='9')) => {
                    rest = rest.get(c.len_utf8()..)?
                }
                Some('e') => {
                    effects.push(Effect::Unknown("runs what it reads"));
                    rest = rest.get(1..)?;
                }
                Some('w') => {
                    let (name, after) =
                        rest.get(1..)?.split_once('\n').unwrap_or((rest.get(1..)?, ""));
                    effects.push(Effect::Writes(name.trim().to_owned()));
                    return Some(after);
                }
                _ => return ends(rest),
            }
        }
    }
}

/// Passes to the end of a command.
fn ends(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches([' ', '\t']);
    (rest.is_empty() || rest.starts_with([';', '\n', '}', '#'])).then_some(rest)
}

/// Passes the text of `a`, `i`, `c` or a comment.
fn text_end(text: &str, command: char) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '\n' if !escaped || command == '#' => return text.get(at..).unwrap_or_default(),
            _ => escaped = c == '\\' && !escaped,
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::{Effect, effects};

    #[test]
    fn scripts_are_read() {
        for harmless in [
            "1,20p",
            "$!d",
            "s/a/b/g",
            "s|/usr|/opt|gp",
            "/^#/d;/^$/d",
            "s/[^/]*$//",
            "1~2p",
            "/a/,/b/p",
            "/x/{s/a/b/;p}",
            "5q",
            "y/abc/def/",
            "/a/I!p",
            "s/\\/w/x/",
            "a\\\ntext w x",
            "$=",
            "/re/,+3p",
            ":a;N;$!ba;s/\\n/ /g",
            "s/w/e/",
            "1i hello; w x",
            "\\|a|d",
        ] {
            assert_eq!(effects(harmless), Some(Vec::new()), "{harmless}");
        }
        for (harmful, effect) in [
            ("w out", Effect::Writes("out".into())),
            ("s/a/b/w out", Effect::Writes("out".into())),
            ("s/a/b/gw/etc/x", Effect::Writes("/etc/x".into())),
            ("1e date", Effect::Runs("date".into())),
            ("s/a/b/e", Effect::Unknown("runs what it reads")),
            ("p;w x", Effect::Writes("x".into())),
            ("/a/{p;r f\n}", Effect::Reads("f".into())),
        ] {
            assert_eq!(effects(harmful), Some(vec![effect]), "{harmful}");
        }
        assert_eq!(effects("k"), None);
    }
}
