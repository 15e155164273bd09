use super::*;

fn check(what: &str, ended: Ended, is_stale: bool) -> Check {
    Check { what: what.into(), ended, is_check: true, is_stale }
}

fn answered(answer: &str) -> Evidence {
    Evidence { answer: answer.into(), ..Evidence::default() }
}

fn changed(answer: &str, checks: Vec<Check>) -> Evidence {
    Evidence { has_changed: true, checks, ..answered(answer) }
}

/// Holds what evidence comes to against whether a stronger model should go on, and the heaviest reason.
fn expect(evidence: &Evidence, goes_on: bool, first: &str) -> Confidence {
    let confidence = assess(evidence);
    assert_eq!(confidence.score < THRESHOLD, goes_on, "{confidence:?}");
    assert_eq!(confidence.codes().first().copied().unwrap_or_default(), first, "{confidence:?}");
    confidence
}

#[test]
fn exit_codes_count_above_words() {
    let failed = || vec![check("cargo test", Ended::Failed(Some(101)), false)];
    let sure = expect(&changed("All tests pass, it is done!", failed()), true, "failed");
    assert!(sure.score < 0.5, "{sure:?}");
    assert!(
        sure.note().starts_with(NOTE) && sure.note().contains("`cargo test` ended with exit 101")
    );
    let passed = || vec![check("cargo test", Ended::Passed, false)];
    expect(&changed("I think it should work now, maybe. I'm not sure.", passed()), false, "unsure");
    expect(&changed("Done.", passed()), false, "tested");
    // What was tested before the last change says nothing of it.
    let stale = vec![check("cargo test", Ended::Passed, true)];
    expect(&changed("Perhaps. I'm not sure.", stale), true, "unsure");
    let not_again = vec![check("cargo test", Ended::Failed(Some(1)), true)];
    expect(&changed("Fixed.", not_again), true, "not_run_again");
    let one_fails = [passed(), vec![check("tsc", Ended::Failed(Some(2)), false)]].concat();
    expect(&changed("Fixed.", one_fails), true, "failed");
    expect(&changed("Fixed.", vec![check("make", Ended::TimedOut, false)]), true, "timed_out");
}

#[test]
fn who_was_asked_what_fails_has_answered_and_who_was_asked_to_mend_it_has_not() {
    let failed = vec![check("pytest", Ended::Failed(Some(1)), false)];
    let asked = Evidence { checks: failed.clone(), ..answered("test_b fails: 2 is not 3.") };
    expect(&asked, false, "");
    expect(&Evidence { wants_change: true, ..asked }, true, "failed");
    let other = Check { is_check: false, ..check("python app.py", Ended::Failed(Some(1)), false) };
    expect(&Evidence { checks: vec![other.clone()], ..answered("It raises.") }, false, "");
    expect(&changed("Done.", vec![other]), true, "failed");
}

#[test]
fn words_count_where_nothing_else_does() {
    for (answer, goes_on, first) in [
        ("The parser is in src/parse.rs.", false, ""),
        ("It is probably in src/parse.rs.", false, "hedges"),
        ("I think it is probably in src/parse.rs.", true, "hedges"),
        ("I’m not sure, but look at src/parse.rs.", true, "unsure"),
        ("I was unable to find it.", true, "gave_up"),
        ("Не удалось найти эту функцию.", true, "gave_up"),
        ("Я не уверен, но это в parse.rs.", true, "unsure"),
        ("Похоже, наверное, в parse.rs.", true, "hedges"),
        ("Функция в parse.rs.", false, ""),
        // Words of others.
        ("It prints `I could not open it` and \"I'm not sure\".", false, ""),
        ("```\n// I think this is probably wrong\n```\nThat comment is in a.rs.", false, ""),
        ("> I am not sure, maybe\n\nThe user wrote that in issue 4.", false, ""),
        ("Он пишет «не удалось».", false, ""),
        // No phrase goes over the end of a sentence, and none over letters of another word.
        ("That is all I. Think twice. It is improbably slow.", false, ""),
        ("", false, ""),
    ] {
        expect(&answered(answer), goes_on, first);
    }
    let denied = Evidence { was_denied: true, ..answered("I could not run it, as you said no.") };
    expect(&denied, false, "");
}

#[test]
fn how_tools_were_used_counts() {
    let broken = Evidence { broken_files: vec!["a.py".into()], ..changed("Done.", vec![]) };
    expect(&broken, true, "syntax");
    let missed = Evidence { missed_edits: vec!["a.py".into()], ..answered("Done.") };
    expect(&missed, true, "missed_edit");
    let calls = |calls, failed_calls, invalid_calls| Evidence {
        calls,
        failed_calls,
        invalid_calls,
        ..answered("Done.")
    };
    expect(&calls(9, 2, 2), false, "invalid_calls");
    expect(&calls(9, 3, 3), true, "invalid_calls");
    expect(&calls(9, 5, 0), true, "failed_calls");
    expect(&calls(3, 3, 0), false, "");
    expect(&Evidence { repeats: 4, ..answered("Done.") }, true, "repeats");
}

#[test]
fn an_end_without_an_answer_is_none() {
    for (ending, code) in [
        (Ending::Cut, "cut"),
        (Ending::Empty, "empty"),
        (Ending::Misshapen, "misshapen"),
        (Ending::InCircles, "in_circles"),
    ] {
        let confidence = expect(&Evidence { ending, ..answered("") }, true, code);
        assert!(confidence.score < 0.3);
    }
}

#[test]
fn a_cheap_model_may_be_asked_too_but_not_against_tests() {
    let checked = |sure, checks| Evidence { self_check: Some(sure), ..changed("Done.", checks) };
    expect(&checked(0.99, vec![]), false, "untested");
    expect(&checked(0.3, vec![]), true, "self_check");
    expect(&checked(f64::NAN, vec![]), true, "self_check");
    expect(&checked(0.0, vec![check("go test", Ended::Passed, false)]), false, "self_check");
}

#[test]
fn the_score_stays_within_its_bounds_and_reasons_are_few() {
    let awful = Evidence {
        checks: (0..40).map(|n| check(&n.to_string(), Ended::Failed(None), false)).collect(),
        broken_files: vec!["x".into(); 40],
        calls: u32::MAX / 4,
        failed_calls: u32::MAX / 4,
        invalid_calls: u32::MAX,
        repeats: u32::MAX,
        ending: Ending::InCircles,
        ..changed(&"I think maybe not sure. ".repeat(9_000), vec![])
    };
    let confidence = assess(&awful);
    assert_eq!((confidence.score, confidence.reasons.len()), (0.0, 12));
}

#[test]
fn a_request_asks_for_a_change_by_its_verb() {
    for (request, wants) in [
        ("fix the failing test", true),
        ("Please, could you rename X to Y?", true),
        ("Исправь падающий тест", true),
        ("Пожалуйста, добавь тест", true),
        ("which tests fail?", false),
        ("run the tests", false),
        ("what would it take to add a cache?", false),
        ("", false),
    ] {
        assert_eq!(wants_change(request), wants, "{request}");
    }
}
