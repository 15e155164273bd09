//! Programs that run the command in their arguments, which is judged by itself.

use distiq_lang::shell::{Command, Word};

use super::commands::{Context, allow, ask};
use super::variables::assigns;
use super::{Part, readers};

/// Judges a wrapper by its own options; `None` where the program is none, or runs nothing.
pub(super) fn judge(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Option<Part> {
    let first = arguments.first().map_or("", |word| word.text.as_str());
    let runs_another = context
        .script
        .commands
        .get(context.index + 1)
        .is_some_and(|next| next.via.as_deref() == Some(program));
    if !runs_another {
        return idle(program, arguments);
    }
    Some(match program {
        "find" | "fd" | "fdfind" => return readers::judge(program, arguments, command, context),
        "env" => {
            let pairs = arguments.iter().filter_map(|word| word.text.split_once('='));
            let worst = pairs
                .filter_map(|(name, value)| assigns(name, value))
                .max_by_key(|part| part.verdict);
            match worst {
                Some(part) => part,
                None if first.starts_with('-')
                    && !matches!(first, "-i" | "-" | "-u" | "--ignore-environment") =>
                {
                    ask("changes the environment")
                }
                None => allow("sets variables for the command after it"),
            }
        }
        "bash" | "sh" | "dash" => {
            let plain = first.strip_prefix('-').and_then(|flags| flags.strip_suffix('c'));
            let fed = command.redirects.iter().any(|redirect| redirect.op.starts_with("<<"));
            if plain.is_some_and(|flags| flags.chars().all(|c| "eux".contains(c)))
                || (arguments.is_empty() && fed)
                || (first == "-s" && arguments.len() == 1 && fed)
            {
                allow("runs the commands in it, which are judged by themselves")
            } else {
                Part { writes: true, ..ask("starts a shell that reads more than its command") }
            }
        }
        "time" if first.starts_with('-') && first != "-p" => ask("may write its times to a file"),
        "xargs" => match readers_of_file(arguments) {
            Some(part) => part,
            None => allow("runs the command after it, which is judged by itself"),
        },
        "timeout" | "gtimeout" | "nice" | "ionice" | "stdbuf" | "time" | "command" | "builtin"
        | "exec" | "eval" | "trap" | "setsid" | "chrt" | "taskset" => {
            allow("runs the command after it, which is judged by itself")
        }
        _ => return None,
    })
}

/// Judges a wrapper that runs nothing.
fn idle(program: &str, arguments: &[&Word]) -> Option<Part> {
    let first = arguments.first().map_or("", |word| word.text.as_str());
    match program {
        "command" if matches!(first, "-v" | "-V") => Some(allow("looks a program up")),
        "exec" | "eval" | "command" | "builtin" | "time" if arguments.is_empty() => {
            Some(allow("runs nothing"))
        }
        "trap" if arguments.len() < 2 || matches!(first, "-" | "" | "-p" | "-l") => {
            Some(allow("shows or clears what a signal runs"))
        }
        "xargs" if readers_of_file(arguments).is_none() => Some(allow("prints its input")),
        _ => None,
    }
}

fn readers_of_file(arguments: &[&Word]) -> Option<Part> {
    arguments
        .iter()
        .take_while(|word| word.text.starts_with('-'))
        .any(|word| word.text.starts_with("-a") || word.text.starts_with("--arg-file"))
        .then(|| ask("reads its arguments from a file"))
}
