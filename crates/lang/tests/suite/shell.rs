//! What a shell line runs, as a table.

use distiq_lang::shell::{Command, MAX_BYTES, ShellError, parse};

/// Shows a command's program: `?` where it is not literal, `-` without one, `!` behind an opaque
/// one, `~` behind one that gets more arguments at run time.
pub fn show(command: &Command) -> String {
    let name = match (&command.words[..], command.program()) {
        ([], _) => "-",
        (_, Some(name)) => name,
        (_, None) => "?",
    };
    let opaque = if command.opaque { "!" } else { "" };
    let partial = if command.partial { "~" } else { "" };
    format!("{name}{opaque}{partial}")
}

/// The lines of `shell.txt`: a command, ` => ` and what it runs; `␤` is a line break.
#[test]
fn finds_every_command() {
    let table = include_str!("shell.txt");
    let mut cases = 0;
    let mut wrong = Vec::new();
    for case in table.lines().filter(|line| !line.is_empty() && !line.starts_with("## ")) {
        let (text, expected) = case.rsplit_once(" => ").unwrap();
        let text = text.replace('␤', "\n");
        let found = match parse(&text) {
            Ok(script) => script.commands.iter().map(show).collect::<Vec<_>>().join(" "),
            Err(ShellError::Syntax { .. }) => "ERR".to_owned(),
            Err(fault) => format!("{fault:?}"),
        };
        if found != expected {
            wrong.push(format!("{case}\n    found {found}"));
        }
        cases += 1;
    }
    assert!(wrong.is_empty(), "{} of {cases}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases >= 200, "{cases} cases");
}

#[test]
fn words_are_unquoted() {
    let cases = [
        ("a", "a", true),
        ("'a b'", "a b", true),
        ("\"a b\"", "a b", true),
        ("a\\ b", "a b", true),
        ("a'b'\"c\"\\d", "abcd", true),
        ("\"\\$x \\` \\\" \\\\ \\n\"", "$x ` \" \\ \\n", true),
        ("$'a\\n\\t\\x41\\101\\u00e9\\''", "a\n\tAA\u{e9}'", false),
        ("$'a\\n\\t\\x41\\101\\''", "a\n\tAA'", true),
        ("'$x'", "$x", true),
        ("$x", "$x", false),
        ("\"$x\"", "$x", false),
        ("a$", "a$", true),
        ("\"$\"", "$", true),
        ("${x:-y z}", "${x:-y z}", false),
        ("$((1+2))", "$((1+2))", false),
        ("$\"a\"", "a", false),
        ("*.rs", "*.rs", false),
        ("'*.rs'", "*.rs", true),
        ("\\*", "*", true),
        ("a?", "a?", false),
        ("[ab]", "[ab]", false),
        ("[", "[", true),
        ("~/x", "~/x", false),
        ("'~/x'", "~/x", true),
        ("a~", "a~", true),
        ("--x=~/y", "--x=~/y", false),
        ("{1..9999}", "{1..9999}", false),
        ("{}", "{}", true),
        ("'{a,b}'", "{a,b}", true),
        ("a#b", "a#b", true),
        ("a=b", "a=b", true),
        ("''", "", true),
        ("r\\\nm", "rm", true),
        ("日本", "日本", true),
    ];
    for (raw, text, literal) in cases {
        let script = parse(&format!("x {raw}")).unwrap();
        let word = &script.commands[0].words[1];
        assert_eq!((word.text.as_str(), word.literal), (text, literal), "{raw}");
        assert_eq!(word.raw, raw);
    }
}

#[test]
fn patterns_and_tildes_are_told_apart() {
    for (raw, glob, tilde) in [
        ("*.rs", true, false),
        ("~/*.rs", true, true),
        ("~/a", false, true),
        ("$x*", false, false),
        ("a", false, false),
        ("{*,b}", true, false),
        ("src/[a-z]*", true, false),
        ("of=~/x", false, true),
    ] {
        let script = parse(&format!("x {raw}")).unwrap();
        let word = &script.commands[0].words[1];
        assert_eq!((word.glob, word.tilde), (glob, tilde), "{raw}");
    }
}

#[test]
fn words_that_may_become_several_are_told() {
    for (raw, splits) in [
        ("a", false),
        ("$x", true),
        ("\"$x\"", false),
        ("\"$@\"", true),
        ("\"${a[@]}\"", true),
        ("`a`", true),
        ("\"`a`\"", false),
        ("\"$(a)\"", false),
        ("$(a)", true),
        ("*", true),
        ("{1..9999}", true),
        ("~", false),
    ] {
        let script = parse(&format!("x {raw}")).unwrap();
        assert_eq!(script.commands[0].words[1].splits, splits, "{raw}");
    }
}

#[test]
fn commands_say_where_they_stand() {
    let script = parse("A=1 a 2>err <in | sudo b >out & c `d` {fd}>&1").unwrap();
    let flags: Vec<_> = script
        .commands
        .iter()
        .map(|command| {
            let via = command.via.as_deref().unwrap_or("");
            (show(command), command.reads_pipe, command.background, command.in_substitution, via)
        })
        .collect();
    assert_eq!(
        flags,
        [
            ("a".into(), false, true, false, ""),
            ("sudo".into(), true, true, false, ""),
            ("b".into(), true, true, false, "sudo"),
            ("c".into(), false, false, false, ""),
            ("d".into(), false, false, true, ""),
        ]
    );
    let a = &script.commands[0];
    assert_eq!(a.text, "A=1 a 2>err <in");
    assert_eq!((a.assignments[0].name.as_str(), a.assignments[0].value.text.as_str()), ("A", "1"));
    let redirects: Vec<_> =
        a.redirects.iter().map(|r| (r.fd.as_deref(), r.op, r.target.text.as_str())).collect();
    assert_eq!(redirects, [(Some("2"), ">", "err"), (None, "<", "in")]);
    assert_eq!(script.commands[1].redirects[0].target.text, "out");
    assert!(script.commands[2].redirects.is_empty());
    assert_eq!(script.commands[3].redirects[0].fd.as_deref(), Some("{fd}"));
}

#[test]
fn redirections_that_write_files() {
    for (line, writes) in [
        ("a > f", true),
        ("a >> f", true),
        ("a >| f", true),
        ("a <> f", true),
        ("a &> f", true),
        ("a &>> f", true),
        ("a >& f", true),
        ("a >& $x", true),
        ("a 2>&1", false),
        ("a >&2", false),
        ("a >&-", false),
        ("a 2>&1-", false),
        ("a < f", false),
        ("a <<< f", false),
    ] {
        let script = parse(line).unwrap();
        assert_eq!(script.commands[0].redirects[0].writes_file(), writes, "{line}");
    }
}

#[test]
fn here_documents_are_targets() {
    let script = parse("cat <<'E' <<-F >x\n$a\nE\n\tb $(c)\n\tF\nd").unwrap();
    let names: Vec<_> = script.commands.iter().map(show).collect();
    assert_eq!(names, ["cat", "c", "d"]);
    let targets: Vec<_> = script.commands[0]
        .redirects
        .iter()
        .map(|r| (r.op, r.target.text.as_str(), r.target.literal))
        .collect();
    assert_eq!(targets, [("<<", "$a\n", true), ("<<-", "b $(c)\n", false), (">", "x", true)]);
}

#[test]
fn functions_are_named() {
    let script = parse("ls() { rm x; }; function g { a; }; bash -c 'h() (b)'").unwrap();
    assert_eq!(script.functions, ["ls", "g", "h"]);
}

#[test]
fn errors_say_where() {
    let fault = parse("a\nb 'c").unwrap_err();
    let expected = "Cannot tell what the command runs (line 2, column 5): a `'` is never closed.";
    assert_eq!(fault.to_string(), expected);
    let fault = parse("if a; then b").unwrap_err().to_string();
    assert!(fault.contains("unexpected end of the command"), "{fault}");
}

#[test]
fn everything_is_bounded() {
    assert_eq!(parse(&"a".repeat(MAX_BYTES + 1)), Err(ShellError::TooLong));
    for open in ["(", "{ ", "$(", "\"$(", "if ", "! ", "a() ", "${x:-", "$((", "<(", "a | ("] {
        assert!(parse(&open.repeat(20_000 / open.len())).is_err(), "{open}");
    }
    let deep = format!("{}a{}", "(".repeat(40), ")".repeat(40));
    assert!(parse(&deep.replace('(', "( ")).is_ok());
    let deep = format!("{}a{}", "( ".repeat(60), ")".repeat(60));
    assert_eq!(parse(&deep), Err(ShellError::TooComplex));
    assert_eq!(parse(&"env ".repeat(10_000)), Err(ShellError::TooComplex));
    assert_eq!(parse(&"a;".repeat(10_000)), Err(ShellError::TooComplex));
    assert_eq!(parse(&"a;".repeat(4_000)).unwrap().commands.len(), 4_000);
    assert_eq!(parse(&"eval ".repeat(1_000)), Err(ShellError::TooComplex));
    assert!(parse(&format!("{}a{0}", "`\\`".repeat(3))).is_err());
    assert!(parse(&"! ".repeat(20_000)).is_err());
    assert!(parse(&format!("x {}", "a ".repeat(30_000))).is_ok());
}
