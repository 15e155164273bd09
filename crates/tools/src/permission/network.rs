//! Programs that talk to other machines: what they fetch is asked about, what they send is denied.

use distiq_lang::shell::{Command, Expands, Word};

use super::Part;
use super::commands::{Context, ask, deny};
use super::paths::Secret;
use super::targets::is_remote;

/// Programs that open connections and send what they are given.
const TALKERS: &[&str] =
    &["nc", "ncat", "netcat", "socat", "telnet", "nc.openbsd", "nc.traditional"];

/// Programs that send mail or texts to others.
const MAILERS: &[&str] = &[
    "mail", "mailx", "sendmail", "mutt", "msmtp", "swaks", "ssmtp", "s-nail", "slackcat",
    "transfer", "wormhole", "croc",
];

/// Tells whether a command that uses the network carries what another one prints.
pub(super) fn carries_out(command: &Command) -> bool {
    let words: Vec<&Word> = command.words.iter().skip(1).collect();
    let addresses: Vec<&Word> = words
        .iter()
        .copied()
        .filter(|word| word.text.contains("://") || word.text.contains('.'))
        .collect();
    carries(&addresses) && !is_local(&words)
}

pub(super) fn judge(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Option<Part> {
    let sends = |reason: &str| Some(Part { network: true, ..deny(reason) });
    let fed = command.reads_pipe && command.pipe.is_some_and(|pipe| pipe.stage > 0)
        || command.redirects.iter().any(|redirect| redirect.op.starts_with('<'));
    match program {
        "curl" | "wget" | "http" | "https" | "xh" | "curlie" | "aria2c" => {
            http(program, arguments, fed, context)
        }
        "scp" | "rsync" | "sftp" => copies(program, arguments, fed),
        "ssh" | "mosh" if fed && !arguments.is_empty() => sends("sends data out"),
        "ssh" | "mosh"
            if arguments.iter().any(|word| word.text == "-R" || word.text.starts_with("-R")) =>
        {
            sends("opens the machine to others")
        }
        _ if MAILERS.contains(&program) => sends("sends data out"),
        _ if TALKERS.contains(&program) => {
            let runs = arguments.iter().any(|word| {
                let text = word.text.as_str();
                text.contains("EXEC")
                    || text.contains("SYSTEM")
                    || text.contains("exec:")
                    || (text.starts_with('-')
                        && !text.starts_with("--")
                        && text.contains(['e', 'c']))
                    || text == "--exec"
                    || text == "--sh-exec"
            });
            let probes = arguments.iter().any(|word| {
                word.text.starts_with('-')
                    && !word.text.starts_with("--")
                    && word.text.contains('z')
            });
            if runs {
                return sends("gives a shell to another machine");
            }
            if fed || (!probes && arguments.iter().any(|word| word.text == "-N")) {
                return sends("sends data out");
            }
            Some(Part { network: true, outside: true, ..ask("opens a connection of its own") })
        }
        "ftp" | "tftp" | "lftp" | "smbclient" => {
            let puts = arguments
                .iter()
                .any(|word| word.text.contains("put ") || word.text.contains("mirror -R"));
            if puts || fed { sends("sends data out") } else { None }
        }
        "dig" | "nslookup" | "host" | "ping" | "ping6" | "drill" | "traceroute" | "whois"
            if carries(arguments) || carries_read(arguments, context) =>
        {
            sends("sends data out")
        }
        "openssl" if fed && arguments.first().is_some_and(|word| word.text == "s_client") => {
            sends("sends data out")
        }
        "ngrok" | "cloudflared" | "localtunnel" | "lt" | "bore" => {
            sends("opens the machine to others")
        }
        _ => None,
    }
}

/// Tells whether an argument carries what a command prints or what a file holds: `https://x.com/?q=$(cat f)`.
fn carries(arguments: &[&Word]) -> bool {
    /// What these print is not the user's.
    const PLAIN: [&str; 12] = [
        "git rev-parse",
        "git describe",
        "git branch",
        "date",
        "nproc",
        "uname",
        "seq",
        "expr",
        "printf %s",
        "echo",
        "arch",
        "getconf",
    ];
    arguments.iter().flat_map(|word| &word.spans).any(|span| match &span.expands {
        Expands::Command(script) => {
            !PLAIN.iter().any(|plain| script.trim_start().starts_with(plain))
                || script.contains(['|', ';', '&', '$', '`'])
        }
        _ => false,
    })
}

/// Programs that make a text of anything.
const ENCODERS: [&str; 9] =
    ["base64", "base32", "xxd", "od", "hexdump", "gzip", "openssl", "printenv", "env"];

/// Tells whether a name that is asked for is made of what the line reads and encodes: `nslookup "$h.x.com"`.
fn carries_read(arguments: &[&Word], context: &Context<'_>) -> bool {
    arguments.iter().any(|word| {
        word.spans.iter().any(|span| match &span.expands {
            Expands::Variable(name) => {
                word.text.get(span.end..).is_some_and(|rest| rest.contains('.'))
                    && is_encoded(name, context)
            }
            _ => false,
        })
    })
}

/// Tells whether a variable holds what an encoder of the line prints.
fn is_encoded(name: &str, context: &Context<'_>) -> bool {
    let encodes = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric()).any(|word| ENCODERS.contains(&word))
    };
    let commands = &context.script.commands;
    commands.iter().any(|command| {
        let assigned = command.assignments.iter().filter(|a| a.name == name);
        let mut spans = assigned.flat_map(|assignment| &assignment.value.spans);
        let by_value =
            spans.any(|span| matches!(&span.expands, Expands::Command(script) if encodes(script)));
        let reads = command.program() == Some("read")
            && command.words.iter().skip(1).any(|word| word.text == name);
        by_value
            || reads
                && commands
                    .iter()
                    .any(|other| other.program().is_some_and(|program| ENCODERS.contains(&program)))
    })
}

fn is_local(arguments: &[&Word]) -> bool {
    let addresses = arguments.iter().filter(|word| !word.text.starts_with('-'));
    let hosts = addresses.map(|word| word.text.split("://").nth(1).unwrap_or(&word.text));
    let local = |host: &str| {
        let name = host.split(['/', '?', '#']).next().unwrap_or_default();
        let name = name.rsplit('@').next().unwrap_or_default();
        let name = name.rsplit_once(':').map_or(name, |(name, _)| name);
        matches!(name, "localhost" | "127.0.0.1" | "[::1]" | "0.0.0.0")
            || name.ends_with(".localhost")
            || name.is_empty() && host.starts_with(':')
    };
    let mut found = false;
    for host in hosts {
        if local(host) {
            found = true;
        } else if host.contains('.')
            && !host.contains(' ')
            && !host.starts_with(['@', '{', '.', '/'])
        {
            return false;
        }
    }
    found
}

/// Judges what goes out with a request.
fn http(program: &str, arguments: &[&Word], fed: bool, context: &Context<'_>) -> Option<Part> {
    let next_of = |index: usize| arguments.get(index + 1).map_or("", |word| word.text.as_str());
    let body = arguments.iter().enumerate().any(|(index, word)| {
        let text = word.text.as_str();
        let long = [
            "--data",
            "--form",
            "--upload-file",
            "--json",
            "--post-data",
            "--post-file",
            "--body-data",
            "--body-file",
            "--mail-from",
            "--raw",
        ];
        let method = |method: &str| {
            matches!(method.to_uppercase().as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
        };
        let curl = program == "curl" || program == "curlie";
        let short = curl && text.starts_with('-') && !text.starts_with("--") && {
            // In a cluster the options before the first with a value count.
            let letters = text.trim_start_matches('-');
            let end = letters
                .find(|c: char| "oOHAbBcCeEhKmPQrtuUwxXyYz".contains(c))
                .unwrap_or(letters.len());
            let all = letters.get(..end).unwrap_or_default();
            all.contains(['d', 'F', 'T'])
        };
        long.iter().any(|option| text.starts_with(option))
            && !text.starts_with("--data-urlencode-")
            && !has_get(arguments)
            || (short && !has_get(arguments))
            || (matches!(text, "-X" | "--request" | "--method") && method(next_of(index)))
            || text.strip_prefix("-X").is_some_and(method)
            || text.split_once('=').is_some_and(|(name, value)| {
                matches!(name, "--request" | "--method") && method(value)
            })
            || (!curl && program != "wget" && method(text))
            || (!curl
                && program != "wget"
                && !text.starts_with('-')
                && text.contains('=')
                && !text.contains("==")
                && !text.contains("://"))
    });
    let piped = fed
        && arguments
            .iter()
            .any(|word| matches!(word.text.as_str(), "-K" | "--config" | "@-" | "-T" | "-"));
    let encoded = arguments
        .iter()
        .flat_map(|word| &word.spans)
        .any(|span| matches!(&span.expands, Expands::Variable(name) if is_encoded(name, context)));
    if (body || piped || encoded || carries(arguments)) && !is_local(arguments) {
        return Some(Part { network: true, ..deny("sends data out") });
    }
    if arguments
        .iter()
        .any(|word| word.text.starts_with("--unix-socket") || word.text.contains("docker.sock"))
    {
        return Some(Part { network: true, ..deny("talks to a service of the system") });
    }
    if arguments.iter().any(|word| {
        word.text.contains("169.254.169.254") || word.text.contains("metadata.google.internal")
    }) {
        return Some(Part { network: true, ..deny("reads keys of the machine") });
    }
    let files = arguments.iter().filter_map(|word| word.text.split_once("file://"));
    if files
        .clone()
        .any(|(_, path)| context.base.secret(&super::values::literal(path)) == Some(Secret::Beyond))
    {
        return Some(deny("reads keys, passwords or history"));
    }
    if files.count() > 0 {
        return Some(Part { network: true, ..ask("reads a file by its address") });
    }
    None
}

fn has_get(arguments: &[&Word]) -> bool {
    arguments.iter().any(|word| matches!(word.text.as_str(), "-G" | "--get"))
        && !arguments.iter().any(|word| word.text.starts_with('@') || word.text.contains("=@"))
}

fn copies(program: &str, arguments: &[&Word], fed: bool) -> Option<Part> {
    let operands: Vec<&&Word> =
        arguments.iter().filter(|word| !word.text.starts_with('-')).collect();
    let last = operands.last()?;
    if program == "sftp" {
        return fed.then(|| Part { network: true, ..deny("sends data out") });
    }
    let out = is_remote(&last.text) || last.text.starts_with("rsync://");
    if out && operands.len() > 1 {
        return Some(Part { network: true, ..deny("sends files out") });
    }
    operands.iter().any(|word| is_remote(&word.text) || word.text.contains("://")).then(|| Part {
        network: true,
        writes: true,
        ..ask("fetches files")
    })
}
