//! Bash itself as the judge: whatever it runs must have been found.
//!
//! Random lines are put together from pieces that are apt to be misread and given to a bash that
//! finds no program at all; it logs the name of each command it would have run. Every logged name
//! must be among the commands that [`parse`] found, unless one is opaque or the line was refused.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use distiq_lang::shell::parse;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const PIECES: &[&str] = &[
    "aa",
    "bb",
    "cc",
    "dd x",
    " ",
    " ",
    " ",
    ";",
    "; ",
    "\n",
    "\n",
    " && ",
    " || ",
    " | ",
    " & ",
    "|&",
    "&>",
    "'",
    "'",
    "\"",
    "\"",
    "`",
    "`",
    "\\`",
    "$(",
    ")",
    "(",
    "((",
    "))",
    "$((",
    "${x:-",
    "${y#",
    "${!x}",
    "}",
    "{ ",
    "; }",
    "$x",
    "$'",
    "\\'",
    "\\",
    "\\\\",
    "\\\n",
    "#",
    " # ",
    "$",
    "=",
    "x=",
    "x=(",
    "x[1]=",
    "[[ ",
    " ]]",
    " =~ ",
    "-eq",
    "<(",
    ">(",
    "<<E\n",
    "<<'E'\n",
    "<<-E\n",
    "\nE\n",
    "\n\tE\n",
    "E",
    " <<E",
    "<<<",
    "if ",
    "; then ",
    "; fi",
    "else ",
    "while ",
    "; do ",
    "; done",
    "for x in ",
    "case x in ",
    " x) ",
    ";; ",
    "esac",
    "f() ",
    "function f ",
    "f",
    "! ",
    "time ",
    "coproc ",
    "eval ",
    "eval '",
    "bash -c '",
    "command ",
    "builtin ",
    "1",
    "2>&1",
    ">",
    "<",
    "*",
    "?",
    "[",
    "]",
    "{aa,bb}",
    "~",
    "!",
    "é",
    "\t",
    "trap 'aa' EXIT",
    "%",
    "z[$(aa)]",
    "'z[$(aa)]'",
    "x='z[$(aa)]'; ",
    "z='z[$(aa)]'; ",
    "x='$(aa)'; ",
    "x=y; ",
    "x+=5; ",
    "y=(x 1); ",
    "$((x))",
    "((x++)); ",
    "((y=x)); ",
    "${x:=z[0]}",
    "${y[x]}",
    "${y:x}",
    "${@:x}",
    "${x@P}",
    "[x]",
    "[$x]",
    "[@]",
    ":=",
    "@P",
    "+=",
    ">&",
    ">&-",
    "<&-",
    "{x}>",
    "{y[x]}>",
    " - ",
    "env x=",
    "set -k; ",
    "shopt -s extglob; ",
    "exec ",
    "read x ",
    "read -ra x ",
    "<<< 'z[$(aa)]'; ",
    "mapfile x ",
    "declare -A m; ",
    "m[$x]=1; ",
    "declare -i x; ",
    "declare -n x=y; ",
    "declare x=",
    "local x=",
    "export ",
    "let x=",
    "unset x; ",
    "unset ",
    "printf -v ",
    "printf -v x ",
    "test -v ",
    "[ -v ",
    "[[ -v ",
    "[ $x ]; ",
    "[[ x -eq 1 ]]; ",
    " -eq ",
    "wait -p ",
    "getopts x: ",
    "compgen -W ",
    "set -- ",
    "select x in ",
    "for ((x=",
    "RANDOM=",
    "OPTIND=",
    "$_",
    "REPLY",
    "BASH_REMATCH",
];

/// Commands in forms that should be found, so that not every random line is refused.
const LINES: &[&str] = &[
    "aa; bb",
    "aa | bb",
    "x=$(aa) bb",
    "echo \"$(aa)\"",
    "echo `aa`",
    "cat <<E\n$(aa)\nE\n",
    "if aa; then bb; fi",
    "for x in a; do aa; done",
    "case x in x) aa;; esac",
    "{ aa; }",
    "f() { aa; }; f",
    "(aa)",
    "echo $'\\'' ; aa",
    "[[ -n $(aa) ]]",
    "echo $((1+$(aa)))",
    "eval 'aa; bb'",
    "bash -c 'aa'",
    "echo ${z:-$(aa)}",
    "aa <(bb)",
    "trap 'aa' EXIT",
    "echo 'a' \"b\" #'",
    "x=(a $(aa))",
    "command aa",
    "! aa",
    "aa && bb || cc &",
    "aa \\\n bb",
    "cat <<'E' | aa\n$(bb)\nE\n",
    "while false; do bb; done",
    "time aa",
    "echo a#b; aa",
    "echo $'a\\'b'; aa; echo 'c'",
    "echo \"a\\\"b\"; aa",
    "echo ${#x} ${x#y}; aa",
    "cat <<-E\n\tx\n\tE\naa",
    "echo \\'; aa; echo \\'",
    "echo \"`aa \\`bb\\``\"",
    "x[1]=$(aa)",
    "{aa,bb} {cc,'a b'}",
    "{aa,x}{,y}",
    "for x in {aa,bb}; do $x; done",
    "x='z[$(aa)]'; echo $((x))",
    "x='z[$(aa)]'; y=x; echo $((y + 1))",
    "read x <<< 'z[$(aa)]'; echo $((x))",
    "x='z[$(aa)]'; [[ $x -eq 1 ]]",
    "x='z[$(aa)]'; echo ${y:x}",
    "declare x='z[$(aa)]'; ((x))",
    "for x in 'z[$(aa)]'; do ((x++)); done",
    "f() { echo $(($1)); }; f 'z[$(aa)]'",
    "x='z[$(aa)]' eval 'echo $((x))'",
    "n=$(aa | wc -l); echo $((n))",
    "for ((i=0;i<2;i++)); do aa; done",
    "x=1; : ${x:=2}; echo $((x + 1)); aa",
    "read -ra x <<< '1 2'; echo $((x[0])); aa",
    "a=(1 2); echo $((a[1])) ${a[0]}; aa",
    "x=3; a[x]=1; a[$x]+=2; echo ${a[x]:0:x}; aa",
    "declare -A m; k='z[$(aa)]'; m[$k]=1; echo ${m[$k]}; bb",
    "declare -A m=([x]=1); for k in \"${!m[@]}\"; do echo ${m[$k]}; done; aa",
    "declare -i x=2; x=x+1; let x++ y=x; aa",
    "printf -v x %d 5; ((x)) && aa",
    "x=y; echo ${!x}; unset x; aa",
    "[ -v x ] || test -n \"$x\" && aa",
    "f() { local -i n=$1; echo $((n)); }; f 3; aa",
    "x=2; echo 'z[$(bb)]' >&$x; aa",
    "mapfile -t x <<< 'z[$(bb)]'; aa",
    "getopts x: o -x 5; echo \"$OPTARG\"; aa",
    "set -- 1 2; echo ${@:1} $(($1 + $2)); aa",
    "x='z[$(bb)]'; y=\"$x\"; echo \"$y\"; aa",
    "x=5; [[ $x -gt 3 && 'z[$(bb)]' != y ]] && aa",
    "export x='z[$(bb)]'; readonly y=\"$x\"; aa",
    "select x in 1 2; do echo $((x)); done <<< 1; aa",
    "y=(['k k']=1 [2]=3); aa",
];

fn line() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES).prop_map(str::to_owned);
    let random = prop::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat());
    let mutated = (
        prop::sample::select(LINES),
        prop::collection::vec((0_usize..64, prop::sample::select(PIECES)), 0..3),
        prop::option::of(prop::sample::select(LINES)),
    )
        .prop_map(|(line, edits, then)| {
            let mut text = line.to_owned();
            for (at, piece) in edits {
                let at = at % (text.len() + 1);
                text.insert_str(text.floor_char_boundary(at), piece);
            }
            match then {
                Some(then) => format!("{text}\n{then}"),
                None => text,
            }
        });
    prop_oneof![1 => random, 5 => mutated]
}

/// Logs what bash does not find. The log's size and the nesting of functions bound what a line can
/// do; a loop without commands ends by its processor time.
const HANDLER: &str = r#"() {
    builtin printf '%s\0' "$1" >> "$LOG"
    local log; log=$(<"$LOG")
    if ((${#log} > 2000)); then builtin kill -9 0; fi
    if [ "$1" = bash ] && [ "$2" = -c ] && [[ $3 != [-+]* ]]; then builtin eval "$3"; fi
    return 1
}"#;

/// Finds bash by the path of this process; the one it runs with has no programs at all.
fn bash() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|folder| folder.join("bash"))
        .find(|bash| bash.exists())
        .unwrap()
}

/// Returns the names of the commands that bash runs for `line`.
fn run(folder: &Path, line: &str) -> Vec<String> {
    // What a line left running still writes to its own log.
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let place = folder.join(NUMBER.fetch_add(1, Ordering::Relaxed).to_string());
    fs::create_dir(&place).unwrap();
    let log = place.with_extension("log");
    let limited = "ulimit -t 1 -f 64; exec \"$BASH\" --norc --noprofile -c \"$1\"";
    Command::new(bash())
        .args(["--norc", "--noprofile", "-c", limited, "bash", line])
        .current_dir(&place)
        .env_clear()
        .env("PATH", "/nonexistent")
        .env("HOME", &place)
        .env("LOG", &log)
        .env("FUNCNEST", "4")
        .env("BASH_FUNC_command_not_found_handle%%", HANDLER)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .status()
        .unwrap();
    let log = fs::read(&log).unwrap_or_default();
    String::from_utf8_lossy(&log).split_terminator('\0').map(str::to_owned).collect()
}

/// Tells what bash ran and `parse` did not find.
fn missed(folder: &Path, line: &str) -> Option<String> {
    let Ok(script) = parse(line) else { return None };
    if script.commands.iter().any(|command| command.opaque) {
        return None;
    }
    let found: Vec<&str> = script.commands.iter().filter_map(|command| command.name()).collect();
    run(folder, line).into_iter().find(|name| !name.is_empty() && !found.contains(&name.as_str()))
}

#[test]
fn bash_runs_nothing_that_was_not_found() {
    let cases = std::env::var("SHELL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(500);
    let folder = tempfile::tempdir().unwrap();
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    runner
        .run(&line(), |line| {
            prop_assert_eq!(missed(folder.path(), &line), None);
            Ok(())
        })
        .unwrap();
}

/// The lines of `evaluated.txt`: those in which a text is evaluated that runs a command, and, behind `ok`, those in
/// which none can.
#[test]
fn what_is_evaluated_is_known_or_asked_about() {
    let mut wrong = Vec::new();
    let lines = include_str!("evaluated.txt").lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with("## ")) {
        let (harmless, line) = match line.strip_prefix("ok ") {
            Some(line) => (true, line),
            None => (false, line),
        };
        let known = parse(&line.replace('␤', "\n"))
            .is_ok_and(|script| script.commands.iter().all(|command| !command.opaque));
        if known != harmless {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Words with braces, and what may stand in and around them.
fn braced() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(
        &[
            "{", "}", ",", "a", "b", "..", "1", "3", "-", "'", "\"", "\\", "{a,b}", "{1..3}", "é",
            "x", "''", "\\,",
        ][..],
    );
    prop::collection::vec(piece, 1..10).prop_map(|pieces| pieces.concat())
}

#[test]
fn words_in_braces_are_those_that_bash_makes() {
    let mut runner =
        TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    runner
        .run(&braced(), |word| {
            let line = format!("printf '%s\\0' {word}");
            let Ok(script) = parse(&line) else { return Ok(()) };
            let [command] = script.commands.as_slice() else { return Ok(()) };
            let Some((_, words)) = command.words.split_at_checked(2) else { return Ok(()) };
            if words.iter().any(|word| !word.literal) {
                return Ok(());
            }
            let ran = Command::new(bash()).args(["--norc", "-c", &line]).output().unwrap();
            let told = String::from_utf8_lossy(&ran.stdout).into_owned();
            let told: Vec<&str> = told.split_terminator('\0').collect();
            let ours: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            // Without words printf prints one empty text.
            if !ours.is_empty() {
                prop_assert_eq!(ours, told, "{}", line);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_judge_sees_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), "aa | bb; (cc); x=$(dd); bash -c 'ee'; eval 'ff'");
    let mut ran: Vec<&str> = ran.iter().map(String::as_str).collect();
    ran.sort_unstable();
    assert_eq!(ran, ["aa", "bash", "bb", "cc", "dd", "ee", "ff"]);
    let accepted = LINES.iter().filter(|line| parse(line).is_ok()).count();
    assert_eq!(accepted, LINES.len());
}
