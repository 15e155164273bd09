//! What no project needs, and no mode allows.

use distiq_lang::shell::{Command, Script, Word};

use super::commands::{Context, ask, deny};
use super::processes::{self, Shown};
use super::redirects::written;
use super::secrets::is_secret_variable;
use super::sed::Effect;
use super::shell_line::{judge_inner, take_worse};
use super::{Part, Verdict, cloud, network, paths::Secret, readers, targets, values};

pub(super) use super::targets::changes;

/// Names that a pattern as a command's name is held against.
pub(super) const NAMES: [&str; 26] = [
    "rm", "sudo", "su", "bash", "sh", "dd", "mkfs", "cat", "curl", "wget", "nc", "chmod", "chown",
    "kill", "shutdown", "reboot", "python3", "perl", "node", "head", "tail", "less", "cp", "mv",
    "tee", "base64",
];

/// Programs that raise privileges.
const PRIVILEGE: &[&str] = &[
    "sudo",
    "sudoedit",
    "doas",
    "su",
    "pkexec",
    "runuser",
    "gosu",
    "su-exec",
    "setpriv",
    "chroot",
    "nsenter",
    "unshare",
    "newgrp",
    "sg",
    "please",
    "run0",
    "machinectl",
    "gksudo",
    "kdesudo",
];

/// Programs that change the system itself.
const SYSTEM: &[&str] = &[
    "mkfs",
    "mke2fs",
    "fdisk",
    "sfdisk",
    "cfdisk",
    "parted",
    "gdisk",
    "sgdisk",
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
    "adduser",
    "deluser",
    "groupadd",
    "groupdel",
    "groupmod",
    "gpasswd",
    "passwd",
    "chpasswd",
    "chsh",
    "chfn",
    "visudo",
    "vipw",
    "vigr",
    "iptables",
    "ip6tables",
    "iptables-restore",
    "nft",
    "ufw",
    "firewall-cmd",
    "setenforce",
    "grub-install",
    "update-grub",
    "grub-mkconfig",
    "update-initramfs",
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
    "tune2fs",
    "fsck",
    "e2fsck",
    "mdadm",
    "lvremove",
    "vgremove",
    "pvremove",
    "lvcreate",
    "vgcreate",
    "pvcreate",
    "zpool",
    "zfs",
    "badblocks",
    "flashrom",
    "efibootmgr",
    "nvram",
    "setsebool",
    "semanage",
    "aa-disable",
    "aa-complain",
    "aa-teardown",
    "apparmor_parser",
    "update-rc.d",
    "chkconfig",
    "update-alternatives",
    "dpkg-reconfigure",
    "visudo",
    "killall5",
    "diskutil",
    "tmutil",
    "pmset",
    "scutil",
    "dscl",
    "bless",
    "mkfs.ext4",
    "sysrc",
    "pfctl",
    "ebtables",
    "tc",
    "route",
    "ifup",
    "ifdown",
    "rtcwake",
    "hwclock",
    "swaplabel",
    "fstrim",
    "newfs",
    "dmsetup",
    "nbd-client",
];

/// Tells whether a line whose grammar is not understood still shows its harm in one of its pieces.
pub(super) fn in_text(line: &str, judge: impl Fn(&str) -> Vec<Part>) -> Option<String> {
    let pieces = line
        .split(['\n', ';', '|', '&', '(', ')', '{', '}', '`'])
        .map(|piece| piece.trim().trim_start_matches("coproc ").trim_start_matches("$[").trim());
    // Bash runs the lines before the one that it cannot read.
    let lines = line.lines().map(str::trim).filter(|_| line.contains('\n'));
    lines
        .chain(pieces)
        .filter(|piece| !piece.is_empty() && *piece != line.trim())
        .take(64)
        .flat_map(judge)
        .find(|part| part.verdict == Verdict::Deny)
        .map(|part| part.reason)
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
    if SYSTEM.contains(&program) || program.starts_with("mkfs.") || program.starts_with("fsck.") {
        let only =
            |words: &[&str]| arguments.iter().all(|word| words.contains(&word.text.as_str()));
        let listing = only(&[
            "-l", "--list", "-L", "status", "--status", "list", "-s", "--show", "-S", "-n", "-v",
            "verbose",
        ]);
        let bare = arguments.is_empty()
            && !matches!(program, "mount" | "swapon" | "losetup" | "route" | "zpool");
        return if listing && !bare {
            Some(ask("shows the state of the system"))
        } else {
            Some(Part { writes: true, ..deny("changes the system") })
        };
    }
    if program == "env"
        && let Some(line) = split_string(arguments)
    {
        let parts = judge_inner(&line, context);
        return parts.into_iter().find(|part| part.verdict == Verdict::Deny);
    }
    if let Some(reason) = by_words(program, arguments) {
        return Some(deny(reason));
    }
    targets::judge(program, arguments, command, context)
        .or_else(|| network::judge(program, arguments, command, context))
        .or_else(|| cloud::judge(program, arguments))
}

/// Returns the line of `env -S`.
fn split_string(arguments: &[&Word]) -> Option<String> {
    let at = arguments
        .iter()
        .position(|word| word.text.starts_with("-S") || word.text.starts_with("--split-string"))?;
    let texts: Vec<&str> = arguments.iter().skip(at).map(|word| word.text.as_str()).collect();
    let line = texts.join(" ");
    Some(
        line.trim_start_matches("-S")
            .trim_start_matches("--split-string")
            .trim_start_matches('=')
            .trim()
            .to_owned(),
    )
}

pub(super) fn has(arguments: &[&Word], options: &[&str]) -> bool {
    arguments.iter().any(|word| options.contains(&word.text.as_str()))
}

/// Says what is wrong with a command whose words alone tell it.
fn by_words(program: &str, arguments: &[&Word]) -> Option<&'static str> {
    const SECRETS: &str = "reads keys, passwords or history";
    const SAFEGUARD: &str = "turns a safeguard off";
    const SYSTEM: &str = "changes the system";
    let text = |index: usize| arguments.get(index).map_or("", |word| word.text.as_str());
    let any = |fits: &dyn Fn(&str) -> bool| arguments.iter().any(|word| fits(&word.text));
    let last = arguments.last().map_or("", |word| word.text.as_str());
    let (reason, applies) = match program {
        "history" | "fc" | "keyctl" | "secret-tool" | "ssh-add" | "gpg-agent" | "kwallet-query" => {
            (SECRETS, true)
        }
        "security" => (
            SECRETS,
            text(0).starts_with("find-") || text(0).starts_with("dump") || text(0) == "export",
        ),
        "pass" | "gopass" => (SECRETS, !matches!(text(0), "ls" | "list" | "version" | "help" | "")),
        "op" | "bw" | "lpass" | "keyring" | "doppler" | "chamber" | "keepassxc-cli" => {
            (SECRETS, true)
        }
        "vault" => (SECRETS, matches!(text(0), "read" | "kv" | "token" | "print")),
        "gpg" | "gpg2" => (SECRETS, any(&|word| word.starts_with("--export-secret"))),
        "ps" => (SECRETS, processes::shown(arguments) == Shown::Environment),
        "printenv" => (SECRETS, arguments.iter().any(|word| is_secret_variable(&word.text))),
        "getent" => (SECRETS, matches!(text(0), "shadow" | "gshadow")),
        "unshadow" | "john" | "hashcat" | "mimikatz" | "hydra" => (SECRETS, true),
        "ssh-copy-id" => ("sends data out", true),
        "kill" => {
            let everybody = arguments.len() > 1 && matches!(last, "-1" | "1") && text(0) != "-0";
            (
                "ends processes beyond the project",
                everybody || (arguments.len() == 1 && last == "-1"),
            )
        }
        "killall" | "pkill" => {
            let everybody = any(&|word| {
                matches!(word, "." | ".*" | "" | "-u" | "--user" | "init" | "systemd" | "sshd")
            });
            ("ends processes beyond the project", everybody)
        }
        // What the user's own services do now; what starts with the session is another matter.
        "systemctl"
            if text(0) == "--user"
                && matches!(
                    text(1),
                    "start"
                        | "stop"
                        | "restart"
                        | "reload"
                        | "try-restart"
                        | "kill"
                        | "daemon-reload"
                ) =>
        {
            return None;
        }
        "npx" | "bunx" | "uvx" | "deno" | "pipx" => {
            let mut operands = arguments
                .iter()
                .map(|word| word.text.as_str())
                .filter(|text| !text.starts_with('-'))
                .skip_while(|text| *text == "run");
            let package = operands.next().unwrap_or_default();
            let by_address = package.starts_with("http://") || package.starts_with("https://");
            ("runs what it downloads or decodes", by_address && !package.ends_with(".git"))
        }
        "pwsh" | "powershell" => {
            let line = arguments.iter().map(|word| word.text.to_lowercase()).collect::<Vec<_>>();
            let line = line.join(" ");
            let runs = ["iex", "invoke-expression", "& ([scriptblock]", "start-process"];
            let fetches = [
                "iwr",
                "irm",
                "invoke-webrequest",
                "invoke-restmethod",
                "downloadstring",
                "downloadfile",
                "frombase64string",
                "curl",
                "wget",
            ];
            let has = |marks: &[&str]| marks.iter().any(|mark| line.contains(mark));
            let encoded = arguments.iter().any(|word| {
                let option = word.text.to_lowercase();
                option.len() > 2 && "-encodedcommand".starts_with(&option)
            });
            ("runs what it downloads or decodes", encoded || (has(&runs) && has(&fetches)))
        }
        "git" if text(0) == "config" && sets_beyond(arguments) => {
            ("changes git's settings beyond the project", true)
        }
        "git" if text(0) == "config" => (
            SECRETS,
            any(&|word| {
                let key = word.to_lowercase();
                key.contains("extraheader") || key.contains("password") || key.contains("token")
            }) && any(&|word| word.starts_with("--get") || word == "get"),
        ),
        "systemctl" | "service" | "rc-service" | "initctl" => (
            "changes the system's services",
            any(&|word| {
                matches!(
                    word,
                    "start"
                        | "stop"
                        | "restart"
                        | "reload"
                        | "enable"
                        | "disable"
                        | "mask"
                        | "unmask"
                        | "kill"
                        | "poweroff"
                        | "reboot"
                        | "halt"
                        | "suspend"
                        | "hibernate"
                        | "isolate"
                        | "daemon-reload"
                        | "set-default"
                        | "edit"
                        | "rescue"
                        | "emergency"
                        | "set-property"
                        | "link"
                        | "revert"
                        | "kexec"
                        | "import-environment"
                )
            }),
        ),
        "loginctl" => (
            SYSTEM,
            any(&|word| {
                word.contains("terminate") || word.contains("kill") || word.contains("enable")
            }),
        ),
        "sysctl" => (
            SYSTEM,
            any(&|word| {
                matches!(word, "-w" | "--write" | "--system")
                    || word.starts_with("-p")
                    || word.contains('=')
            }),
        ),
        "ip" => (
            SYSTEM,
            any(&|word| {
                matches!(
                    word,
                    "add"
                        | "del"
                        | "delete"
                        | "set"
                        | "flush"
                        | "replace"
                        | "change"
                        | "append"
                        | "netns"
                )
            }),
        ),
        "ifconfig" | "iwconfig" | "ethtool" | "arp" => (
            SYSTEM,
            any(&|word| {
                matches!(word, "up" | "down" | "-s" | "-d" | "add" | "del" | "netmask" | "hw")
            }),
        ),
        "nmcli" | "networksetup" => (
            SYSTEM,
            any(&|word| {
                matches!(word, "down" | "up" | "delete" | "modify" | "add" | "off" | "on")
                    || word.starts_with("-set")
            }),
        ),
        "ldconfig" => (SYSTEM, !has(arguments, &["-p", "-v", "-N"])),
        "xattr" => (
            SAFEGUARD,
            any(&|word| word.contains("quarantine"))
                && any(&|word| word.starts_with("-d") || word == "-c"),
        ),
        "npm" | "yarn" | "pnpm" => (
            SAFEGUARD,
            text(0) == "config"
                && (any(&|word| word.contains("strict-ssl"))
                    || any(&|word| word.contains("ignore-scripts"))),
        ),
        "set" => (SAFEGUARD, false),
        "distiq" => (
            SAFEGUARD,
            matches!(text(0), "trust" | "setup")
                || any(&|word| matches!(word, "full" | "--mode=full"))
                || (text(0) == "config" && text(1) == "set")
                || (text(0) == "permissions" && text(1) == "forget"),
        ),
        "chmod" => {
            let raises = arguments.iter().any(|word| {
                let mode = word.text.as_str();
                let set_id = mode.len() == 4
                    && mode.bytes().all(|b| (b'0'..=b'7').contains(&b))
                    && matches!(mode.as_bytes().first(), Some(b'2' | b'4' | b'6'));
                set_id || (mode.contains("+s") || mode.contains("+st") || mode.contains("=s"))
            });
            ("raises privileges", raises)
        }
        "install" => (
            "raises privileges",
            any(&|word| word.starts_with("-m4") || word.starts_with("--mode=4")),
        ),
        "flatpak-spawn" | "systemd-run" | "dbus-send" | "busctl" | "gdbus" => (
            "raises privileges",
            program == "flatpak-spawn"
                || any(&|word| word == "call" || word.starts_with("--property")),
        ),
        "journalctl" => (
            SYSTEM,
            any(&|word| word.starts_with("--vacuum") || word == "--rotate" || word == "--flush"),
        ),
        "wall" | "write" | "mesg" => {
            ("writes to the terminals of others", program != "mesg" && !arguments.is_empty())
        }
        _ => return None,
    };
    applies.then_some(reason)
}

/// Tells whether `git config` changes what holds for all projects.
fn sets_beyond(arguments: &[&Word]) -> bool {
    let rest = arguments.iter().skip(1).map(|word| word.text.as_str());
    let scoped = rest.clone().any(|text| matches!(text, "--global" | "--system"));
    let reads = rest
        .clone()
        .any(|text| text.starts_with("--get") || matches!(text, "-l" | "--list" | "list" | "get"));
    let changes = rest.clone().any(|text| {
        text.starts_with("--unset")
            || matches!(
                text,
                "--add" | "--replace-all" | "-e" | "--edit" | "set" | "unset" | "edit"
            )
    });
    scoped && !reads && (changes || rest.filter(|text| !text.starts_with('-')).count() > 1)
}

/// Judges the worst of what a script in another language does besides its own work; `None` where all is harmless.
pub(super) fn effects(effects: &[Effect], context: &Context<'_>) -> Option<Part> {
    effects.iter().filter_map(|one| effect(one, context)).max_by_key(|part| part.verdict)
}

/// Judges what a script in another language does besides its own work; `None` where it is harmless.
pub(super) fn effect(effect: &Effect, context: &Context<'_>) -> Option<Part> {
    let word = |path: &str| values::literal(path);
    let part = match effect {
        Effect::Pipes(place) | Effect::Reads(place) | Effect::Writes(place)
            if place.starts_with("/inet") =>
        {
            Part { network: true, ..deny("opens a connection of its own") }
        }
        Effect::Unknown(reason) => Part { writes: true, ..ask(*reason) },
        Effect::Writes(path) => match path.as_str() {
            "/dev/stdout" | "/dev/stderr" | "/dev/null" | "-" => return None,
            path => written(context.base.area(&word(path)), path)?,
        },
        Effect::Reads(path) => {
            let path = word(path);
            match context.base.secret(&path) {
                Some(Secret::Beyond) => deny("reads keys, passwords or history"),
                Some(Secret::OfProject) => ask("reads a file that may hold keys"),
                None => ask(readers::reads_beyond(&path, false, context)?),
            }
        }
        Effect::Runs(line) | Effect::Pipes(line) => {
            let runs = matches!(effect, Effect::Runs(_));
            let mut worst = runs.then(|| ask("runs a command of its own"));
            for part in judge_inner(line, context) {
                match &mut worst {
                    Some(worst) => take_worse(worst, part),
                    None => worst = Some(part),
                }
            }
            worst.filter(|part| part.verdict != Verdict::Allow)?
        }
    };
    (part.verdict != Verdict::Allow).then_some(part)
}

/// Returns the name of a secret variable that a command prints or passes on.
pub(super) fn secret_variable(command: &Command) -> Option<String> {
    let targets = command.redirects.iter().map(|redirect| &redirect.target);
    let assigned = command.assignments.iter().map(|assignment| &assignment.value);
    let words = command.words.iter().chain(targets).chain(assigned).filter(|word| !word.literal);
    words.flat_map(|word| word.text.split('$').skip(1)).find_map(|rest| {
        let name: String = rest
            .trim_start_matches(['{', '!', '#'])
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        is_secret_variable(&name).then_some(name)
    })
}

/// Tells whether a function calls itself and leaves the call behind, or a loop without end starts
/// something and leaves it behind.
pub(super) fn is_fork_bomb(line: &str, script: &Script) -> bool {
    let loops = script.commands.iter().any(|command| {
        command.endless
            && command.background
            && !command.in_substitution
            && !command.words.is_empty()
    });
    loops
        || script.functions.iter().any(|function| {
            let calls = script.commands.iter().filter(|command| command.name() == Some(function));
            let spreads = calls.clone().any(|command| command.background || command.reads_pipe);
            calls.count() >= 1
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
    // The body ends at its own brace; what is called behind it is no recursion.
    let mut depth = 0_u32;
    for (at, c) in rest.char_indices().skip(open) {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return rest.get(open + 1..at);
                }
            }
            _ => {}
        }
    }
    rest.get(open + 1..)
}
