//! `sed` and `awk`: languages of their own, harmless in a small part.

use distiq_lang::shell::{Command, Word};

use super::Part;
use super::commands::{Context, ask};
use super::readers::contents;

/// `sed` reads only without `-i` and with scripts that neither write, read nor run.
pub(super) fn sed(arguments: &[&Word], command: &Command, context: &Context<'_>) -> Part {
    let mut scripts: Vec<&Word> = Vec::new();
    let mut files: Vec<&Word> = Vec::new();
    let mut rest = arguments.iter().copied();
    while let Some(word) = rest.next() {
        let flags = word.text.strip_prefix('-').filter(|flags| !flags.is_empty());
        match word.text.as_str() {
            "-e" | "--expression" => scripts.extend(rest.next()),
            "--quiet" | "--silent" | "--regexp-extended" | "--null-data" | "--separate"
            | "--unbuffered" | "--posix" | "--sandbox" => {}
            _ if flags.is_some_and(|flags| flags.chars().all(|c| "nErsuz".contains(c))) => {}
            _ if flags.is_some() => {
                let part = ask(format!("sed {} may change files or run a script file", word.text));
                return Part { writes: true, ..part };
            }
            _ => files.push(word),
        }
    }
    if scripts.is_empty() && !files.is_empty() {
        scripts.push(files.remove(0));
    }
    let harmless = scripts.iter().all(|word| word.literal && is_harmless_sed(&word.text));
    if scripts.is_empty() || !harmless {
        return Part { writes: true, ..ask("this sed script may write, read or run") };
    }
    contents("sed", &files, command, context)
}

/// Knows addresses with `p`, `d`, `q`, `=`, `!`, and `s` with the flags `g`, `i`, `I`, `p` and a number.
fn is_harmless_sed(script: &str) -> bool {
    script.split([';', '\n']).map(str::trim).all(|part| {
        if part.is_empty() {
            return true;
        }
        if let Some(rest) = part.strip_prefix('s')
            && let Some(delimiter) = rest.chars().next()
            && !delimiter.is_alphanumeric()
        {
            let unescaped = rest.replace("\\\\", "").replace(&format!("\\{delimiter}"), "");
            let pieces: Vec<&str> = unescaped.split(delimiter).collect();
            return matches!(pieces.as_slice(), [_, _, _, flags]
                if flags.chars().all(|c| "giIp0123456789".contains(c)));
        }
        // An address may be a pattern; what follows it is what counts.
        let without_patterns = strip_patterns(part);
        without_patterns.chars().all(|c| c.is_ascii_digit() || ",$!~+pdq= ".contains(c))
    })
}

fn strip_patterns(part: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    let mut escaped = false;
    for c in part.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '/' => inside = !inside,
            _ if inside => {}
            c => out.push(c),
        }
    }
    if inside { "w".to_owned() } else { out }
}

/// `awk` reads only with a script that neither runs, writes nor reads elsewhere.
pub(super) fn awk(arguments: &[&Word], command: &Command, context: &Context<'_>) -> Part {
    /// What runs, writes, or reads what is not named on the line.
    const HARMFUL: [&str; 9] =
        ["system", "getline", "|", ">", "@", "ENVIRON", "PROCINFO", "ARGV", "ARGC"];
    let mut rest = arguments.iter().copied();
    let script = loop {
        let Some(word) = rest.next() else { return ask("awk without a script") };
        match word.text.as_str() {
            "-F" | "-v" => {
                rest.next();
            }
            text if text.starts_with("-F") || text.starts_with("-v") => {}
            text if text.starts_with('-') => {
                return ask(format!("awk {text} may run a script file"));
            }
            _ => break word,
        }
    };
    // A comparison with `>` looks like a redirection; whoever compares is asked about.
    if !script.literal || HARMFUL.iter().any(|word| script.text.contains(word)) {
        return ask("this awk script may write, read or run");
    }
    let files: Vec<&Word> = rest.collect();
    contents("awk", &files, command, context)
}
