//! Verdicts on lines that nobody wrote.

use distiq_base::Mode;
use distiq_tools::permission::{Judge, Verdict};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::permission_corpus::{project, rows};

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn a_line_is_never_better_than_its_worst_part() {
    let project = project();
    let judge = Judge::new(&project.root, Mode::Ask).unwrap();
    // What changes how the next command is read is left out: `cd`, variables, functions, here-documents.
    let changes = [
        "cd", "push", "pop", "=", "()", "function", "exec", "<<", "alias", "read", "set ", "shopt",
        "trap", "export", "for ",
    ];
    let lines: Vec<String> = rows()
        .into_iter()
        .map(|row| row.cmd)
        .filter(|cmd| distiq_lang::shell::parse(cmd).is_ok())
        .filter(|cmd| !changes.iter().any(|word| cmd.contains(word)))
        .collect();
    assert!(lines.len() > 500, "{}", lines.len());
    let line = || prop::sample::select(lines.clone());
    let joined = (line(), prop::sample::select(vec!["\n", "; ", " && ", " || "]), line());
    runner(600)
        .run(&joined, |(first, between, second)| {
            let both = format!("{first}{between}{second}");
            // A comment or an open quote takes in what follows.
            if first.contains('#') || first.ends_with(['&', '|', ';', '\\']) {
                return Ok(());
            }
            // Two lines are not always a third, and what cannot be read is never allowed.
            if distiq_lang::shell::parse(&both).is_err() {
                prop_assert!(judge.line(&both).verdict > Verdict::Allow, "{both}");
                return Ok(());
            }
            let apart = judge.line(&first).verdict.max(judge.line(&second).verdict);
            prop_assert!(judge.line(&both).verdict >= apart, "{both}");
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_text_breaks_the_judge() {
    let project = project();
    let judge = Judge::new(&project.root, Mode::Ask).unwrap();
    let lines: Vec<String> = rows().into_iter().map(|row| row.cmd).collect();
    let cut = (
        prop::sample::select(lines),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        ".{0,12}",
    );
    runner(1_500)
        .run(&cut, |(line, from, to, other)| {
            let at =
                |index: prop::sample::Index| line.floor_char_boundary(index.index(line.len() + 1));
            let (begin, end) = (at(from).min(at(to)), at(from).max(at(to)));
            for text in [
                format!("{}{other}{}", &line[..begin], &line[end..]),
                line[begin..end].to_owned(),
                other,
            ] {
                let decision = judge.line(&text);
                prop_assert!(!decision.reason.is_empty(), "{text}");
            }
            Ok(())
        })
        .unwrap();
}
