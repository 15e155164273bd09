//! Programs whose arguments are a command (`sudo rm f`), as data.

use super::Word;
use super::run::Runs;

/// How a wrapper's own arguments end and the command begins. An option that is not listed makes
/// the command opaque, since it may take a value.
struct Wrapper {
    names: &'static [&'static str],
    /// The first argument that makes it a wrapper (`uv run`).
    subcommand: &'static str,
    /// Short options without a value.
    flags: &'static str,
    /// Short options with a value.
    valued: &'static str,
    /// Short options whose value is attached or absent (`-i{}`).
    attached: &'static str,
    /// Options with which no command is run.
    idle: &'static str,
    long_flags: &'static [&'static str],
    long_valued: &'static [&'static str],
    /// Arguments before the command.
    positional: usize,
    /// Whether `NAME=value` may stand before the command.
    assignments: bool,
    /// Whether arguments are added at run time.
    partial: bool,
    /// What happens without a command.
    bare: Bare,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bare {
    /// Nothing.
    Nothing,
    /// A shell, which reads its input.
    Shell,
}

const WRAPPER: Wrapper = Wrapper {
    names: &[],
    subcommand: "",
    flags: "",
    valued: "",
    attached: "",
    idle: "",
    long_flags: &[],
    long_valued: &[],
    positional: 0,
    assignments: false,
    partial: false,
    bare: Bare::Nothing,
};

static WRAPPERS: &[Wrapper] = &[
    Wrapper {
        names: &["env"],
        flags: "i0v",
        valued: "uC",
        long_flags: &["ignore-environment", "null", "debug", "list-signal-handling"],
        long_valued: &["unset", "chdir"],
        assignments: true,
        ..WRAPPER
    },
    Wrapper { names: &["command"], flags: "p", idle: "vV", ..WRAPPER },
    Wrapper {
        names: &["builtin", "nohup", "catchsegv", "unbuffer", "busybox", "toybox", "fakeroot"],
        ..WRAPPER
    },
    Wrapper { names: &["torsocks", "proxychains", "proxychains4"], flags: "q", ..WRAPPER },
    Wrapper { names: &["exec"], flags: "cl", valued: "a", ..WRAPPER },
    Wrapper {
        names: &["nice"],
        flags: "0123456789",
        valued: "n",
        long_valued: &["adjustment"],
        ..WRAPPER
    },
    Wrapper {
        names: &["ionice"],
        flags: "t",
        valued: "cn",
        idle: "pPu",
        long_valued: &["class", "classdata"],
        ..WRAPPER
    },
    Wrapper {
        names: &["timeout", "gtimeout"],
        flags: "vfp",
        valued: "ks",
        long_flags: &["foreground", "preserve-status", "verbose"],
        long_valued: &["kill-after", "signal"],
        positional: 1,
        ..WRAPPER
    },
    Wrapper {
        names: &["time"],
        flags: "apvq",
        valued: "of",
        long_flags: &["append", "portability", "verbose", "quiet"],
        long_valued: &["output", "format"],
        ..WRAPPER
    },
    Wrapper {
        names: &["stdbuf"],
        valued: "ioe",
        long_valued: &["input", "output", "error"],
        ..WRAPPER
    },
    Wrapper { names: &["setsid"], flags: "cfw", long_flags: &["ctty", "fork", "wait"], ..WRAPPER },
    Wrapper {
        names: &["sudo"],
        flags: "AbBEHknPSNsi",
        valued: "ugpCDRTUrth",
        idle: "lvVKe",
        long_flags: &[
            "askpass",
            "background",
            "preserve-env",
            "set-home",
            "non-interactive",
            "stdin",
            "login",
            "shell",
            "reset-timestamp",
            "no-update",
        ],
        long_valued: &[
            "user",
            "group",
            "prompt",
            "close-from",
            "chdir",
            "chroot",
            "command-timeout",
            "other-user",
            "role",
            "type",
            "host",
        ],
        assignments: true,
        bare: Bare::Shell,
        ..WRAPPER
    },
    Wrapper { names: &["doas"], flags: "Lns", valued: "Cu", bare: Bare::Shell, ..WRAPPER },
    Wrapper {
        names: &["pkexec"],
        long_flags: &["disable-internal-agent", "keep-cwd"],
        long_valued: &["user"],
        bare: Bare::Shell,
        ..WRAPPER
    },
    Wrapper { names: &["gosu", "su-exec"], positional: 1, bare: Bare::Shell, ..WRAPPER },
    Wrapper {
        names: &["chroot"],
        long_flags: &["skip-chdir"],
        long_valued: &["userspec", "groups"],
        positional: 1,
        bare: Bare::Shell,
        ..WRAPPER
    },
    Wrapper {
        names: &["unshare", "nsenter"],
        flags: "mnpuUCTrfi",
        long_flags: &["fork", "mount-proc", "map-root-user", "net", "pid", "mount", "user"],
        bare: Bare::Shell,
        ..WRAPPER
    },
    Wrapper { names: &["taskset"], flags: "ac", idle: "p", positional: 1, ..WRAPPER },
    Wrapper { names: &["chrt"], flags: "abfiorRv", idle: "pm", positional: 1, ..WRAPPER },
    Wrapper { names: &["setarch"], flags: "vRFZLXBISTt3", positional: 1, ..WRAPPER },
    Wrapper {
        names: &["strace", "ltrace"],
        flags: "fFtTrvxyckqCdDin",
        valued: "eopPsuaES",
        ..WRAPPER
    },
    Wrapper {
        names: &["xvfb-run"],
        flags: "al",
        valued: "efnpsw",
        long_flags: &["auto-servernum"],
        ..WRAPPER
    },
    Wrapper { names: &["caffeinate"], flags: "dimsu", valued: "tw", ..WRAPPER },
    Wrapper {
        names: &[
            "prlimit",
            "numactl",
            "setpriv",
            "choom",
            "systemd-run",
            "dbus-run-session",
            "entr",
        ],
        ..WRAPPER
    },
    Wrapper {
        names: &["xargs", "gxargs"],
        flags: "0rtpxo",
        valued: "adEILnPs",
        attached: "eil",
        long_flags: &[
            "null",
            "no-run-if-empty",
            "verbose",
            "interactive",
            "exit",
            "open-tty",
            "eof",
            "max-lines",
            "replace",
            "show-limits",
        ],
        long_valued: &["arg-file", "delimiter", "max-args", "max-procs", "max-chars"],
        partial: true,
        ..WRAPPER
    },
    Wrapper {
        names: &["uv"],
        subcommand: "run",
        flags: "qv",
        valued: "p",
        long_flags: &["frozen", "locked", "offline", "no-sync", "no-project", "isolated", "quiet"],
        long_valued: &["python", "with", "extra", "group", "directory", "project", "env-file"],
        ..WRAPPER
    },
    Wrapper { names: &["poetry", "pipenv", "pdm", "rye", "hatch"], subcommand: "run", ..WRAPPER },
    Wrapper { names: &["bundle", "pnpm", "yarn"], subcommand: "exec", ..WRAPPER },
    Wrapper { names: &["npm", "mise"], subcommand: "exec", ..WRAPPER },
    Wrapper { names: &["direnv"], subcommand: "exec", positional: 1, ..WRAPPER },
];

/// Returns the command that a wrapper runs.
pub(super) fn runs(program: &str, args: &[Word], partial: bool) -> Vec<Runs> {
    let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.names.contains(&program)) else {
        return Vec::new();
    };
    let args = match args.split_first() {
        _ if wrapper.subcommand.is_empty() => args,
        Some((first, rest)) if first.literal && first.text == wrapper.subcommand => rest,
        // Options may stand before the subcommand.
        _ if args.iter().any(|word| word.text == wrapper.subcommand) => return vec![Runs::Unknown],
        _ => return Vec::new(),
    };
    let own = wrapper.own_arguments(args);
    let mut runs = Vec::new();
    if own.unknown {
        runs.push(Runs::Unknown);
    }
    if own.idle {
        return runs;
    }
    let mut words = args.get(own.count..).unwrap_or_default().to_vec();
    if words.is_empty() {
        if partial || wrapper.bare == Bare::Shell {
            runs.push(if partial { Runs::Unknown } else { Runs::Stdin });
        }
        return runs;
    }
    if wrapper.partial {
        let replaced = own.replaced.as_deref().unwrap_or("{}");
        words.iter_mut().for_each(|word| hide_replaced(word, replaced));
    }
    runs.push(Runs::Words { words, partial: wrapper.partial });
    runs
}

/// Marks a word in which `xargs` or `find` puts something.
pub(super) fn hide_replaced(word: &mut Word, replaced: &str) {
    if word.text.contains("{}") || word.text.contains(replaced) {
        word.literal = false;
        word.glob = false;
    }
}

/// A wrapper's own arguments.
#[derive(Default)]
struct Own {
    count: usize,
    unknown: bool,
    idle: bool,
    /// The text that `xargs -I` replaces.
    replaced: Option<String>,
}

impl Wrapper {
    fn own_arguments(&self, args: &[Word]) -> Own {
        let mut own = Own::default();
        let mut positional = self.positional;
        let mut options = true;
        while let Some(word) = args.get(own.count) {
            // An expansion may become several words, options and the command among them.
            own.unknown |=
                word.splits || !word.literal && (positional > 0 || word.text.starts_with('-'));
            let text = word.text.as_str();
            if options && text == "--" {
                own.count += 1;
                options = false;
            } else if options && text == "-" && self.assignments {
                own.count += 1;
            } else if let Some(long) = text.strip_prefix("--").filter(|_| options) {
                own.count += 1 + usize::from(self.long_takes_next(long, &mut own.unknown));
            } else if options && text.len() > 1 && text.starts_with('-') {
                let value = args.get(own.count + 1).map(|next| next.text.as_str());
                own.count += 1 + usize::from(self.short_takes_next(text, value, &mut own));
            } else if self.assignments && is_assignment(text) {
                own.count += 1;
            } else if positional > 0 {
                positional -= 1;
                options = false;
                own.count += 1;
            } else {
                own.unknown |= !options && text.starts_with('-') && self.positional > 0;
                break;
            }
        }
        own.count = own.count.min(args.len());
        own
    }

    fn long_takes_next(&self, long: &str, unknown: &mut bool) -> bool {
        let (name, attached) = long.split_once('=').map_or((long, false), |(name, _)| (name, true));
        let valued = self.long_valued.contains(&name);
        *unknown |= !valued && !self.long_flags.contains(&name);
        valued && !attached
    }

    fn short_takes_next(&self, text: &str, next: Option<&str>, own: &mut Own) -> bool {
        let mut rest = text.chars();
        rest.next();
        while let Some(c) = rest.next() {
            if self.valued.contains(c) {
                let attached = rest.as_str();
                if c == 'I' {
                    own.replaced =
                        if attached.is_empty() { next } else { Some(attached) }.map(str::to_owned);
                }
                return attached.is_empty();
            }
            if self.attached.contains(c) {
                own.replaced =
                    Some(rest.as_str().to_owned()).filter(|text| c == 'i' && !text.is_empty());
                return false;
            }
            own.idle |= self.idle.contains(c);
            own.unknown |= !self.flags.contains(c) && !self.idle.contains(c);
        }
        false
    }
}

/// Tells whether `env` and `sudo` take an argument for a variable; they ask for no more than a `=` in it.
fn is_assignment(text: &str) -> bool {
    text.find('=').is_some_and(|at| at > 0)
}
