//! What programs of known output print.

use distiq_lang::shell::Word;

use super::paths::Base;
use super::values::literal;

/// Returns what a program of known output prints.
pub(super) fn prints(program: &str, arguments: &[&str], base: &Base<'_>) -> Option<Word> {
    let text = match (program, arguments) {
        ("echo", words) => {
            let words = words.strip_prefix(&["-n"]).unwrap_or(words);
            if words.iter().any(|word| word.starts_with('-') || word.contains('\\')) {
                return None;
            }
            words.join(" ")
        }
        ("printf", [format, words @ ..]) if !format.starts_with('-') => {
            printed_format(format, words)?
        }
        ("pwd", _) => base.cwd.as_ref()?.to_str()?.to_owned(),
        ("basename", [path]) => path.trim_end_matches('/').rsplit('/').next()?.to_owned(),
        ("dirname", [path]) => match path.trim_end_matches('/').rsplit_once('/') {
            Some(("", _)) => "/".to_owned(),
            Some((folder, _)) => folder.to_owned(),
            None => ".".to_owned(),
        },
        ("realpath" | "readlink", [.., path]) if !path.starts_with('-') => {
            base.path(&literal(path))?.to_str()?.to_owned()
        }
        ("git", ["rev-parse", "--show-toplevel"]) => base.grounds.root.to_str()?.to_owned(),
        ("git", ["rev-parse", rest @ ..])
            if rest.iter().all(|word| {
                !word.starts_with('-')
                    || word.starts_with("--short")
                    || matches!(*word, "--abbrev-ref" | "--verify" | "-q" | "--quiet")
            }) =>
        {
            "HEAD".to_owned()
        }
        ("git", ["merge-base" | "describe" | "hash-object", ..])
        | ("git", ["branch", "--show-current"])
        | ("git", ["symbolic-ref", "--short", _])
        | (
            "git",
            [
                "log",
                "-1" | "-n1",
                "--format=%H" | "--format=%h" | "--pretty=%H" | "--pretty=format:%H"
                | "--pretty=format:%h",
            ],
        )
        | ("git", ["rev-list", ..]) => "HEAD".to_owned(),
        ("uname" | "arch" | "whoami" | "hostname", _) => "name".to_owned(),
        ("date", _) => "12345".to_owned(),
        ("mktemp", words) if !words.iter().any(|word| word.contains('/')) => {
            "/tmp/tmp.x".to_owned()
        }
        _ => return None,
    };
    Some(literal(&text))
}

/// Returns what `printf` makes of a format with nothing but `%s` in it.
pub(super) fn printed_format(format: &str, words: &[&str]) -> Option<String> {
    let format = format.replace("\\n", "\n");
    if format.contains('\\') || format.matches('%').count() != format.matches("%s").count() {
        return None;
    }
    let mut words = words.iter();
    let mut text = String::new();
    loop {
        let mut pieces = format.split("%s");
        text.push_str(pieces.next().unwrap_or_default());
        let mut took = false;
        for piece in pieces {
            text.push_str(words.next().copied().unwrap_or_default());
            text.push_str(piece);
            took = true;
        }
        if !took || words.len() == 0 {
            // A substitution drops the last line ends.
            return Some(text.trim_end_matches('\n').to_owned());
        }
    }
}
