//! Code that lets out what is not its own: the environment, keys of the home, files sent to others.

use super::code::texts;
use super::commands::Context;
use super::paths::Secret;
use super::values::literal;

/// Says what code lets out; `options` are those of its interpreter, which may load modules or print.
pub(super) fn harm(code: &str, options: &str, context: &Context<'_>) -> Option<String> {
    let lower = code.to_lowercase();
    if shows_environment(code, &lower, options) {
        return Some("shows the environment".to_owned());
    }
    if names_key_of_home(code, &lower, context) {
        return Some("reads keys, passwords or history".to_owned());
    }
    if removes_home(&lower) {
        return Some("changes what lies beyond the project".to_owned());
    }
    sends(&lower, &options.to_lowercase()).then(|| "sends data out".to_owned())
}

fn has(text: &str, marks: &[&str]) -> bool {
    marks.iter().any(|mark| text.contains(mark))
}

/// Tells whether the environment is taken as a whole and printed or sent.
fn shows_environment(code: &str, lower: &str, options: &str) -> bool {
    const PRINTS: [&str; 16] = [
        "print",
        "puts",
        "console.log",
        "echo",
        "var_dump",
        "write",
        "json",
        "p env",
        "pp ",
        "say ",
        "post",
        "send",
        "inspect",
        "stdout",
        "dump",
        "urlopen",
    ];
    // Not one of its variables by name, nor whether there is one.
    let whole = |mark: &str, narrowed: &[&str]| {
        code.match_indices(mark).any(|(at, _)| {
            let before = code.get(..at).unwrap_or_default();
            let rest = code.get(at + mark.len()..).unwrap_or_default().trim_start();
            let chosen = rest.strip_prefix('[').is_some_and(|key| !key.starts_with(['\'', '"']));
            let asked = before.ends_with(" in ") && !rest.starts_with(".items");
            chosen
                || !asked
                    && !narrowed.iter().any(|next| rest.starts_with(next))
                    && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    };
    let taken = whole(
        "os.environ",
        &["[", ".get", ".setdefault", ".pop", ".update", ".keys", ".copy", ", ", ",**"],
    ) || whole("process.env", &[".", "[", "?."])
        || has(
            code,
            &[
                "ENV.to_h",
                "ENV.each",
                "ENV.map",
                "ENV.select",
                "ENV.inspect",
                "ENV.sort",
                "puts ENV}",
                "p ENV}",
                "%ENV",
                "getenv()",
                "$_ENV)",
                "$_ENV,",
                "$_SERVER)",
                "os.Environ()",
                "Sys.getenv()",
                "import environ",
            ],
        );
    let names = has(code, &["Object.keys(process.env", "len(os.environ", "sorted(os.environ)"]);
    let hands_on = code.contains("subprocess") && code.contains("env=");
    let evaluated = options.split(' ').any(|option| matches!(option, "-p" | "-pe" | "--print"));
    taken && !names && !hands_on && (evaluated || has(lower, &PRINTS))
}

/// Tells whether a text of the code is a key's place in the home that the code asks for.
fn names_key_of_home(code: &str, lower: &str, context: &Context<'_>) -> bool {
    const HOMES: [&str; 15] = [
        "path.home",
        "homedir(",
        "expanduser",
        "dir.home",
        "env['home']",
        "env[\"home\"]",
        "env{home}",
        "env{'home'}",
        "environ['home']",
        "environ[\"home\"]",
        "getenv('home')",
        "getenv(\"home\")",
        "process.env.home",
        "get('home')",
        "get(\"home\")",
    ];
    if !has(lower, &HOMES) {
        return false;
    }
    let mut found = texts(code).into_iter().filter(|text| !text.contains(' ') && text.len() < 256);
    found.any(|text| {
        // `"$ENV{HOME}/.netrc"`, `` `${os.homedir()}/.npmrc` ``
        let place = text.rsplit('}').next().unwrap_or(&text).trim_start_matches(['~', '/']);
        !place.is_empty()
            && has(place, &[".", "id_", "_history"])
            && context.base.secret(&home(place)) == Some(Secret::Beyond)
    })
}

/// Tells whether code removes the home as a whole.
fn removes_home(lower: &str) -> bool {
    let quiet = lower.replace(' ', "").replace('"', "'");
    ["rmtree(", "rmsync(", "rmdirsync(", "rm_rf(", "rm_r("].iter().any(|removes| {
        quiet.split(removes).skip(1).any(|rest| {
            [
                "path.home()",
                "pathlib.path.home()",
                "os.homedir()",
                "require('os').homedir()",
                "dir.home",
                "os.path.expanduser('~')",
                "env['home']",
                "os.environ['home']",
                "process.env.home",
            ]
            .iter()
            .any(|home| {
                rest.strip_prefix(home)
                    .is_some_and(|end| end.is_empty() || end.starts_with([',', ')']))
            })
        })
    })
}

fn home(place: &str) -> distiq_lang::shell::Word {
    distiq_lang::shell::Word { tilde: true, literal: false, ..literal(&format!("~/{place}")) }
}

/// Tells whether code sends what it has read to another machine.
fn sends(lower: &str, options: &str) -> bool {
    let quiet = lower.replace([' ', '\t'], "").replace('"', "'");
    let local = lower.contains("://")
        && lower.split("://").skip(1).all(|rest| {
            ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"].iter().any(|host| rest.starts_with(host))
        });
    if local {
        return false;
    }
    let talks = has(
        lower,
        &[
            "://",
            "http",
            "socket",
            "fetch(",
            "urlopen",
            "request",
            "lwp",
            "net::",
            "ftplib",
            "smtplib",
            "curl_",
            "fsockopen",
            "axios",
            "net.connect",
        ],
    ) || has(options, &["socket", "net/", "lwp", "http"]);
    let gives = has(
        &quiet,
        &[
            "requests.post",
            "requests.put",
            "requests.patch",
            "httpx.post",
            "httpx.put",
            ".post(",
            "->post(",
            "::post",
            "post_form",
            "method='post'",
            "method:'post'",
            "method=>'post'",
            "'method'=>'post'",
            "method='put'",
            "method:'put'",
            "'method'=>'put'",
            "request('post'",
            "request('put'",
            "'post',",
            "'put',",
            ",data=",
            "(data=",
            ",body:",
            "{body:",
            ",body=",
            "postfields",
            ".end(require",
            ".end(fs.",
            ".write(fs.",
            "print$s",
            "print{$s",
            "$s->send",
            "sendall(",
            "s.send(",
            "storbinary",
            "puts(file",
            "s.puts",
            "s.write",
            "fwrite($s",
            ",files=",
        ],
    );
    // `urlopen(address, data)`
    let posts = quiet.split("urlopen(").skip(1).any(|rest| {
        let rest = rest.replace(",timeout=", "").replace(",context=", "").replace(",headers=", "");
        rest.split(')').next().is_some_and(|call| call.contains(','))
    });
    let reads = has(
        &quiet.replace("urlopen(", "").replace("fsockopen(", "").replace("popen(", "readfile"),
        &[
            "open(",
            "open f",
            "openf,",
            "readfile",
            "read_text",
            "read_bytes",
            "file.read",
            "file_get_contents('",
            "io.read",
            "environ",
            "process.env",
            "env.to_h",
            "<f>",
            "<fh>",
            "<$",
            "slurp",
            "check_output",
            "subprocess",
            "execsync",
            "createreadstream",
            "stdin.read",
            "sys.stdin",
            "openasblob",
        ],
    );
    talks && (gives || posts) && reads && !only_saves(&quiet)
}

/// Tells whether every file that the code opens is opened to be written.
fn only_saves(quiet: &str) -> bool {
    let opened = quiet.replace("urlopen(", "");
    let mut calls = opened.split("open(").skip(1).peekable();
    let other = has(
        quiet,
        &[
            "readfile",
            "read_text",
            "read_bytes",
            "file.read",
            "environ",
            "process.env",
            "stdin",
            "<f",
        ],
    );
    calls.peek().is_some()
        && !other
        && calls.all(|call| {
            let mode = call.split(')').next().unwrap_or_default();
            mode.contains(",'w") || mode.contains("mode='w") || mode.contains(",'a")
        })
        && !has(quiet, &["requests.post", ".post(", ",files="])
}
