//! `awk`: harmless where its program neither runs, writes nor reads what the line does not name.

use distiq_lang::shell::{Command, Word};

use super::Part;
use super::commands::{Context, ask};
use super::danger;
use super::readers::contents;
use super::sed::Effect;

/// Judges an `awk`.
pub(super) fn judge(arguments: &[&Word], command: &Command, context: &Context<'_>) -> Part {
    let mut rest = arguments.iter().copied();
    let mut programs: Vec<&Word> = Vec::new();
    let mut files: Vec<&Word> = Vec::new();
    while let Some(word) = rest.next() {
        match word.text.as_str() {
            "-F" | "-v" | "--field-separator" | "--assign" => {
                rest.next();
            }
            "-e" | "--source" => programs.extend(rest.next()),
            "--" => {
                files.extend(rest.by_ref());
            }
            "--posix"
            | "--traditional"
            | "--csv"
            | "-b"
            | "--characters-as-bytes"
            | "--re-interval" => {}
            text if text.starts_with("-F") || (text.starts_with("-v") && text.len() > 2) => {}
            text if text.starts_with('-') && text.len() > 1 => {
                return Part {
                    writes: true,
                    ..ask(format!("awk {text} may run a script file or write"))
                };
            }
            _ => {
                files.push(word);
                files.extend(rest.by_ref());
            }
        }
    }
    if programs.is_empty() {
        if files.is_empty() {
            return ask("awk without a program");
        }
        programs.push(files.remove(0));
    }
    for program in programs {
        if !program.literal {
            return Part { writes: true, ..ask("only the run tells what this awk program does") };
        }
        if let Some(part) = danger::effects(&effects(&program.text), context) {
            return part;
        }
    }
    // `name=value` among the files sets a variable.
    files.retain(|word| !is_assignment(&word.text));
    contents("awk", &files, &[], command, context)
}

fn is_assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// A token, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Regex,
    Mark(char),
    /// `||`, `>=`, `>>`, …
    Pair(char, char),
    NewLine,
}

/// Returns what a program does besides printing.
pub(super) fn effects(program: &str) -> Vec<Effect> {
    let Some(tokens) = tokens(program) else { return vec![Effect::Unknown("is not read")] };
    let mut effects = Vec::new();
    // Within `print`, outside parentheses, `>` redirects; elsewhere it compares.
    let mut printing = false;
    let mut depth = 0_i32;
    let mut print_depth = 0_i32;
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1);
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        match token {
            Token::Word(word) => match word.as_str() {
                "print" | "printf" => {
                    printing = true;
                    print_depth = depth;
                }
                "system" => effects.extend(call(&tokens, at)),
                "getline" => match next {
                    // From a file; `cmd | getline` shows at the pipe.
                    Some(Token::Mark('<')) => {
                        effects.push(target(tokens.get(at + 2), Effect::Reads))
                    }
                    Some(Token::Word(_)) if tokens.get(at + 2) == Some(&Token::Mark('<')) => {
                        effects.push(target(tokens.get(at + 3), Effect::Reads));
                    }
                    _ => {}
                },
                "ENVIRON" | "PROCINFO" | "SYMTAB" => {
                    effects.push(Effect::Unknown("reads the environment"))
                }
                "ARGV" | "ARGC" => effects.push(Effect::Unknown("may read other files")),
                _ => {}
            },
            Token::Mark('(' | '[') => depth += 1,
            Token::Mark(')' | ']') => depth -= 1,
            Token::Mark('{' | '}' | ';') | Token::NewLine => printing = false,
            Token::Mark('@') => effects.push(Effect::Unknown("calls or loads what is not named")),
            Token::Mark('>') | Token::Pair('>', '>') if printing && depth <= print_depth => {
                effects.push(target(next, Effect::Writes));
            }
            Token::Mark('|') | Token::Pair('|', '&') => {
                let fed =
                    if next == Some(&Token::Word("getline".to_owned())) { before } else { next };
                effects.push(target(fed, Effect::Pipes));
            }
            _ => {}
        }
    }
    if effects.iter().any(|effect| matches!(effect, Effect::Pipes(line) if is_shell(line))) {
        // What is printed may be what the shell is fed.
        effects.extend(tokens.iter().filter_map(|token| match token {
            Token::Text(text) if !is_shell(text) => Some(Effect::Runs(text.clone())),
            _ => None,
        }));
    }
    effects
}

fn is_shell(line: &str) -> bool {
    matches!(
        line.split_whitespace().next(),
        Some("sh" | "bash" | "zsh" | "dash" | "/bin/sh" | "/bin/bash")
    )
}

/// Returns the effect on a text that stands alone, such as the file behind `>`.
fn target(token: Option<&Token>, effect: impl Fn(String) -> Effect) -> Effect {
    match token {
        Some(Token::Text(text)) => effect(text.clone()),
        _ => Effect::Unknown("writes, reads or runs what only the run tells"),
    }
}

/// Returns what `system( … )` runs.
fn call(tokens: &[Token], at: usize) -> Option<Effect> {
    Some(match (tokens.get(at + 1), tokens.get(at + 2), tokens.get(at + 3)) {
        // Only flushes.
        (Some(Token::Mark('(')), Some(Token::Text(text)), Some(Token::Mark(')')))
            if text.is_empty() =>
        {
            return None;
        }
        (Some(Token::Mark('(')), Some(Token::Text(text)), Some(Token::Mark(')'))) => {
            Effect::Runs(text.clone())
        }
        (_, Some(Token::Text(text)), _) => Effect::Runs(format!("{text} \"$unknown\"; $unknown")),
        _ => Effect::Unknown("runs what only the run tells"),
    })
}

/// Tells a program's tokens apart; `None` where a text or a pattern has no end.
fn tokens(program: &str) -> Option<Vec<Token>> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut chars = program.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' => {}
            '\\' if chars.peek() == Some(&'\n') => {
                chars.next();
            }
            '\n' => tokens.push(Token::NewLine),
            '#' => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
            }
            '"' => tokens.push(Token::Text(quoted(&mut chars, '"')?)),
            '/' if !follows_operand(tokens.last()) => {
                quoted_pattern(&mut chars)?;
                tokens.push(Token::Regex);
            }
            c if c.is_alphanumeric() || c == '_' || c == '.' => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_' || *c == '.')
                {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
            c => {
                let pair = chars.peek().copied().filter(|next| {
                    matches!(
                        (c, *next),
                        ('|', '|' | '&') | ('>', '>' | '=') | ('&', '&') | ('<' | '=' | '!', '=')
                    )
                });
                tokens.push(match pair {
                    Some(second) => {
                        chars.next();
                        Token::Pair(c, second)
                    }
                    None => Token::Mark(c),
                });
            }
        }
    }
    Some(tokens)
}

/// Tells whether a `/` behind it divides.
fn follows_operand(token: Option<&Token>) -> bool {
    match token {
        Some(Token::Word(word)) => {
            !matches!(word.as_str(), "print" | "printf" | "return" | "in" | "case")
        }
        Some(Token::Text(_) | Token::Regex | Token::Mark(')' | ']' | '$')) => true,
        _ => false,
    }
}

fn quoted(chars: &mut impl Iterator<Item = char>, quote: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match chars.next()? {
            '\\' => match chars.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                c @ ('"' | '\\' | '/') => text.push(c),
                // An escape that could spell any character.
                _ => return None,
            },
            c if c == quote => return Some(text),
            c => text.push(c),
        }
    }
}

/// Passes a pattern; within brackets a `/` does not end it.
fn quoted_pattern(chars: &mut impl Iterator<Item = char>) -> Option<()> {
    let mut in_class = false;
    let mut last = ' ';
    loop {
        let c = chars.next()?;
        let begins_class = last == '[' || (last == '^' && in_class);
        last = c;
        match c {
            '\\' => {
                chars.next()?;
            }
            '[' => in_class = true,
            // Here it stands for itself, and where the class ends is read in two ways.
            ']' if begins_class => return None,
            ']' => in_class = false,
            // Some end it in brackets too, others do not.
            '/' if in_class => return None,
            '/' => return Some(()),
            '\n' => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sed::Effect;
    use super::effects;

    #[test]
    fn programs_are_read() {
        for harmless in [
            "{print $1}",
            "$3 > 100 {print $1, $2}",
            "NR==FNR{a[$1]=1;next} ($1 in a)",
            "{s+=$1} END {print s/NR}",
            "/foo|bar/ {n++} END{print n}",
            "{print ($1 > 2) ? \"a\" : \"b\"}",
            "BEGIN{FS=\"|\"} {print $2}",
            "$1 || $2",
            "{getline; print}",
            "{ if ($1 >= 2) print }",
            "{print \"a > b | c\"}",
            "{printf \"%s\\n\", $1}",
            "length($0) > 80 {print FILENAME\":\"FNR}",
        ] {
            assert_eq!(effects(harmless), Vec::new(), "{harmless}");
        }
        for (harmful, effect) in [
            ("{print > \"out\"}", Effect::Writes("out".into())),
            ("{print $1 >> \"/etc/x\"}", Effect::Writes("/etc/x".into())),
            ("BEGIN{system(\"rm -rf /\")}", Effect::Runs("rm -rf /".into())),
            ("{print | \"sort -n\"}", Effect::Pipes("sort -n".into())),
            ("BEGIN{\"id\" | getline x; print x}", Effect::Pipes("id".into())),
            (
                "BEGIN{while((getline l < \"/etc/shadow\")>0) print l}",
                Effect::Reads("/etc/shadow".into()),
            ),
        ] {
            assert_eq!(effects(harmful), vec![effect], "{harmful}");
        }
        for unknown in [
            "{system($0)}",
            "{print > $1}",
            "BEGIN{print ENVIRON[\"X\"]}",
            "BEGIN{printf \"\\162m\"|\"sh\"}",
            "{@f()}",
        ] {
            assert!(
                matches!(
                    effects(unknown).as_slice(),
                    [.., Effect::Unknown(_)] | [Effect::Unknown(_), ..]
                ),
                "{unknown}"
            );
        }
    }
}
