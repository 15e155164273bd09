//! What no project needs, and no mode allows.

use distiq_lang::shell::{Command, Script, Word};

use super::commands::{Context, ask, deny};
use super::paths::Area;
use super::secrets::is_secret_variable;
use super::{Part, Verdict, shell_line::written};

/// Programs that raise privileges.
const PRIVILEGE: &[&str] = &[
    "sudo", "doas", "su", "pkexec", "runuser", "gosu", "setpriv", "chroot", "nsenter", "unshare",
    "newgrp",
];

/// Programs that change the system itself.
const SYSTEM: &[&str] = &[
    "mkfs",
    "mke2fs",
    "fdisk",
    "sfdisk",
    "parted",
    "gdisk",
    "wipefs",
    "mkswap",
    "swapon",
    "swapoff",
    "mount",
    "umount",
    "losetup",
    "cryptsetup",
    "insmod",
    "modprobe",
    "rmmod",
    "reboot",
    "shutdown",
    "halt",
    "poweroff",
    "init",
    "telinit",
    "useradd",
    "userdel",
    "usermod",
    "groupadd",
    "passwd",
    "chpasswd",
    "visudo",
    "iptables",
    "ip6tables",
    "nft",
    "ufw",
    "setenforce",
    "grub-install",
    "update-grub",
    "hdparm",
    "blkdiscard",
    "crontab",
    "at",
    "batch",
    "launchctl",
    "csrutil",
    "spctl",
    "auditctl",
    "setcap",
    "chattr",
    "kexec",
    "debugfs",
];

/// Programs that delete or replace what their arguments name.
const DESTROYERS: &[&str] = &["rm", "rmdir", "unlink", "shred", "srm", "trash", "truncate"];

/// Programs that change what their arguments name, or make it.
const CHANGERS: &[&str] =
    &["chmod", "chown", "chgrp", "touch", "mkdir", "tee", "ln", "setfacl", "sponge"];

/// Programs that open connections and send what they are given.
const TALKERS: &[&str] = &[
    "nc", "ncat", "netcat", "socat", "telnet", "ftp", "sftp", "mail", "mailx", "sendmail", "mutt",
];

/// Programs whose last argument is where they write.
const COPIERS: &[&str] = &["cp", "mv", "install", "rsync"];

/// Tells whether a line whose grammar is not understood still shows its harm.
pub(super) fn in_text(line: &str) -> Option<&'static str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let first = words.first().copied().unwrap_or_default();
    if PRIVILEGE.contains(&first) {
        return Some("raises privileges");
    }
    (first.starts_with("mkfs")).then_some("changes the system")
}

/// Returns the verdict where a command is worse than its kind, or known to be dangerous.
pub(super) fn judge(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Option<Part> {
    if PRIVILEGE.contains(&program) {
        return Some(deny("raises privileges"));
    }
    if SYSTEM.contains(&program) || program.starts_with("mkfs.") {
        let listing =
            arguments.iter().all(|w| matches!(w.text.as_str(), "-l" | "--list" | "-L" | "status"));
        let harmless = listing && matches!(program, "mount" | "crontab" | "swapon" | "losetup");
        return if harmless { None } else { Some(deny("changes the system")) };
    }
    match program {
        _ if DESTROYERS.contains(&program) => destroys(arguments, command, context),
        "find" if has(arguments, &["-delete"]) => {
            let starts: Vec<&Word> = arguments
                .iter()
                .copied()
                .take_while(|word| !word.text.starts_with(['-', '(', '!']))
                // Below the root itself the other conditions decide what goes.
                .filter(|word| !context.base.is_root(word))
                .collect();
            destroys(&starts, command, context)
        }
        _ if CHANGERS.contains(&program) => worst_write(arguments, context),
        _ if COPIERS.contains(&program) => copies(program, arguments, context),
        "dd" => arguments
            .iter()
            .find_map(|word| {
                let target =
                    Word { text: word.text.strip_prefix("of=")?.to_owned(), ..(*word).clone() };
                written(context.base.area(&target), &target.text)
            })
            .filter(|part| part.verdict == Verdict::Deny),
        "curl" | "wget" | "http" | "https" => sends(program, arguments),
        "scp" if arguments.last().is_some_and(|word| word.text.contains(':')) => {
            Some(Part { network: true, ..deny("sends files out") })
        }
        _ if TALKERS.contains(&program) => {
            Some(Part { network: true, ..deny("opens a connection of its own") })
        }
        _ => by_words(program, arguments).map(deny),
    }
}

fn has(arguments: &[&Word], options: &[&str]) -> bool {
    arguments.iter().any(|word| options.contains(&word.text.as_str()))
}

/// Says what is wrong with a command whose words alone tell it.
fn by_words(program: &str, arguments: &[&Word]) -> Option<&'static str> {
    let text = |index: usize| arguments.get(index).map_or("", |word| word.text.as_str());
    let any = |fits: &dyn Fn(&str) -> bool| arguments.iter().any(|word| fits(&word.text));
    let last = arguments.last().map_or("", |word| word.text.as_str());
    let (reason, applies) = match program {
        "history" | "fc" | "keyctl" | "secret-tool" | "security" | "pass" | "ssh-add"
        | "gpg-agent" => ("reads keys, passwords or history", true),
        "gpg" => ("reads keys", any(&|word| word.starts_with("--export-secret"))),
        "gh" if text(0) == "auth" => ("reads keys", text(1) == "token"),
        "gh" => ("sends data out", text(0) == "gist" && text(1) == "create"),
        "git" => ("reads keys", text(0) == "credential"),
        "printenv" => ("reads a secret", is_secret_variable(text(0))),
        "kill" => {
            let everybody = arguments.len() > 1 && matches!(last, "-1" | "1");
            ("ends processes beyond the project", everybody)
        }
        "systemctl" | "service" => (
            "changes the system's services",
            !has(arguments, &["status", "is-active", "list-units", "--version"]),
        ),
        "sysctl" => {
            ("changes the system", any(&|word| word == "-w" || word == "-p" || word.contains('=')))
        }
        "npm" | "yarn" | "pnpm" => (
            "turns a safeguard off",
            text(0) == "config" && any(&|word| word.contains("strict-ssl")),
        ),
        _ => return None,
    };
    applies.then_some(reason)
}

/// Judges a deletion by its targets.
fn destroys(arguments: &[&Word], command: &Command, context: &Context<'_>) -> Option<Part> {
    if command.partial {
        return Some(Part { writes: true, ..ask("deletes what is only known at run time") });
    }
    for word in arguments.iter().filter(|word| !word.text.starts_with('-')) {
        let pattern_of_all = word.glob && word.text.ends_with("/*");
        let area = if pattern_of_all {
            let folder = word.text.trim_end_matches('*').trim_end_matches('/');
            let folder = if folder.is_empty() { "/" } else { folder };
            context.base.area(&Word {
                text: folder.to_owned(),
                literal: !word.tilde,
                glob: false,
                ..(*word).clone()
            })
        } else {
            context.base.area(word)
        };
        let hides_a_root =
            word.raw.contains("$HOME") || word.text.starts_with('/') && !word.literal;
        let reason = match area {
            // All in the root, but not the root: git's files stay.
            Area::Above if pattern_of_all && matches!(word.text.as_str(), "./*" | "$PWD/*") => {
                continue;
            }
            Area::Above => "deletes the project or a folder above it",
            Area::Git => "deletes git's own files",
            Area::Device | Area::Startup | Area::System | Area::Home => {
                "deletes beyond the project"
            }
            Area::Unknown if hides_a_root => "may delete beyond the project",
            Area::Project | Area::Temp | Area::Unknown | Area::Nowhere => continue,
        };
        return Some(Part { writes: true, ..deny(format!("{reason}: {}", word.raw)) });
    }
    None
}

fn worst_write(arguments: &[&Word], context: &Context<'_>) -> Option<Part> {
    arguments
        .iter()
        .filter(|word| !word.text.starts_with('-'))
        .filter(|word| {
            word.text.contains('/')
                || word.tilde
                || context.base.path(word).is_some_and(|p| p.exists())
        })
        .filter(|word| context.base.path(word).is_none_or(|path| path != context.base.grounds.root))
        .filter_map(|word| written(context.base.area(word), &word.raw))
        .find(|part| part.verdict == Verdict::Deny)
}

fn copies(program: &str, arguments: &[&Word], context: &Context<'_>) -> Option<Part> {
    let last = arguments.last()?;
    if program == "rsync" && last.text.contains(':') {
        return Some(Part { network: true, ..deny("sends files out") });
    }
    let into_root = context.base.is_root(last);
    let target = written(context.base.area(last), &last.raw);
    let target = target.filter(|part| part.verdict == Verdict::Deny && !into_root);
    let sources = arguments.split_last().map(|(_, rest)| rest).filter(|_| program == "mv");
    target.or_else(|| {
        let taken = sources?.iter().filter(|word| !word.text.starts_with('-')).find(|word| {
            matches!(
                context.base.area(word),
                Area::Above | Area::Git | Area::Home | Area::System | Area::Startup | Area::Device
            )
        });
        taken.map(|word| deny(format!("moves away what is not the project's: {}", word.raw)))
    })
}

/// Judges what goes out with a request.
fn sends(program: &str, arguments: &[&Word]) -> Option<Part> {
    let local = arguments.iter().any(|word| {
        let host = word.text.split("://").nth(1).unwrap_or(&word.text);
        host.starts_with("localhost") || host.starts_with("127.0.0.1") || host.starts_with("[::1]")
    });
    let body = arguments.iter().zip(arguments.iter().skip(1).map(Some).chain([None])).any(
        |(word, next)| {
            let text = word.text.as_str();
            let method = next.map_or("", |next| next.text.as_str());
            ["-d", "--data", "-F", "--form", "-T", "--upload-file", "--json", "--post", "--body"]
                .iter()
                .any(|option| text == *option || (option.len() > 2 && text.starts_with(option)))
                || (text.len() > 2
                    && ["-d", "-F", "-T"].iter().any(|o| text.starts_with(o))
                    && program == "curl")
                || (matches!(text, "-X" | "--request" | "--method")
                    && matches!(
                        method.to_uppercase().as_str(),
                        "POST" | "PUT" | "PATCH" | "DELETE"
                    ))
                || matches!(text, "-XPOST" | "-XPUT" | "-XDELETE" | "-XPATCH")
        },
    );
    // A command in the address carries what it prints.
    let carried = arguments.iter().any(|word| word.raw.contains("$(") || word.raw.contains('`'));
    if (body || carried) && !local {
        return Some(Part { network: true, ..deny("sends data out") });
    }
    let saves = arguments.iter().any(|word| {
        word.text == "-o"
            || word.text == "-O"
            || word.text.starts_with("--output")
            || program == "wget"
    });
    Some(Part { network: true, writes: saves, ..ask("uses the network") })
}

/// Returns the name of a secret variable that a command prints or passes on.
pub(super) fn secret_variable(command: &Command) -> Option<String> {
    command.words.iter().filter(|word| !word.literal).find_map(|word| {
        word.text.split('$').skip(1).find_map(|rest| {
            let name: String = rest
                .trim_start_matches(['{', '!', '#'])
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            is_secret_variable(&name).then_some(name)
        })
    })
}

/// Tells whether a function calls itself and leaves the call behind.
pub(super) fn is_fork_bomb(line: &str, script: &Script) -> bool {
    script.functions.iter().any(|function| {
        let calls = script.commands.iter().filter(|command| command.name() == Some(function));
        let spreads = calls.clone().any(|command| command.background || command.reads_pipe);
        calls.count() >= 2
            && spreads
            && body_of(line, function).is_some_and(|body| {
                body.split(|c: char| c.is_whitespace() || "|&;{}()".contains(c))
                    .any(|word| word == function)
            })
    })
}

fn body_of<'a>(line: &'a str, function: &str) -> Option<&'a str> {
    let at = [format!("{function}()"), format!("{function} ()"), format!("function {function}")]
        .iter()
        .find_map(|head| line.find(head.as_str()).map(|at| at + head.len()))?;
    let rest = line.get(at..)?;
    let open = rest.find('{')?;
    let close = rest.rfind('}').unwrap_or(rest.len());
    rest.get(open + 1..close)
}
