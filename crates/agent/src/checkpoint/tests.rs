//! What commands change is seen and kept, and nothing else.

use std::path::Path;
use std::process::Command;

use super::project::Project;
use super::*;

/// A project, a store, and a session that works in it.
struct Desk {
    folder: tempfile::TempDir,
    checkpoints: Checkpoints,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("project")).unwrap();
        let checkpoints = Checkpoints::new(config(folder.path()));
        checkpoints.begin(&SessionId::generate(), 1);
        Self { folder, checkpoints }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("project")
    }

    fn another(&self) -> Checkpoints {
        let checkpoints = Checkpoints::new(config(self.folder.path()));
        checkpoints.begin(&SessionId::generate(), 1);
        checkpoints
    }

    /// Does something that is not the agent's.
    fn bash(&self, script: &str) {
        let mut command = Command::new("bash");
        command.args(["-ec", script]).current_dir(self.root()).env("HOME", self.folder.path());
        for name in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{name}_NAME"), "a").env(format!("GIT_{name}_EMAIL"), "a@b");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
    }

    /// Runs a command as the agent does, and returns the files that it changed.
    fn call(&self, script: &str) -> Vec<String> {
        self.checkpoints.before(&Touched::Anything).unwrap();
        self.bash(script);
        let mut files = self.checkpoints.after(&Touched::Anything);
        files.sort();
        files
    }

    /// Returns all changes of the newest checkpoint in a short form.
    fn changes(&self) -> Vec<String> {
        let (kept, _) = self.checkpoints.drain();
        let mut state = self.checkpoints.keeper();
        let project = state.project().unwrap();
        let manifest = project.manifest(&kept.last().unwrap().id).unwrap();
        let mut shown: Vec<String> = manifest
            .changes
            .iter()
            .map(|change| {
                let mut show = |node: &Option<Node>| match node {
                    None => "-".to_owned(),
                    Some(Node::Folder { mode }) => format!("dir {mode:o}"),
                    Some(Node::Link { target }) => format!("link {target:?}"),
                    Some(Node::Unkept { .. }) => "unkept".to_owned(),
                    Some(Node::File { mode, git: Some(_), .. }) => format!("{mode:o} in git"),
                    Some(Node::File { mode, hash, .. }) => {
                        let bytes = project.packs.get(hash).unwrap();
                        format!("{mode:o} {:?}", String::from_utf8_lossy(&bytes))
                    }
                };
                let (before, after) = (show(&change.before), show(&change.after));
                format!("{:?}: {before} > {after}", change.path)
            })
            .collect();
        shown.sort();
        shown
    }

    fn stored(&self) -> u64 {
        self.checkpoints.keeper().project().unwrap().packs.bytes()
    }
}

fn config(folder: &Path) -> CheckpointConfig {
    let folder = folder.canonicalize().unwrap();
    let home = folder.join("distiq");
    CheckpointConfig {
        root: folder.join("project"),
        home: Home {
            config: home.join("config"),
            data: home.join("data"),
            cache: home.join("cache"),
        },
        user_home: Some(folder),
        max_bytes: 1 << 30,
        max_age: 30 * DAY,
    }
}

#[test]
fn every_kind_of_change_is_seen_with_what_was_before() {
    let desk = Desk::new();
    desk.bash(
        "umask 022; mkdir -p src/deep empty; echo one > src/a; echo two > src/deep/b; echo x > gone
         ln -s a src/link; echo was > swap; mkdir other; echo in > other/in; echo m > mode; echo odd > $'o\\ndd'
         printf '\\xff' > $'\\xff'; touch -d '1 minute ago' src/a",
    );
    let files = desk.call(
        "sed -i s/one/1/ src/a; mv src/deep moved; rm gone; ln -sfn b src/link; rmdir empty
         rm swap; mkdir swap; echo new > swap/n; rm -r other; echo file > other; chmod 755 mode; rm $'o\\ndd' $'\\xff'",
    );
    assert_eq!(
        files,
        [
            "gone",
            "mode",
            "moved/b",
            "o\\ndd",
            "other",
            "other/in",
            "src/a",
            "src/deep/b",
            "src/link",
            "swap",
            "swap/n",
            "\u{fffd}"
        ]
    );
    assert_eq!(
        desk.changes(),
        [
            r#""empty": dir 755 > -"#,
            r#""gone": 644 "x\n" > -"#,
            r#""mode": 644 "m\n" > 755 "m\n""#,
            r#""moved": - > dir 755"#,
            r#""moved/b": - > 644 "two\n""#,
            r#""o\\ndd": 644 "odd\n" > -"#,
            r#""other": dir 755 > 644 "file\n""#,
            r#""other/in": 644 "in\n" > -"#,
            r#""src/a": 644 "one\n" > 644 "1\n""#,
            r#""src/deep": dir 755 > -"#,
            r#""src/deep/b": 644 "two\n" > -"#,
            r#""src/link": link "a" > link "b""#,
            r#""swap": 644 "was\n" > dir 755"#,
            r#""swap/n": - > 644 "new\n""#,
            "\"\u{fffd}\": 644 \"\u{fffd}\" > -",
        ]
    );
    // Nothing is told twice, and a look changes nothing.
    assert_eq!(desk.call("touch src/a; cat src/a"), Vec::<String>::new());
}

#[test]
fn the_same_times_and_size_hide_nothing() {
    let desk = Desk::new();
    desk.bash("echo aaa > f");
    for round in 0..20 {
        // Written in the same tick of the clock in which it was looked at.
        let files = desk.call(&format!("echo {} > f", if round % 2 == 0 { "bbb" } else { "aaa" }));
        assert_eq!(files, ["f"], "round {round}");
    }
}

#[test]
fn what_the_user_changes_between_calls_is_not_the_agents() {
    let desk = Desk::new();
    desk.bash("echo 1 > mine; echo 1 > its");
    assert_eq!(desk.call("echo 2 > its"), ["its"]);
    desk.bash("echo 2 > mine; echo new > also; rm its");
    assert_eq!(desk.call("echo 3 > its"), ["its"]);
    assert_eq!(desk.changes(), [r#""its": - > 644 "3\n""#]);
}

#[test]
fn edits_are_seen_by_their_paths_with_the_folders_they_make() {
    let desk = Desk::new();
    desk.bash("echo 1 > a; echo other > b");
    let touched = Touched::Paths(vec![desk.root().join("a"), desk.root().join("x/y/new")]);
    desk.checkpoints.before(&touched).unwrap();
    desk.bash("echo 2 > a; mkdir -p x/y; echo n > x/y/new; echo not named > b");
    assert_eq!(desk.checkpoints.after(&touched), ["a", "x/y/new"]);
    assert_eq!(desk.changes().len(), 4, "with two folders");
}

#[test]
fn ignored_folders_and_refilled_ones_are_left_out_and_small_ignored_files_kept() {
    let desk = Desk::new();
    desk.bash(
        "printf '/build/\\n.env\\n*.bin\\n' > .gitignore; mkdir -p build node_modules/x target/debug src/target
         echo 1 > build/out; echo 1 > node_modules/x/i.js; echo 1 > target/debug/x; echo t > target/CACHEDIR.TAG
         echo SECRET > .env; echo 1 > src/target/mod.rs; head -c 2000000 /dev/urandom > big.bin",
    );
    let files = desk.call("rm -r build .env target big.bin node_modules; echo 2 > src/target/mod.rs; echo 2 > big2.bin");
    assert_eq!(files, ["src/target/mod.rs"], "minor ones are not told");
    let changes = desk.changes();
    assert_eq!(
        changes,
        [
            r#"".env": 644 "SECRET\n" > -"#,
            r#""big2.bin": - > 644 "2\n""#,
            r#""src/target/mod.rs": 644 "1\n" > 644 "2\n""#,
            r#""target": dir 755 > -"#,
        ]
    );
    assert!(desk.stored() < 4_000, "{}", desk.stored());
}

#[test]
fn a_new_ignore_rule_is_no_deletion() {
    let desk = Desk::new();
    desk.bash("mkdir data; echo 1 > data/a");
    assert_eq!(desk.call("echo data/ > .gitignore; echo 2 > data/a"), [".gitignore"]);
    assert_eq!(
        desk.call("rm -r data; echo x > y"),
        ["y"],
        "still covered, though nobody would miss it"
    );
    assert!(desk.changes().iter().any(|change| change == r#""data/a": 644 "2\n" > -"#));
}

#[test]
fn what_git_holds_is_not_stored_and_comes_from_git_when_it_changes() {
    let desk = Desk::new();
    desk.bash("git init -q; for n in $(seq 200); do seq $n 400 > file$n; done; head -c 50000 /dev/urandom > random");
    desk.bash("touch -d '1 minute ago' *; git add -A; git commit -qm all; echo untracked > u");
    assert_eq!(desk.call("true"), Vec::<String>::new());
    assert!(desk.stored() < 300, "{}", desk.stored());
    let files = desk.call("sed -i 's/^300$/three hundred/' file7 file8; rm file9");
    assert_eq!(files, ["file7", "file8", "file9"]);
    let changes = desk.changes();
    assert!(changes[0].starts_with(r#""file7": 644 "7\n8\n"#), "{changes:?}");
    assert!(changes[0].contains("299\\nthree hundred\\n301"), "{changes:?}");
    assert!(changes[2].ends_with(r#"399\n400\n" > -"#), "{changes:?}");
    // A content that does not compress is left to git.
    let before = desk.stored();
    desk.call("head -c 50000 /dev/urandom > random");
    assert!(desk.changes()[0].starts_with(r#""random": 644 in git >"#));
    assert!(desk.stored() - before < 51_000, "{}", desk.stored() - before);
    // Back to what git holds: nothing new is stored.
    let before = desk.stored();
    assert_eq!(desk.call("git checkout -q random").len(), 1);
    assert!(desk.stored() - before < 1_000);
}

#[test]
fn where_git_converts_files_their_own_bytes_are_kept() {
    let desk = Desk::new();
    desk.bash("git init -q; git config core.autocrlf true; printf 'a\\r\\nb\\r\\n' > dos; echo unix > unix; git add -A 2>/dev/null; git commit -qm x; touch -d '1 minute ago' dos unix; git status -s");
    assert_eq!(desk.call("rm dos; echo more >> unix"), ["dos", "unix"]);
    assert_eq!(
        desk.changes(),
        [r#""dos": 644 "a\r\nb\r\n" > -"#, r#""unix": 644 "unix\n" > 644 "unix\nmore\n""#]
    );
}

#[test]
fn two_sessions_are_each_told_their_own() {
    let desk = Desk::new();
    desk.bash("echo 1 > a; echo 1 > b");
    let other = desk.another();
    desk.checkpoints.before(&Touched::Anything).unwrap();
    let touched = Touched::Paths(vec![desk.root().join("b")]);
    other.before(&touched).unwrap();
    desk.bash("echo 2 > a; echo 2 > b");
    assert_eq!(other.after(&touched), ["b"]);
    assert_eq!(desk.checkpoints.after(&Touched::Anything), ["a"]);
}

#[test]
fn what_is_too_much_is_said_once_and_edits_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.root = folder.path().canonicalize().unwrap();
    let checkpoints = Checkpoints::new(config);
    let (_, notices) = checkpoints.drain();
    assert!(notices.len() == 1 && notices[0].contains("home folder"), "{notices:?}");
    checkpoints.before(&Touched::Anything).unwrap();
    std::fs::write(folder.path().join("x"), "1").unwrap();
    assert!(checkpoints.after(&Touched::Anything).is_empty() && !checkpoints.covers_commands());
    let touched = Touched::Paths(vec![folder.path().canonicalize().unwrap().join("x")]);
    checkpoints.before(&touched).unwrap();
    std::fs::write(folder.path().join("x"), "2").unwrap();
    assert_eq!(checkpoints.after(&touched), ["x"]);
    assert!(checkpoints.drain().1.is_empty());
}

#[test]
fn old_sessions_go_and_what_the_current_one_needs_stays() {
    let desk = Desk::new();
    desk.bash("seq 1000 > a");
    for round in 0..30 {
        desk.call(&format!("seq {round} 3000 | shuf --random-source=<(seq {round} 9999) > a"));
    }
    let full = desk.stored();
    let session = desk.checkpoints.keeper().session().clone();
    let refs = desk.checkpoints.keeper().project().unwrap().refs_of(&session);
    drop(desk.checkpoints);
    let open = || {
        Project::open(&config(desk.folder.path()).home, &config(desk.folder.path()).root).unwrap()
    };
    let mut project = open();
    project.clear_up(1 << 30, DAY, None).unwrap();
    assert_eq!(project.packs.bytes(), full, "all is young and fits");
    let mut elsewhere = open();
    elsewhere.live();
    project.clear_up(0, DAY, None).unwrap();
    assert_eq!(project.packs.bytes(), full, "a session runs");
    drop(elsewhere);
    project.clear_up(0, DAY, Some(&session)).unwrap();
    assert!(refs.iter().all(|entry| project.manifest(&entry.id).is_ok()));
    project.clear_up(0, DAY, None).unwrap();
    assert!(project.packs.bytes() < full / 10, "{} of {full}", project.packs.bytes());
    assert!(matches!(project.manifest(&refs[0].id), Err(CheckpointError::Missing(_))));
}

#[test]
fn what_changes_behind_the_calls_is_kept_as_what_may_be_the_users() {
    let desk = Desk::new();
    desk.bash("echo 1 > a; echo 1 > b; echo 1 > edited");
    desk.call("echo 2 > a");
    desk.checkpoints.runs_behind(true);
    let touched = Touched::Paths(vec![desk.root().join("edited")]);
    desk.checkpoints.before(&touched).unwrap();
    desk.bash("echo 2 > edited");
    desk.checkpoints.after(&touched);
    desk.bash("echo 3 > a; rm b");
    assert_eq!(desk.call("echo x > c"), ["c"]);
    let (kept, _) = desk.checkpoints.drain();
    let files: Vec<Vec<String>> = kept.iter().map(|kept| kept.files.clone()).collect();
    assert_eq!(files, [vec!["a"], vec!["edited"], vec!["a", "b"], vec!["c"]]);
    let mut keeper = desk.checkpoints.keeper();
    let project = keeper.project().unwrap();
    let unsure = |n: usize, project: &mut Project| {
        project.manifest(&kept[n].id).unwrap().changes.iter().all(|change| change.unsure)
    };
    assert!(unsure(2, project) && !unsure(3, project));
    drop(keeper);
    desk.bash("echo 4 > a");
    assert_eq!(desk.checkpoints.end_turn(), ["a"]);
    desk.bash("echo 5 > a");
    assert!(desk.checkpoints.end_turn().is_empty(), "nothing runs any more");
}

#[test]
fn what_another_session_learns_in_the_middle_of_a_call_hides_nothing() {
    let desk = Desk::new();
    desk.bash("echo 1 > a; echo 1 > b");
    let other = desk.another();
    desk.checkpoints.before(&Touched::Anything).unwrap();
    desk.bash("echo 2 > a");
    other.before(&Touched::Anything).unwrap();
    desk.bash("echo 2 > b");
    assert_eq!(other.after(&Touched::Anything), ["b"]);
    desk.bash("echo 3 > c");
    assert_eq!(desk.checkpoints.after(&Touched::Anything), ["a", "c"]);
}

#[test]
fn files_never_look_new_because_something_was_forgotten() {
    let desk = Desk::new();
    desk.bash("echo 1 > a; echo 1 > b; echo 1 > c");
    // The store goes in the middle of a call, as far as it can.
    desk.checkpoints.before(&Touched::Anything).unwrap();
    desk.bash(
        "rm -r ../distiq/data/snapshots/*/packs/* ../distiq/cache; echo 2 > a; rm b; echo n > n",
    );
    desk.checkpoints.after(&Touched::Anything);
    // A file written within the clock's grain is read again, and then told as one whose old content is lost.
    let mut changes = desk.changes();
    changes.retain(|change| change != r#""c": unkept > 644 "1\n""#);
    assert_eq!(
        changes,
        [r#""a": unkept > 644 "2\n""#, r#""b": unkept > -"#, r#""n": - > 644 "n\n""#]
    );
    assert_eq!(desk.call("echo 2 > c"), ["c"]);
    assert_eq!(desk.changes(), [r#""c": 644 "1\n" > 644 "2\n""#], "read again");
    // A damaged cache only costs time.
    let cache = std::fs::read_dir(desk.folder.path().join("distiq/cache/snapshots")).unwrap();
    let known = cache.flatten().next().unwrap().path().join("known");
    std::fs::write(&known, "nothing of ours").unwrap();
    let again = desk.another();
    again.before(&Touched::Anything).unwrap();
    desk.bash("echo 3 > c");
    assert_eq!(again.after(&Touched::Anything), ["c"]);
}
