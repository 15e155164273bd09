//! Interpreters that are given code on the line: always a question, and worse where the code shows it.

use distiq_lang::shell::{Command, Word};

use super::commands::{Context, ask, deny};
use super::paths::{Area, Secret};
use super::secrets::is_secret_variable;
use super::shell_line::judge_inner;
use super::values::literal;
use super::{Part, Verdict, leaks, targets};

/// Programs and the options whose value is code.
const INTERPRETERS: &[(&str, &[&str])] = &[
    ("python", &["-c"]),
    ("python2", &["-c"]),
    ("python3", &["-c"]),
    ("ipython", &["-c"]),
    ("pypy3", &["-c"]),
    ("node", &["-e", "-p", "--eval", "--print", "-pe"]),
    ("nodejs", &["-e", "-p"]),
    ("bun", &["-e", "--eval"]),
    ("deno", &["eval"]),
    ("ruby", &["-e", "-ne", "-pe", "-rsocket"]),
    ("perl", &["-e", "-E", "-ne", "-pe", "-le", "-nle", "-ple", "-lne", "-lpe", "-MIO"]),
    ("php", &["-r"]),
    ("lua", &["-e"]),
    ("luajit", &["-e"]),
    ("Rscript", &["-e"]),
    ("julia", &["-e"]),
    ("osascript", &["-e"]),
    ("vim", &["-c", "--cmd"]),
    ("vi", &["-c"]),
    ("nvim", &["-c", "--cmd"]),
    ("ex", &["-c"]),
    ("emacs", &["--eval"]),
    ("gdb", &["-ex", "--ex"]),
    ("jq", &["-f"]),
    ("awk", &["-f"]),
    ("gawk", &["-f"]),
    ("mawk", &["-f"]),
    ("less", &["-x"]),
    ("more", &["-x"]),
    ("view", &["-c"]),
    ("sqlite3", &[]),
    ("psql", &["-c"]),
    ("ed", &[]),
    ("tclsh", &[]),
    ("elixir", &["-e"]),
    ("groovy", &["-e"]),
    ("scala", &["-e"]),
    ("tar", &["--checkpoint-action", "--to-command", "-I", "--use-compress-program"]),
    ("rsync", &["-e", "--rsh"]),
    ("ssh", &["-o"]),
    ("zip", &["-TT"]),
    ("man", &["-P"]),
    ("make", &["--eval"]),
    ("split", &["--filter"]),
    ("scp", &["-o", "-S"]),
];

/// What writes, deletes or replaces.
const WRITING: [&str; 26] = [
    "rmtree",
    "unlink",
    "remove(",
    "rmdir",
    "rmsync",
    "rm_rf",
    "rm_r",
    "writefile",
    "write_text",
    "write_bytes",
    "'w'",
    "\"w\"",
    "'a'",
    "\"a\"",
    "'wb'",
    "\"wb\"",
    "truncate",
    "rename",
    "chmod",
    "chown",
    "mkdir",
    "appendfile",
    "createwritestream",
    "file.write",
    "delete",
    "copyfile",
];

/// Judges an interpreter with code on its line; `None` where there is none, or nothing is known of it.
pub(super) fn judge(
    program: &str,
    arguments: &[&Word],
    command: &Command,
    context: &Context<'_>,
) -> Option<Part> {
    let (_, options) = INTERPRETERS.iter().find(|(name, _)| *name == program)?;
    let code = code(options, arguments);
    if matches!(program, "jq" | "awk" | "gawk" | "mawk") {
        let mut names = arguments.iter().flat_map(|word| environment_names(&word.text));
        return names.any(is_secret_variable).then(|| deny("reads a secret"));
    }
    if code.is_empty() {
        return None;
    }
    if matches!(program, "less" | "more" | "view")
        && code.iter().all(|code| code.chars().all(|c| c.is_ascii_digit() || "GF/".contains(c)))
    {
        return None;
    }
    let text = code.join("\n");
    // `-rnet/http`, `-MIO::Socket`, `-p`
    let options: String = arguments
        .iter()
        .map(|word| word.text.as_str())
        .filter(|text| text.starts_with('-') && !code.contains(text))
        .collect::<Vec<_>>()
        .join(" ");
    let harm = leaks::harm(&text, &options, context).or_else(|| harm(&text, context));
    if let Some(reason) = harm {
        return Some(Part { writes: true, ..deny(reason) });
    }
    if matches!(program, "ssh" | "scp" | "rsync" | "tar" | "zip" | "man" | "make" | "split") {
        return None;
    }
    if matches!(program, "perl" | "ruby") && targets::in_place(arguments) {
        let files: Vec<&Word> = arguments
            .iter()
            .copied()
            .filter(|word| !word.text.starts_with('-') && !code.contains(&word.text.as_str()))
            .collect();
        return Some(targets::changes(&files, "changes files in place", command, context));
    }
    let network = talks(&text.to_lowercase());
    Some(Part { writes: true, network, ..ask("runs code") })
}

/// Tells the harm of code that an interpreter is fed.
pub(super) fn harm_of(text: &str, context: &Context<'_>) -> Option<String> {
    leaks::harm(text, "", context).or_else(|| harm(text, context))
}

fn code<'w>(options: &[&str], arguments: &[&'w Word]) -> Vec<&'w str> {
    let mut code = Vec::new();
    let mut rest = arguments.iter().peekable();
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        if options.contains(&text) {
            code.extend(rest.peek().map(|next| next.text.as_str()));
        } else if let Some((name, value)) = text.split_once('=')
            && options.contains(&name)
        {
            code.push(value);
        } else if let Some(option) =
            options.iter().find(|o| o.len() == 2 && text.len() > 2 && text.starts_with(**o))
        {
            code.extend(text.strip_prefix(option));
        } else if text.starts_with('+') && text.len() > 1 {
            // `vim +'!cmd'`, `less +!cmd`
            code.extend(text.strip_prefix('+'));
        } else if options.is_empty() && text.contains(' ') {
            code.push(text);
        }
    }
    code
}

fn talks(code: &str) -> bool {
    [
        "urllib",
        "requests.",
        "http",
        "socket",
        "fetch(",
        "net.connect",
        "urlopen",
        "httpx",
        "aiohttp",
        "lwp",
        "net/",
    ]
    .iter()
    .any(|word| code.contains(word))
}

/// Says what harm code shows in its words and texts.
fn harm(code: &str, context: &Context<'_>) -> Option<String> {
    let lower = code.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let runs = has(&[
        "exec(",
        "eval(",
        "exec ",
        "eval ",
        "system(",
        "popen",
        "spawn",
        "subprocess",
        "child_process",
        "`",
        "function(",
        "(eval)",
        "(exec)",
    ]);
    if runs
        && has(&[
            "b64decode",
            "base64",
            "fromhex",
            "unhexlify",
            "fromcharcode",
            "atob(",
            "decode64",
            "unpack(",
            "rot13",
            "zlib.decompress",
            "urlopen",
            "requests.get",
            "wget",
            "curl ",
            "chr(",
            "fetch(",
        ])
    {
        return Some("runs what it downloads or decodes".to_owned());
    }
    if has(&["fork"]) && has(&["while", "for(;;", "for (;;", "loop", "fork while", "until"]) {
        return Some("forks without bound".to_owned());
    }
    if has(&["setuid", "seteuid", "setgid(", "setresuid"]) {
        return Some("raises privileges".to_owned());
    }
    if (has(&["socket"]) && has(&["sendall", ".send(", "dup2", "connect("]))
        || has(&["net.connect", "pty.spawn", "/dev/tcp/", "smtplib"])
    {
        return Some("sends data out".to_owned());
    }
    if environment_names(code).any(is_secret_variable) {
        return Some("reads a secret".to_owned());
    }
    let writes = has(&WRITING);
    for text in texts(code) {
        if let Some(reason) = harm_of_text(&text, writes, context) {
            return Some(reason);
        }
    }
    for line in code.lines().filter(|line| line.contains('=') && !line.contains(['(', '{'])) {
        if let Some(reason) = line.split_once('=').and_then(|(_, value)| denied(value, context)) {
            return Some(reason);
        }
    }
    // `:!cmd`, `\! cmd`, `.shell cmd`
    let commands = code.lines().filter_map(|line| {
        line.split_once('!')
            .map(|(_, rest)| rest)
            .or_else(|| line.trim().strip_prefix(".shell "))
            .or_else(|| line.strip_prefix("exec="))
    });
    commands.into_iter().find_map(|line| denied(line, context))
}

/// Says what harm a text within code shows, as a path or as a shell line.
fn harm_of_text(text: &str, writes: bool, context: &Context<'_>) -> Option<String> {
    if text.is_empty() || text.len() > 4_096 {
        return None;
    }
    let path = literal(text);
    if text.contains('/') || text.starts_with(['~', '.']) {
        if context.base.secret(&path) == Some(Secret::Beyond) {
            return Some("reads keys, passwords or history".to_owned());
        }
        let area = context.base.area(&path);
        if writes
            && !text.contains(' ')
            && matches!(
                area,
                Area::System
                    | Area::Home
                    | Area::Startup
                    | Area::Device
                    | Area::Above
                    | Area::Git
                    | Area::Beyond
            )
        {
            return Some(format!("changes what lies beyond the project: {text}"));
        }
    }
    if text.contains(' ') || text.contains('|') { denied(text, context) } else { None }
}

fn denied(line: &str, context: &Context<'_>) -> Option<String> {
    let parts = judge_inner(line.trim(), context);
    parts.into_iter().find(|part| part.verdict == Verdict::Deny).map(|part| part.reason)
}

/// Returns the names in `environ['NAME']`, `process.env.NAME`, `ENV['NAME']`, `getenv(…)`.
fn environment_names(code: &str) -> impl Iterator<Item = &str> {
    [
        "environ[",
        "environ.get(",
        "getenv(",
        "process.env.",
        "process.env[",
        "ENV[",
        "ENV.fetch(",
        "$ENV{",
        "environ.get (",
        "ENVIRON[",
        "$ENV.",
        "env.",
    ]
    .into_iter()
    .flat_map(move |mark| code.split(mark).skip(1))
    .map(|rest| {
        let rest = rest.trim_start_matches(['\'', '"', ' ']);
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    })
}

/// Returns the texts in quotes, whichever language it is, and the words of a list of arguments joined.
pub(super) fn texts(code: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        if !matches!(c, '\'' | '"' | '`') || texts.len() > 64 {
            continue;
        }
        let mut text = String::new();
        while let Some(next) = chars.next() {
            match next {
                '\\' => text.extend(chars.next()),
                next if next == c => break,
                next => text.push(next),
            }
        }
        texts.push(text);
    }
    // `['rm', '-rf', '/']`
    let list: Vec<String> = texts.iter().filter(|text| !text.contains(' ')).cloned().collect();
    if list.len() > 1 {
        texts.push(list.join(" "));
    }
    // Perl's and Ruby's `%x(…)`, `qx(…)`.
    for mark in ["qx(", "qx{", "%x(", "%x{", "qx/"] {
        texts.extend(
            code.split(mark)
                .skip(1)
                .filter_map(|rest| rest.split([')', '}', '/']).next())
                .map(str::to_owned),
        );
    }
    texts
}
