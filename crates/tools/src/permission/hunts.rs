//! Searches beyond the project for what is secret.

use distiq_lang::shell::Word;

use super::commands::Context;
use super::paths::Area;
use super::targets::starts;

/// Tells whether a `find` goes beyond the project for names that only secrets have.
pub(super) fn finds_secrets(program: &str, arguments: &[&Word], context: &Context<'_>) -> bool {
    const MARKS: [&str; 14] = [
        ".env",
        "id_rsa",
        "id_ed",
        "id_ec",
        "id_ds",
        ".pem",
        ".key",
        "secret",
        "credential",
        "passw",
        "token",
        "netrc",
        "_history",
        "wallet",
    ];
    if program != "find" || !starts(arguments).any(|word| is_beyond(word, context)) {
        return false;
    }
    let mut values = arguments.iter().zip(arguments.iter().skip(1)).filter(|(option, _)| {
        matches!(
            option.text.as_str(),
            "-name" | "-iname" | "-path" | "-ipath" | "-wholename" | "-regex"
        )
    });
    values.any(|(_, value)| {
        let pattern = value.text.to_lowercase();
        (pattern.starts_with("id_") || MARKS.iter().any(|mark| pattern.contains(mark)))
            && !pattern.ends_with(".pub")
    })
}

/// Tells whether a search goes through a home or the system for texts that keys and passwords stand beside.
pub(super) fn searches_for_keys(program: &str, arguments: &[&Word], context: &Context<'_>) -> bool {
    const MARKS: [&str; 10] = [
        "private key",
        "begin rsa",
        "begin openssh",
        "aws_secret",
        "aws_access",
        "password",
        "passwd",
        "api_key",
        "secret_key",
        "token",
    ];
    if !matches!(program, "grep" | "egrep" | "fgrep" | "zgrep" | "rg" | "ag" | "ack") {
        return false;
    }
    let recursive = matches!(program, "rg" | "ag" | "ack")
        || arguments.iter().any(|word| {
            word.text == "--recursive"
                || (word.text.starts_with('-')
                    && !word.text.starts_with("--")
                    && word.text.contains(['r', 'R']))
        });
    let mut operands = arguments.iter().filter(|word| !word.text.starts_with('-'));
    recursive
        && arguments.iter().any(|word| {
            let text = word.text.to_lowercase().replace([' ', '.', '*'], " ");
            MARKS.iter().any(|mark| text.contains(mark))
        })
        && operands.any(|word| {
            (word.tilde || word.text.starts_with(['/', '$'])) && is_beyond(word, context)
        })
}

/// Tells whether `tar -C` takes in what lies in a home or elsewhere.
pub(super) fn begins_elsewhere(arguments: &[&Word], context: &Context<'_>) -> bool {
    arguments.iter().enumerate().any(|(at, word)| match word.text.as_str() {
        "-C" | "--directory" => {
            arguments.get(at + 1).is_some_and(|folder| is_beyond(folder, context))
        }
        _ => false,
    })
}

fn is_beyond(word: &Word, context: &Context<'_>) -> bool {
    match context.base.area(word) {
        Area::Home | Area::Beyond | Area::Startup => true,
        Area::System => matches!(word.text.as_str(), "/" | "/home" | "/etc" | "/var" | "/opt"),
        Area::Above => !context.base.is_root(word),
        _ => false,
    }
}
