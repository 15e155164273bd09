//! `find`: an expression of tests that only read, and of actions that do more.

use distiq_lang::shell::{Command, Word};

use super::Part;
use super::commands::{Context, allow, ask};
use super::readers::may_be_option;
use super::redirects::written;
use super::shell_line::take_worse;
use super::targets;

/// Tests and actions without a value.
const PLAIN: &[&str] = &[
    "-print",
    "-print0",
    "-ls",
    "-depth",
    "-d",
    "-mount",
    "-xdev",
    "-empty",
    "-follow",
    "-noleaf",
    "-nouser",
    "-nogroup",
    "-prune",
    "-quit",
    "-true",
    "-false",
    "-not",
    "-a",
    "-and",
    "-o",
    "-or",
    "!",
    "(",
    ")",
    ",",
    "-readable",
    "-writable",
    "-executable",
    "-daystart",
    "-ignore_readdir_race",
    "-nowarn",
    "-warn",
    "-help",
    "--help",
    "-version",
    "--version",
    "-H",
    "-L",
    "-P",
    "-E",
    "-x",
    "-s",
];

/// Tests with a value.
const VALUED: &[&str] = &[
    "-name",
    "-iname",
    "-path",
    "-ipath",
    "-wholename",
    "-iwholename",
    "-regex",
    "-iregex",
    "-lname",
    "-ilname",
    "-type",
    "-xtype",
    "-size",
    "-mtime",
    "-mmin",
    "-atime",
    "-amin",
    "-ctime",
    "-cmin",
    "-newer",
    "-anewer",
    "-cnewer",
    "-maxdepth",
    "-mindepth",
    "-perm",
    "-user",
    "-group",
    "-uid",
    "-gid",
    "-inum",
    "-links",
    "-samefile",
    "-fstype",
    "-printf",
    "-used",
    "-regextype",
    "-context",
    "-f",
];

pub(super) fn judge(arguments: &[&Word], command: &Command, context: &Context<'_>) -> Part {
    let mut rest = arguments.iter().copied();
    let mut begun = false;
    let mut writes: Option<Part> = None;
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        match text {
            "-exec" | "-execdir" => {
                // What it runs is judged by itself.
                rest.by_ref().find(|word| word.text == ";" || word.text == "+");
            }
            "-delete" => return targets::changes(&[], "deletes what it finds", command, context),
            "-fprint" | "-fprint0" | "-fls" | "-fprintf" => {
                let part = rest.next().and_then(|file| written(context.base.area(file), &file.raw));
                if text == "-fprintf" {
                    rest.next();
                }
                if let Some(part) = part {
                    match &mut writes {
                        Some(worst) => take_worse(worst, part),
                        None => writes = Some(part),
                    }
                }
            }
            _ if PLAIN.contains(&text) || text.starts_with("-O") => {}
            _ if VALUED.contains(&text) || text.starts_with("-newer") => {
                let value = rest.next();
                if value.is_some_and(|value| value.splits && !value.glob) {
                    return Part { writes: true, ..ask("only the run tells its options") };
                }
            }
            _ if text.starts_with('-') => {
                return Part {
                    writes: true,
                    ..ask(format!("find {text} is not known to be harmless"))
                };
            }
            _ if begun && !word.literal && !word.glob && !word.tilde => {
                return Part { writes: true, ..ask("only the run tells its options") };
            }
            _ if may_be_option(word, context) => {
                return Part { writes: true, ..ask("only the run tells its options") };
            }
            _ => {}
        }
        begun |= text.starts_with(['-', '(', '!']);
    }
    if command.partial {
        return Part { writes: true, ..ask("only the run tells its options") };
    }
    writes.unwrap_or_else(|| allow("only reads names"))
}
