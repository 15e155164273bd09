//! The commands. `FOREVER` stands for a number of seconds that nothing waits for, by which
//! what is left is found.

/// How a command must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Code(i32),
    /// By itself; the code depends on what is installed.
    Itself,
    /// Killed when its time is over.
    TimesOut,
    /// Either way.
    Any,
}

/// A command that is hard to bear.
pub struct Case {
    pub name: &'static str,
    pub script: &'static str,
    pub end: End,
    /// What the result must say.
    pub says: &'static [&'static str],
    /// Seconds that it gets.
    pub timeout_s: u64,
}

const fn case(
    name: &'static str,
    script: &'static str,
    end: End,
    says: &'static [&'static str],
) -> Case {
    Case {
        name,
        script,
        end,
        says,
        timeout_s: if matches!(end, End::TimesOut | End::Any) { 1 } else { 60 },
    }
}

use End::{Any, Code, Itself, TimesOut};

pub const CASES: &[Case] = &[
    // Who waits for an answer gets none, at once.
    case("cat waits for input", "cat; echo end", Code(0), &["end"]),
    case("read waits for input", "read x; echo \"got:$x:$?\"", Code(0), &["got::1"]),
    case("read asks the terminal", "read x < /dev/tty", Code(1), &["/dev/tty"]),
    case("a menu", "select x in a b; do echo $x; done; echo end", Code(0), &["end"]),
    case("python asks", "python3 -c 'input(\"name? \")'", Code(1), &["EOF"]),
    case("python without a script", "python3; echo end", Code(0), &["end"]),
    case(
        "python asks for a password",
        "python3 -c 'import getpass; getpass.getpass()'",
        Code(1),
        &[],
    ),
    case("an interactive shell", "bash -i; echo end", Code(0), &["end"]),
    case("an interactive shell that asks", "bash -ic 'read x'; echo end", Code(0), &["end"]),
    case("node without a script", "node; echo end", Itself, &["end"]),
    case("sudo", "sudo -k true", Itself, &[]),
    case("su", "su root -c true", Itself, &[]),
    case("ssh", "ssh -o ConnectTimeout=1 nobody@127.0.0.1 -p 1 true", Itself, &[]),
    case("ssh-keygen asks where", "ssh-keygen -f key", Itself, &[]),
    case("gpg makes a key", "gpg --homedir . --gen-key", Itself, &[]),
    case(
        "git asks for a name",
        "printf 'protocol=https\\nhost=x.invalid\\n\\n' | git credential fill",
        Code(128),
        &["prompts disabled"],
    ),
    case(
        "git asks for a message",
        "git init -q; git -c user.name=n -c user.email=a@b commit --allow-empty",
        Code(1),
        &["empty commit message"],
    ),
    case(
        "git adds by questions",
        "git init -q; echo a > a; git add a; echo b >> a; git add -p",
        Itself,
        &[],
    ),
    case(
        "a pager",
        "seq 1 200 > many; less many | tail -1; PAGER=less man ls | head -1; echo end",
        Code(0),
        &["200", "end"],
    ),
    case(
        "git's pager",
        "git init -q; git -c user.name=n -c user.email=a@b commit -qm one --allow-empty; git -p log --format=%s",
        Code(0),
        &["one"],
    ),
    case("vi", "vi new", Any, &[]),
    case("nano", "nano new", Itself, &[]),
    case("the editor of the environment", "$EDITOR new; $VISUAL new; echo end", Code(0), &["end"]),
    case("top", "top", Itself, &[]),
    case("watch", "watch true", Any, &[]),
    case("a question of npm", "npm init", Any, &[]),
    case("openssl asks for a password", "openssl genrsa -aes256 1024", Itself, &[]),
    case("stty, reset and tput", "stty -echo; reset; tput cols; echo end", Code(0), &["end"]),
    // What never ends is ended.
    case("sleep", "sleep FOREVER", TimesOut, &[]),
    case("a loop", "while :; do :; done", TimesOut, &[]),
    case("tail -f", "echo begun; tail -f /dev/null", TimesOut, &["begun"]),
    case("yes", "yes", TimesOut, &["y\n[the same line"]),
    case("zeros", "cat /dev/zero", TimesOut, &[]),
    case("noise", "cat /dev/urandom", TimesOut, &[]),
    case("it stops itself", "kill -STOP $$; echo never", TimesOut, &[]),
    case("all of it stops", "sleep FOREVER & kill -STOP 0; echo never", TimesOut, &[]),
    case(
        "it ignores signals",
        "trap '' TERM INT HUP QUIT; while :; do sleep FOREVER; done",
        TimesOut,
        &[],
    ),
    case(
        "it answers signals",
        "trap 'echo not yet' TERM; while :; do sleep 0.05; done",
        TimesOut,
        &["not yet"],
    ),
    case("a pipe without a writer", "mkfifo p; cat p", TimesOut, &[]),
    case("a pipe without a reader", "mkfifo p; echo x > p", TimesOut, &[]),
    case("a lock that is held", "exec 9> l; flock 9; flock l true", TimesOut, &[]),
    case("a substitution that waits", "cat <(sleep FOREVER)", TimesOut, &[]),
    case("wait", "sleep FOREVER & wait", TimesOut, &[]),
    case("a pipeline", "sleep FOREVER | sleep FOREVER | cat", TimesOut, &[]),
    case("a terminal of its own", "script -qec 'sleep FOREVER' /dev/null", Any, &[]),
    case(
        "a terminal by python",
        "python3 -c 'import pty; pty.spawn([\"sleep\", \"FOREVER\"])'",
        TimesOut,
        &[],
    ),
    case("node's timer", "node -e 'setInterval(() => 0, 1000)' || sleep FOREVER", TimesOut, &[]),
    case(
        "a server in the foreground",
        "exec python3 -c 'import socket, time; s = socket.create_server((\"127.0.0.1\", 0)); time.sleep(FOREVER)'",
        TimesOut,
        &["it served port"],
    ),
    case("closed outputs", "exec 0<&- 1>&- 2>&-; sleep FOREVER", TimesOut, &[]),
    case("a nested timeout", "timeout FOREVER sleep FOREVER", TimesOut, &[]),
    case(
        "vfork",
        "python3 -c 'import subprocess; subprocess.run([\"sleep\", \"FOREVER\"], close_fds=False)'",
        TimesOut,
        &[],
    ),
    case(
        "an unknown name",
        "cp \"$(command -v sleep)\" $'a)\\n( b'; ./$'a)\\n( b' FOREVER",
        TimesOut,
        &[],
    ),
    // What hides is found.
    case(
        "left behind",
        "sleep FOREVER & echo end",
        Code(0),
        &["end", "still running as id 1:", "sleep"],
    ),
    case(
        "left behind without hangup",
        "nohup sleep FOREVER > /dev/null 2>&1 & disown; echo end",
        Code(0),
        &["end"],
    ),
    case("another session", "setsid sleep FOREVER & echo end", Code(0), &["end"]),
    case("another session at the timeout", "setsid sleep FOREVER & sleep FOREVER", TimesOut, &[]),
    case("a cleared environment", "env -i setsid sleep FOREVER & sleep FOREVER", TimesOut, &[]),
    case(
        "a daemon",
        "(env -i setsid sh -c 'trap \"\" TERM HUP; sleep FOREVER' > /dev/null 2>&1 &); echo end",
        Code(0),
        &["end"],
    ),
    case(
        "a daemon at the timeout",
        "(env -i setsid sh -c 'trap \"\" TERM HUP; sleep FOREVER' &); sleep FOREVER",
        TimesOut,
        &[],
    ),
    case("a daemon by the book", DAEMON, Code(0), &["end"]),
    case("a coprocess", "coproc sleep FOREVER; echo end", Code(0), &["end"]),
    case("an output that goes on", "echo end > >(cat; sleep FOREVER)", Code(0), &["end"]),
    case(
        "three hundred children",
        "for i in $(seq 300); do sleep FOREVER & done; echo all; wait",
        TimesOut,
        &["all"],
    ),
    case(
        "three hundred sessions",
        "for i in $(seq 300); do setsid sleep FOREVER & done; echo all; wait",
        Any,
        &[],
    ),
    case(
        "zombies",
        "python3 -c 'import os, time; [os.fork() or os._exit(0) for i in range(200)]; print(\"all\", flush=True); time.sleep(FOREVER)'",
        TimesOut,
        &["all"],
    ),
    case(
        "a fork bomb within limits",
        "ulimit -u 200; f() { [ $1 = 0 ] || { f $(($1 - 1)) & f $(($1 - 1)) & }; sleep FOREVER; }; f 7",
        TimesOut,
        &[],
    ),
    case(
        "it kills its supervisor",
        "(setsid sleep FOREVER &); kill -9 $PPID; sleep FOREVER",
        Any,
        &[],
    ),
    case("it stops its supervisor", "kill -STOP $PPID; sleep FOREVER", TimesOut, &[]),
    case("it asks its supervisor to end", "kill -TERM $PPID; sleep FOREVER", Any, &[]),
    // Odd ends are told.
    case("killed", "kill -9 $$", Code(137), &["killed by SIGKILL"]),
    case("a crash", "kill -SEGV $$", Code(139), &["killed by SIGSEGV"]),
    case(
        "a broken pipe",
        "seq 1 100000 | head -1; exit ${PIPESTATUS[0]}",
        Code(141),
        &["1\n", "killed by SIGPIPE"],
    ),
    case("a code without output", "exit 3", Code(3), &["[exit 3]"]),
    case("a code behind closed outputs", "exec >&- 2>&-; exit 4", Code(4), &["[exit 4]"]),
    case("no such program", "no-such-program-here", Code(127), &["not found"]),
    case(
        "too much time of the processor",
        "ulimit -t 1; while :; do :; done",
        Itself,
        &["killed by SIG"],
    ),
    case("no memory", "ulimit -v 20000; python3 -c 'x = \"x\" * 10**9'", Itself, &["[exit "]),
    case("no files", "ulimit -n 3; cat /dev/null", Itself, &[]),
    case("no room", "ulimit -f 0; echo x > f", Itself, &["[exit "]),
    case(
        "its folder is gone",
        "mkdir d; cd d; rmdir ../d; ls; cat ../x; echo end",
        Code(0),
        &["end"],
    ),
    case(
        "its own script is gone",
        "rm -rf ../\"$(basename \"$PWD\")\"; echo end; exit 5",
        Code(5),
        &["end", "[exit 5]"],
    ),
    case("a bad preload", "export LD_PRELOAD=/no/such.so; /bin/true; echo end", Code(0), &["end"]),
    // Floods cost no memory.
    case(
        "a gigabyte of lines",
        "yes | head -c 1000000000",
        Code(0),
        &["y\n[the same line 499999999 more times]"],
    ),
    case(
        "a line without an end",
        "head -c 300000000 /dev/zero | tr '\\0' x; echo; echo end",
        Code(0),
        &["] …", "end"],
    ),
    case(
        "many lines",
        "seq 1 1000000; exit 6",
        Code(6),
        &["1\n2\n", "999999\n1000000\n", "[exit 6]", "all of it: "],
    ),
    case(
        "returns without an end",
        "for i in $(seq 100000); do printf 'at %s\\r' $i; done; echo done",
        Code(0),
        &["done"],
    ),
    case(
        // Without what begins an order to a terminal: one of those may well go back and write over the end.
        "zeros and noise",
        "head -c 300000 /dev/urandom | tr -d '\\033\\302'; printf '\\0\\0\\377\\376'; echo; echo end",
        Code(0),
        &["end"],
    ),
    case(
        "orders to a terminal",
        "printf '\\033[2J\\033]0;title\\007\\033[31mred\\033[0m \\033[?1049h'; echo end",
        Code(0),
        &["red", "end"],
    ),
    case(
        "both outputs at once",
        "for i in $(seq 2000); do echo out; echo err >&2; done; exit 7",
        Code(7),
        &["[exit 7]"],
    ),
];

const DAEMON: &str = r#"python3 -c '
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        os.closerange(0, 1024)
        os.execve("/bin/sleep", ["sleep", "FOREVER"], {})
    os._exit(0)
os.wait()
'; echo end"#;
