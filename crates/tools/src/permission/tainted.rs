//! Variables that hold what the line fetches or decodes.

use distiq_lang::shell::{self, Command, Expands, Script, Word};

use super::chains::{decodes, names_source};

/// How far a text is followed from one variable to the next.
const MAX_STEPS: usize = 3;

/// Returns the variables into which the line puts what it fetched or decoded.
pub(super) fn variables(script: &Script) -> Vec<String> {
    let fetches = script
        .commands
        .iter()
        .any(|command| command.program().is_some_and(names_source) || decodes(script, command));
    let mut found: Vec<String> = Vec::new();
    if !fetches {
        return found;
    }
    for _ in 0..MAX_STEPS {
        let known = found.len();
        for command in &script.commands {
            for assignment in &command.assignments {
                if holds(&assignment.value, &found) {
                    add(&mut found, &assignment.name);
                }
            }
            if reads(command, script, &found) {
                let names = command.words.iter().skip(1).filter(|w| !w.text.starts_with('-'));
                names.for_each(|word| add(&mut found, &word.text));
            }
        }
        if found.len() == known {
            break;
        }
    }
    found
}

fn add(found: &mut Vec<String>, name: &str) {
    if name != "IFS" && !found.iter().any(|known| known == name) {
        found.push(name.to_owned());
    }
}

/// Tells whether a word holds what a source prints, or such a variable.
pub(super) fn holds(word: &Word, found: &[String]) -> bool {
    word.spans.iter().any(|span| match &span.expands {
        Expands::Command(text) => fetches_or_decodes(text, found),
        Expands::Variable(name) => found.contains(name),
        Expands::Process => {
            let text = word.text.get(span.start..span.end).unwrap_or_default();
            fetches_or_decodes(text.trim_start_matches("<(").trim_end_matches(')'), found)
        }
        // `${x:1}`
        Expands::Other => {
            let text = word.text.get(span.start..span.end).unwrap_or_default();
            let name = text.trim_start_matches(['$', '{', '!', '#']);
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            name.get(..end).is_some_and(|name| found.iter().any(|known| known == name))
        }
        Expands::Number => false,
    })
}

fn fetches_or_decodes(text: &str, found: &[String]) -> bool {
    if names_source(text) {
        return true;
    }
    shell::parse(text).is_ok_and(|script| {
        script.commands.iter().any(|command| {
            decodes(&script, command) || command.words.iter().any(|word| holds(word, found))
        })
    })
}

/// Tells whether a `read` or `mapfile` is fed by a source.
fn reads(command: &Command, script: &Script, found: &[String]) -> bool {
    if !matches!(command.program(), Some("read" | "mapfile" | "readarray")) {
        return false;
    }
    let piped = command.pipe.is_some_and(|pipe| {
        script.commands.iter().any(|other| {
            other.pipe.is_some_and(|p| p.id == pipe.id && p.stage < pipe.stage)
                && (other.program().is_some_and(names_source) || decodes(script, other))
        })
    });
    let at = script.commands.iter().position(|other| std::ptr::eq(other, command));
    // The redirections of a loop stand right before its first command.
    let loops = at
        .and_then(|at| script.commands.get(at.checked_sub(1)?))
        .filter(|before| before.words.is_empty());
    let redirects = command.redirects.iter().chain(loops.iter().flat_map(|one| &one.redirects));
    piped || redirects.into_iter().any(|redirect| holds(&redirect.target, found))
}
