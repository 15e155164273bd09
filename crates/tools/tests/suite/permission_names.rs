//! Names of files that are taken for options, repositories within the project, and variables that only the run sets.

use std::process::Command;

use distiq_base::Mode;
use distiq_tools::permission::{Judge, Verdict};

use super::bench::Project;

/// Lines that are harmless where no name of a file may be taken for an option.
const BY_NAMES: [&str; 9] = [
    "sed -n 1p *",
    "tar tf *",
    "git ls-files | xargs sort",
    "git ls-files | xargs sed -n 1p",
    "rg --files | xargs rg x",
    "find . -name '*.rs' | xargs rg x",
    "find . -name '*.rs' | xargs git log",
    "for f in $(git ls-files); do git log $f; done",
    "sed -n 1p $(git ls-files)",
];

fn verdicts(project: &Project, lines: &[&str]) -> Vec<(String, Verdict)> {
    let judge = Judge::new(&project.root, Mode::Ask).unwrap();
    lines.iter().map(|line| ((*line).to_owned(), judge.line(line).verdict)).collect()
}

fn all(lines: &[&str], verdict: Verdict) -> Vec<(String, Verdict)> {
    lines.iter().map(|line| ((*line).to_owned(), verdict)).collect()
}

#[test]
fn names_that_may_be_options_are_asked_about() {
    let plain = Project::new(&[("src/a.rs", ""), ("src/My notes - old.md", ""), ("b.txt", "")]);
    assert_eq!(verdicts(&plain, &BY_NAMES), all(&BY_NAMES, Verdict::Allow));
    let dashed = Project::new(&[("src/a.rs", ""), ("-i", "")]);
    assert_eq!(verdicts(&dashed, &BY_NAMES), all(&BY_NAMES, Verdict::Ask));
    // `xargs` parts this one: `--pre=./x` is an option of `rg`.
    let parted = Project::new(&[("src/a --pre=./x.rs", "")]);
    let lines = BY_NAMES.get(2..).unwrap();
    assert_eq!(verdicts(&parted, lines), all(lines, Verdict::Ask));
    let quoted = Project::new(&[("src/a \\-i .rs", "")]);
    assert_eq!(verdicts(&quoted, lines), all(lines, Verdict::Ask));
}

#[test]
fn what_a_file_holds_is_parted_where_a_variable_stands_unquoted() {
    let project = Project::new(&[("a.txt", "x --output=b.txt\n"), ("b.txt", "")]);
    let asked = [
        "x=$(cat a.txt); rg x $x",
        "x=$(cat a.txt); sed -n 1p $x",
        "x=$(cat a.txt); git diff $x",
        "x=$(cat a.txt); sort $x",
        "x='* b.txt'; sed -i s/a/b/ $x",
        "uniq *.txt",
        "xxd *.txt",
        "find . -name '*.txt' | xargs uniq",
    ];
    assert_eq!(verdicts(&project, &asked), all(&asked, Verdict::Ask));
    let allowed = [
        "x=$(git branch --show-current); git log $x",
        "x='a.txt b.txt'; cat $x",
        "uniq a.txt",
        "sort *.txt",
    ];
    assert_eq!(verdicts(&project, &allowed), all(&allowed, Verdict::Allow));
}

#[test]
fn other_repositories_are_asked_about() {
    let project = Project::new(&[("bare/x", ""), ("sub/x", ""), ("own/x", "")]);
    let init = |arguments: &[&str]| {
        let status = Command::new("git").args(arguments).current_dir(&project.root).status();
        assert!(status.unwrap().success());
    };
    init(&["init", "-q", "."]);
    init(&["init", "-q", "--bare", "bare"]);
    init(&["init", "-q", "sub"]);
    std::fs::create_dir(project.root.join(".git/modules")).unwrap();
    init(&["init", "-q", "--separate-git-dir=.git/modules/own", "own"]);
    let asked = ["git -C bare log", "cd bare; git status", "cd sub && git diff", "git -C sub log"];
    assert_eq!(verdicts(&project, &asked), all(&asked, Verdict::Ask));
    let allowed = ["git log", "git -C own log", "cd own && git status"];
    assert_eq!(verdicts(&project, &allowed), all(&allowed, Verdict::Allow));
}

#[test]
fn links_that_lead_out_are_not_followed_unasked() {
    let lines = ["cat *.txt", "head -1 s*", "grep -R x .", "rg -L x", "rg --follow x src"];
    let project = Project::new(&[("a.txt", ""), ("src/a.txt", ""), ("src/b.rs", "")]);
    std::os::unix::fs::symlink("a.txt", project.root.join("s.txt")).unwrap();
    assert_eq!(verdicts(&project, &lines), all(&lines, Verdict::Allow));
    let outside = project.root.parent().unwrap().join("outside");
    std::fs::write(&outside, "").unwrap();
    std::os::unix::fs::symlink(&outside, project.root.join("src.txt")).unwrap();
    assert_eq!(verdicts(&project, &lines), all(&lines, Verdict::Ask));
    let others = ["cat src/*", "grep -r x .", "rg x", "cat a*.txt"];
    assert_eq!(verdicts(&project, &others), all(&others, Verdict::Allow));
}

#[test]
fn a_cd_that_may_not_have_been_made_counts_both_ways() {
    let project = Project::new(&[("a.txt", ""), ("src/b.rs", "")]);
    let asked = [
        "cd x/y/z; cat ../../../a.txt",
        "cd x && ls; cat ../a.txt",
        "false && cd src; cat ../a.txt",
        "if false; then cd src; fi; cat ../a.txt",
        "cd() { :; }; cd src; cat ../a.txt",
        "f() { cd src; }; cat ../a.txt",
        "for x in; do cd src; done; cat ../a.txt",
        "bash -c 'false && cd src; cat ../a.txt'",
    ];
    assert_eq!(verdicts(&project, &asked), all(&asked, Verdict::Ask));
    let allowed = [
        "cd src; cat ../a.txt",
        "cd src && ls && cat ../a.txt",
        "cd src || exit 1; cat ../a.txt",
        "(cd src && cat ../a.txt); cat a.txt",
        "if [ -d src ]; then cd src && cat ../a.txt; fi",
        "cd src && { ls; cat ../a.txt; }",
        "bash -c 'cd src && cat ../a.txt'",
    ];
    assert_eq!(verdicts(&project, &allowed), all(&allowed, Verdict::Allow));
}

#[test]
fn what_sets_or_deletes_without_a_word_of_it_is_asked_about() {
    let project = Project::new(&[("a.txt", "")]);
    let asked = [
        "((PATH=1)); ls",
        "let PATH=1; ls",
        "echo $((PATH = 1)); ls",
        "bash -c '((PATH=1)); ls'",
        "exec {PATH}>/dev/null; ls",
        "ls {PATH}>/dev/null",
        ": & wait -n -p PATH; ls",
        "find . -fprint /dev/null -delete",
        "find . -fprintf /dev/null %p -delete",
        "git blame --contents=/etc/passwd a.txt",
        "git -c core.pager='cat; touch x' log",
        "file -f /etc/shadow",
        "du --files0-from=/etc/shadow",
        "file -f ~/.ssh/id_rsa",
        "du --files0=/etc/shadow",
        "grep --fil=/etc/shadow a.txt",
        "env a.b=1 touch x",
        "env 'BASH_FUNC_ls%%=() { touch x; }' bash -c ls",
        "ls >&-touch x",
        "declare -a 'a=($(touch x))'; echo",
        "echo x >&'$(touch y)'",
        "x=$(cat a.txt); [ -v \"$x\" ]",
        "x=a.txt; declare x+=/../../../etc/passwd; cat $x",
        "x=a.txt; x=(/etc/passwd); cat $x",
        "for x in 1 2 3 4 5 6 7 8 9 a b c d e f g h /etc/passwd; do cat $x; done",
        "for x in 1 2 3 4 5 6 7 8 9 a b c d e f g h ../../x; do cat $x; done",
        "x=a.txt; declare -a x=(/etc/passwd); cat $x",
        "x=a.txt; declare -n r=x; r=/etc/passwd; cat $x",
    ];
    let found = verdicts(&project, &asked);
    let wrong: Vec<_> = found.iter().filter(|(_, verdict)| *verdict == Verdict::Allow).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let allowed = [
        "i=0; ((i++)); echo $((i + 1))",
        "find . -fprint /dev/null -name x",
        "declare -A m; for k in a b; do m[$k]=1; done; echo \"${!m[@]}\"",
        "git blame a.txt",
        "git -c core.pager=cat log",
        "file -f a.txt",
        "du --files0-from=a.txt",
        "du -sh src",
        "for x in 1 2 3 4 5 6 7 8 9 a b c d e f g h i j; do echo $x; git log -1 $x; done",
    ];
    assert_eq!(verdicts(&project, &allowed), all(&allowed, Verdict::Allow));
}
