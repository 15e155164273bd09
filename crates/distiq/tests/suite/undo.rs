//! What a session did is taken back, byte for byte, and what the user did is not.

mod random;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use distiq_testkit::{Answer, Script, ScriptedModel, Step};
use serde_json::{Value, json};

use crate::{Place, Ran, shape};

/// A project and a model that makes the calls which a test plans.
struct Desk {
    place: Place,
    model: ScriptedModel,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Desk {
    fn new() -> Self {
        let answers = Arc::new(Mutex::new(VecDeque::<Answer>::new()));
        let queue = answers.clone();
        let script = Script::function(move |_| {
            Step::Answer(queue.lock().unwrap().pop_front().unwrap_or(Answer::text("done")))
        });
        Self { place: Place::new(), model: ScriptedModel::start(script).unwrap(), answers }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command
            .env("ANTHROPIC_BASE_URL", self.model.base_url_anthropic())
            .env("DISTIQ_MODEL", "scripted-1")
            .env("DISTIQ_RETRY_BASE_MS", "1");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Takes a turn of the newest session, or of a new one, and returns what it told.
    fn turn(&self, calls: &[(&str, Value)]) -> Value {
        let mut answers = self.answers.lock().unwrap();
        for (name, input) in calls {
            answers.push_back(Answer::call(*name, input.clone()));
        }
        answers.push_back(Answer::text(format!("did {}", calls.len())));
        drop(answers);
        let has_one = self.place.run(&["sessions", "list", "--json", "--here"]).json();
        let is_first = has_one["sessions"].as_array().unwrap().is_empty();
        let how = if is_first { &["run"][..] } else { &["run", "--continue"] };
        let rest = ["--mode", "full", "--output-format", "json", "go"];
        let ran = self.run(&[how, &rest[..]].concat());
        assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
        ran.json()
    }

    fn shell(&self, command: &str) -> Value {
        self.turn(&[("shell", json!({ "command": command }))])
    }

    /// Does something that is not the agent's.
    fn bash(&self, script: &str) {
        let mut command = Command::new("bash");
        command.args(["-ec", script]).current_dir(self.place.project());
        command.env("HOME", self.place.folder());
        for name in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{name}_NAME"), "a").env(format!("GIT_{name}_EMAIL"), "a@b");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
    }

    fn tree(&self) -> Tree {
        tree(&self.place.project())
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{arguments:?}: {} {}", ran.out, ran.err);
        ran.json()
    }

    fn stored(&self) -> u64 {
        self.place.run(&["data", "size", "--json"]).json()["snapshots"].as_u64().unwrap()
    }

    /// Returns what the model heard in its newest request.
    fn heard(&self) -> Vec<String> {
        let requests = self.model.requests();
        let request = requests.last().unwrap().request.clone().unwrap();
        request.messages.iter().map(|message| format!("{message:?}")).collect()
    }
}

/// Every path of a tree with its kind, permissions and content; git's own files left out.
type Tree = BTreeMap<Vec<u8>, (u32, Vec<u8>)>;

fn tree(root: &Path) -> Tree {
    fn walk(root: &Path, folder: &Path, tree: &mut Tree) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let relative = path.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
            if relative == b".git" {
                continue;
            }
            let meta = path.symlink_metadata().unwrap();
            let content = if meta.is_symlink() {
                fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec()
            } else if meta.is_dir() {
                walk(root, &path, tree);
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            tree.insert(relative, (meta.permissions().mode(), content));
        }
    }
    let mut found = Tree::new();
    walk(root, root, &mut found);
    found
}

#[track_caller]
fn same(one: &Tree, other: &Tree, what: &str) {
    let shown = |tree: &Tree, others: &Tree| -> Vec<String> {
        let differs = tree.iter().filter(|(path, node)| others.get(*path) != Some(*node));
        differs
            .map(|(path, (mode, content))| {
                let content = String::from_utf8_lossy(content);
                let short: String = content.chars().take(60).collect();
                format!("{:?} {mode:o} {short:?}", String::from_utf8_lossy(path))
            })
            .collect()
    };
    assert_eq!(shown(one, other), shown(other, one), "{what}");
}

const GENERATOR: &str = r#"
import os, pathlib
for n in range(30):
    folder = pathlib.Path("generated") / f"part{n % 3}" / "deep"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"mod{n}.py").write_text(f"VALUE = {n}\n" * (n + 1))
pathlib.Path("src/main.py").write_text("import generated\n")
"#;

const FORMATTER: &str = r#"
import pathlib
for path in sorted(pathlib.Path("src").rglob("*")):
    if path.is_file() and not path.is_symlink():
        text = path.read_bytes()
        path.write_bytes(b"\n".join(line.rstrip() for line in text.split(b"\n")) + b"\n")
"#;

/// Returns a command that runs a script which lies nowhere.
fn python(script: &str, arguments: &str) -> String {
    format!("python3 - {arguments} <<'END'\n{script}\nEND")
}

const PROJECT: &str = "umask 022
mkdir -p src/deep docs empty 'odd names'
printf 'x = 1   \\ny = 2\\t\\nz = 3' > src/main.py
printf 'first\\r\\nsecond\\r\\n' > src/dos.txt
printf '\\xef\\xbb\\xbfbom\\n' > src/deep/bom.txt
head -c 3000 /dev/urandom > src/binary.bin
printf '\\xff\\xfe not text' > $'odd names/\\xff\\xfe'
echo new > $'odd names/a\\nb'; echo q > \"odd names/q'\\\"uote\"
echo run > docs/run.sh; chmod 755 docs/run.sh
ln -s src/main.py link; ln -s nowhere dangling; ln -s src folder-link
: > zero; echo one > docs/one; echo two > docs/two";

#[test]
fn whatever_a_command_did_is_taken_back_and_brought_back_byte_for_byte() {
    let cases = [
        ("sed", "sed -i 's/[a-z]/&&/' src/main.py docs/one docs/run.sh"),
        ("mv", "mv src moved; mv docs/one docs/uno"),
        ("rm", "rm docs/one docs/run.sh zero dangling $'odd names/a\\nb'"),
        ("rm -r", "rm -r src empty 'odd names'"),
        ("rm all", "rm -r ./*"),
        ("generator", &python(GENERATOR, "")),
        ("formatter", &python(FORMATTER, "")),
        ("chmod", "chmod 600 src/main.py; chmod 644 docs/run.sh; chmod 700 docs"),
        (
            "links",
            "ln -sfn docs link; rm folder-link; mkdir folder-link; echo x > folder-link/x; rm zero; ln -s docs zero",
        ),
        (
            "kinds",
            "rm docs/one; mkdir docs/one; echo in > docs/one/in; rm -r src; echo file > src; rmdir empty; ln -s docs empty",
        ),
        (
            "truncate",
            ": > src/main.py; printf '\\0\\1' > docs/one; cat src/binary.bin src/binary.bin > src/two.bin",
        ),
        (
            "swap",
            "mv docs/one t; mv docs/two docs/one; mv t docs/two; mv src/binary.bin src/main.py",
        ),
        (
            "git",
            "git init -q . 2>/dev/null; git add -A; git -c user.name=a -c user.email=a@b commit -qm x; rm docs/one; git checkout -q docs/one; echo 2 > docs/two",
        ),
    ];
    for (name, command) in cases {
        let desk = Desk::new();
        desk.bash(PROJECT);
        let before = desk.tree();
        desk.shell(command);
        let after = desk.tree();
        assert_ne!(before, after, "{name}");
        let preview = desk.ok(&["undo", "--preview"]);
        same(&desk.tree(), &after, &format!("{name}: a preview changes nothing"));
        let done = desk.ok(&["undo"]);
        assert_eq!(preview["changes"], done["changes"], "{name}");
        same(&desk.tree(), &before, &format!("{name}: undone"));
        desk.ok(&["redo"]);
        same(&desk.tree(), &after, &format!("{name}: redone"));
        desk.ok(&["undo", "--files"]);
        same(&desk.tree(), &before, &format!("{name}: undone again"));
    }
}

#[test]
fn edits_and_commands_of_several_turns_are_walked_back_and_forth() {
    let desk = Desk::new();
    desk.place.write("a.txt", "1\n");
    let zero = desk.tree();
    let told = desk.turn(&[
        ("edit", json!({"path": "a.txt", "search": "1", "replace": "2"})),
        ("shell", json!({"command": "echo more >> a.txt; mkdir d; echo x > d/x"})),
        ("write", json!({"path": "new/deep/file", "content": "n\n"})),
    ]);
    assert_eq!(told["files_changed"], json!(["a.txt", "d/x", "new/deep/file"]));
    let one = desk.tree();
    let told = desk.shell("rm -r d new; sed -i s/2/3/ a.txt");
    assert_eq!(told["files_changed"], json!(["a.txt", "d/x", "new/deep/file"]), "deletions too");
    let two = desk.tree();
    assert_eq!(desk.turn(&[])["files_changed"], json!([]));

    assert_eq!(desk.ok(&["undo"])["turns"], json!([3]));
    same(&desk.tree(), &two, "the third turn changed nothing");
    assert_eq!(desk.ok(&["undo"])["turns"], json!([2]));
    same(&desk.tree(), &one, "before the second");
    assert_eq!(desk.ok(&["undo"])["turns"], json!([1]));
    same(&desk.tree(), &zero, "before the first");
    let ran = desk.run(&["undo"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("error: Nothing to undo in session"), "{}", ran.err);
    for (turn, tree) in [(1, &one), (2, &two), (3, &two)] {
        assert_eq!(desk.ok(&["redo"])["turns"], json!([turn]));
        same(&desk.tree(), tree, "redone");
    }
    assert_eq!(desk.run(&["redo"]).code, 1);
    assert_eq!(desk.ok(&["undo", "--turn", "2"])["turns"], json!([2, 3]));
    same(&desk.tree(), &one, "two at once");
    // A new turn ends what can be redone.
    desk.shell("echo other > o");
    assert_eq!(desk.run(&["redo"]).code, 1);
    let ran = desk.run(&["undo", "--turn", "3", "--json"]);
    assert!(ran.code == 1 && ran.out.contains("No turn 3 to undo; there are 1, 4"), "{}", ran.out);
    desk.ok(&["undo", "--turn", "1"]);
    same(&desk.tree(), &zero, "all");
}

#[test]
fn the_conversation_goes_back_with_the_files_or_alone() {
    let desk = Desk::new();
    desk.place.write("a", "1\n");
    desk.shell("echo first > a");
    let first = desk.heard();
    desk.shell("echo second > a");
    let second = desk.heard();
    assert!(second.len() > first.len() && second.starts_with(&first[..first.len()]));

    // Files only: the model still knows what it did.
    desk.ok(&["undo", "--files"]);
    assert_eq!(desk.place.env.read("a").unwrap(), "first\n");
    desk.turn(&[]);
    assert!(desk.heard().starts_with(&second), "nothing was cut");
    // Conversation only: the files stay.
    desk.ok(&["undo", "--turn", "2", "--conversation"]);
    assert_eq!(desk.place.env.read("a").unwrap(), "first\n");
    desk.ok(&["redo"]);
    desk.ok(&["undo", "--turn", "2", "--conversation"]);
    desk.turn(&[]);
    let heard = desk.heard();
    assert!(heard.starts_with(&first), "{heard:?}");
    assert!(!heard.iter().any(|message| message.contains("echo second")), "{heard:?}");
    // Both.
    desk.ok(&["undo", "--turn", "1"]);
    assert_eq!(desk.place.env.read("a").unwrap(), "1\n");
    desk.turn(&[]);
    assert!(!desk.heard().iter().any(|message| message.contains("echo first")));
    // What stays is sent with the same bytes as before: the rules of the captured requests hold.
    let ran = desk.run(&["undo", "--files", "--conversation"]);
    assert_eq!(ran.code, 2);
}

#[test]
fn what_the_user_changed_since_survives_or_is_asked_about() {
    let desk = Desk::new();
    let text: String = (1..=20).map(|n| format!("line {n}\n")).collect();
    desk.place.write("code", &text);
    desk.place.write("other", "o\n");
    desk.shell("sed -i 's/line 3$/LINE 3/' code; echo 2 > other; echo made > made; rm -f gone");
    desk.bash("sed -i 's/line 15/the user'\"'\"'s/' code; echo mine > unrelated");
    let told = desk.ok(&["undo"]);
    let actions: Vec<&str> =
        told["changes"].as_array().unwrap().iter().map(|c| c["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["merge", "remove", "restore"]);
    assert_eq!(desk.place.env.read("code").unwrap(), text.replace("line 15", "the user's"));
    assert_eq!(desk.place.env.read("unrelated").unwrap(), "mine\n");
    desk.ok(&["redo"]);
    let both = text.replace("line 15", "the user's").replace("line 3\n", "LINE 3\n");
    assert_eq!(desk.place.env.read("code").unwrap(), both);

    // The same lines: nothing at all is changed.
    desk.bash("sed -i 's/LINE 3/user 3/' code; echo user > made");
    let theirs = desk.tree();
    let ran = desk.run(&["undo", "--json"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    let schema = desk.place.run(&["schema", "undo"]).json();
    assert_eq!(shape::faults(&schema, &ran.json()), Vec::<String>::new());
    let whys = json!([{"path": "code", "why": "edited"}, {"path": "made", "why": "edited"}]);
    assert_eq!((&ran.json()["conflicts"], &ran.json()["done"]), (&whys, &json!(false)));
    let words = desk.run(&["undo"]);
    assert!(words.code == 1 && words.err.contains("--skip-conflicts"), "{}", words.err);
    same(&desk.tree(), &theirs, "refused");

    desk.ok(&["undo", "--skip-conflicts"]);
    assert_eq!(desk.place.env.read("made").unwrap(), "user\n");
    assert_eq!(desk.place.env.read("other").unwrap(), "o\n");
    desk.ok(&["redo"]);
    same(&desk.tree(), &theirs, "redone");
    desk.ok(&["undo", "--force"]);
    assert_eq!(desk.place.env.read("code").unwrap(), text);
    assert!(!desk.place.project().join("made").exists());
    // Overwritten, not lost.
    desk.ok(&["redo"]);
    same(&desk.tree(), &theirs, "the user's version is back");
}

#[test]
fn what_the_user_put_into_a_folder_of_the_turn_stays() {
    let desk = Desk::new();
    desk.place.write("file", "f\n");
    desk.shell("mkdir -p made/sub; echo x > made/sub/x; rm file; mkdir file; echo y > file/y");
    desk.bash("echo mine > made/sub/mine");
    desk.ok(&["undo"]);
    assert_eq!(desk.place.env.read("made/sub/mine").unwrap(), "mine\n");
    assert!(!desk.place.project().join("made/sub/x").exists());
    assert_eq!(desk.place.env.read("file").unwrap(), "f\n");
    desk.ok(&["redo"]);
    desk.bash("echo mine > file/mine");
    let ran = desk.run(&["undo", "--json"]);
    assert_eq!((ran.code, &ran.json()["conflicts"][0]["why"]), (1, &json!("in_the_way")));
    desk.ok(&["undo", "--skip-conflicts"]);
    assert_eq!(desk.place.env.read("file/mine").unwrap(), "mine\n");
}

#[test]
fn contents_that_only_git_holds_come_back_and_converted_ones_are_exact() {
    for autocrlf in ["false", "true"] {
        let desk = Desk::new();
        desk.bash(&format!(
            "rm -rf .git; git init -q; git config core.autocrlf {autocrlf}; mkdir src
             for n in $(seq 50); do seq $n 200 > src/f$n; done; printf 'a\\r\\nb\\r\\n' > src/dos
             head -c 40000 /dev/urandom > random; touch -d '1 minute ago' src/* random
             git add -A 2>/dev/null; git commit -qm x"
        ));
        let before = desk.tree();
        desk.shell("rm -r src; head -c 40000 /dev/urandom > random");
        let after = desk.tree();
        desk.ok(&["undo"]);
        same(&desk.tree(), &before, autocrlf);
        desk.ok(&["redo"]);
        same(&desk.tree(), &after, autocrlf);
        desk.ok(&["undo"]);
        same(&desk.tree(), &before, autocrlf);
    }
}

#[test]
fn the_store_holds_little_more_than_what_changed() {
    let desk = Desk::new();
    // 150 files of 5 kB that do not compress, held by git.
    desk.bash(
        "rm -rf .git; git init -q; mkdir src
         for n in $(seq 150); do head -c 3750 /dev/urandom | base64 -w 76 > src/f$n; done
         touch -d '1 minute ago' src/*; git add -A; git commit -qm x",
    );
    desk.shell("for n in $(seq 100); do head -c 3750 /dev/urandom | base64 -w 76 > src/f$n; done");
    let changed: u64 = 100 * 5065;
    let stored = desk.stored();
    assert!(stored < changed * 11 / 10, "{stored} for {changed}");
    let before = desk.stored();
    desk.shell("for n in $(seq 100); do echo one more line >> src/f$n; done");
    assert!(desk.stored() - before < 30_000, "{}", desk.stored() - before);
    let compressible = Desk::new();
    compressible.bash("rmdir .git; mkdir src; for n in $(seq 200); do seq $n 900 > src/f$n; done");
    let size: u64 = compressible.tree().values().map(|(_, content)| content.len() as u64).sum();
    compressible.shell("echo x > src/f1");
    assert!(compressible.stored() < size * 6 / 10, "{} of {size}", compressible.stored());
}

#[test]
fn a_home_folder_is_not_looked_through_and_edits_there_are_undone() {
    let desk = Desk::new();
    desk.place.write("a", "1\n");
    let mut answers = desk.answers.lock().unwrap();
    answers.push_back(Answer::call("shell", json!({"command": "echo 1 > by-command"})));
    answers.push_back(Answer::call("edit", json!({"path": "a", "search": "1", "replace": "2"})));
    drop(answers);
    let mut command =
        desk.command(&["run", "--mode", "full", "--output-format", "stream-json", "x"]);
    let ran = Ran::of(command.env("HOME", desk.place.project()).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.out.matches("cannot be undone").count(), 1, "{}", ran.out);
    assert!(desk.stored() < 2_000);
    desk.ok(&["undo"]);
    assert_eq!(desk.place.env.read("a").unwrap(), "1\n");
    assert_eq!(desk.place.env.read("by-command").unwrap(), "1\n");
}

#[test]
fn two_sessions_in_one_project_undo_each_its_own() {
    let desk = Desk::new();
    desk.bash("for n in 1 2 3; do echo 0 > f$n; done");
    desk.shell("echo a > f1; echo a > f2");
    let mut answers = desk.answers.lock().unwrap();
    answers.push_back(Answer::call("shell", json!({"command": "echo b > f2; echo b > f3"})));
    drop(answers);
    assert_eq!(desk.run(&["run", "--mode", "full", "other session"]).code, 0);
    let list = desk.place.run(&["sessions", "list", "--json"]).json();
    let ids: Vec<&str> =
        list["sessions"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    let (second, first) = (ids[0], ids[1]);
    let ran = desk.run(&["undo", "--session", first, "--json"]);
    assert_eq!((ran.code, &ran.json()["conflicts"][0]["path"]), (1, &json!("f2")));
    desk.ok(&["undo", "--session", second]);
    desk.ok(&["undo", "--session", first]);
    assert!(
        desk.tree().iter().filter(|(path, _)| path.starts_with(b"f")).all(|(_, n)| n.1 == b"0\n")
    );
}

#[test]
fn damage_in_the_store_is_told_and_nothing_is_restored_wrong() {
    let desk = Desk::new();
    desk.place.write("a", "the old content of a\n");
    desk.shell("echo new > a");
    let snapshots = desk.place.home().join("data/snapshots");
    let project = fs::read_dir(&snapshots).unwrap().next().unwrap().unwrap().path();
    let pack = project.join("packs/00000001.pack");
    let mut bytes = fs::read(&pack).unwrap();
    let at = bytes.windows(9).position(|window| window == b"the old c").unwrap();
    bytes[at] ^= 0x20;
    fs::write(&pack, &bytes).unwrap();
    let ran = desk.run(&["undo", "--json"]);
    assert_eq!((ran.code, &ran.json()["conflicts"][0]["why"]), (1, &json!("damaged")));
    let ran = desk.run(&["undo", "--force", "--json"]);
    assert_eq!((ran.code, desk.place.env.read("a").unwrap().as_str()), (1, "new\n"), "{}", ran.out);
    // Without the store, the conversation still goes back.
    fs::remove_dir_all(&project).unwrap();
    let ran = desk.run(&["undo", "--files"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    desk.ok(&["undo", "--conversation"]);
}

#[test]
fn what_a_command_did_before_its_session_was_killed_is_taken_back_too() {
    let desk = Desk::new();
    desk.bash("echo 1 > a; echo 1 > b; mkdir d; echo 1 > d/c");
    let before = desk.tree();
    let command = "echo 2 > a; rm -r b d; echo new > made; echo > ready; sleep 100";
    let mut answers = desk.answers.lock().unwrap();
    answers.push_back(Answer::call("shell", json!({ "command": command })));
    drop(answers);
    let mut child = desk.command(&["run", "--mode", "full", "go"]).spawn().unwrap();
    while !desk.place.project().join("ready").exists() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let told = desk.ok(&["undo"]);
    assert_eq!(told["turns"], json!([1]));
    same(&desk.tree(), &before, "killed");
    desk.ok(&["redo"]);
    assert_eq!(desk.place.env.read("made").unwrap(), "new\n");
}

#[test]
fn what_changed_between_calls_beside_a_background_command_is_asked_about() {
    let desk = Desk::new();
    desk.bash("echo 1 > a; echo 1 > mine");
    let command =
        "echo by the call > b; until [ -e go ]; do sleep 0.01; done; echo behind > a; echo > gone";
    let wait = "until [ -e gone ]; do sleep 0.01; done; echo x > last";
    let input = json!({ "command": command, "run_in_background": true });
    desk.turn(&[
        ("shell", input),
        // Nobody looks while this harmless one runs.
        ("write", json!({"path": "go", "content": "now"})),
        ("shell", json!({ "command": "for n in 1 2 3 4 5 6 7 8; do ls; done" })),
        ("shell", json!({ "command": wait })),
    ]);
    let after = desk.tree();
    let ran = desk.run(&["undo", "--json"]);
    let conflicts = ran.json()["conflicts"].clone();
    if ran.code == 1 {
        // The background command was faster than the call that waits for it.
        let whys = conflicts.as_array().unwrap().iter().map(|conflict| &conflict["why"]);
        assert!(whys.clone().all(|why| why == "unsure"), "{conflicts}");
        same(&desk.tree(), &after, "refused");
        desk.ok(&["undo", "--force"]);
    }
    assert_eq!(desk.place.env.read("a").unwrap(), "1\n");
    assert_eq!(desk.place.env.read("mine").unwrap(), "1\n");
    assert!(!desk.place.project().join("last").exists());
}

#[test]
fn checkpoints_are_counted_pruned_and_erased_and_can_be_turned_off() {
    let desk = Desk::new();
    desk.place.write("a", "1\n");
    desk.shell("echo 2 > a");
    assert!(desk.stored() > 0);
    let dry = desk.place.run(&["data", "prune", "--older-than", "0", "--dry-run"]).ok();
    assert!(dry.contains("/snapshots/"), "{dry}");
    desk.place.run(&["data", "erase", "snapshots", "--yes"]).ok();
    assert_eq!(desk.stored(), 0);
    // A session goes on without what was erased.
    desk.shell("echo 3 > a");
    desk.ok(&["undo"]);
    assert_eq!(desk.place.env.read("a").unwrap(), "2\n");
    desk.place.settings("[checkpoints]\nenabled = false\n");
    let stored = desk.stored();
    let told = desk.shell("echo 4 > a");
    assert_eq!(told["files_changed"], json!(["a"]));
    assert_eq!(desk.stored(), stored);
}

const KILL_POINTS: [&str; 5] =
    ["before_undo_journal", "after_undo_journal", "undo_step", "before_undo_log", "after_undo_log"];

#[test]
fn an_undo_that_is_killed_anywhere_is_ended_by_the_next_command() {
    for point in KILL_POINTS {
        for &nth in if point == "undo_step" { &[1, 2, 3, 5][..] } else { &[1] } {
            let desk = Desk::new();
            desk.bash("mkdir d; echo 1 > a; echo 1 > b; echo 1 > d/c; ln -s a l");
            let before = desk.tree();
            desk.shell(
                "echo 2 > a; rm b; rm -r d; echo file > d; ln -sfn b l; mkdir e; echo e > e/e",
            );
            let after = desk.tree();
            let mut command = desk.command(&["undo"]);
            command.env("DISTIQ_TEST_KILL_AT", format!("{point}:{nth}"));
            let killed = !command.output().unwrap().status.success();
            assert!(killed || nth > 1, "{point}");
            // Any command that may touch files ends it.
            let ran = desk.place.run(&["tool", "read", r#"{"path": "a"}"#]);
            assert_eq!(ran.code, 0, "{}", ran.err);
            let now = desk.tree();
            let what = format!("{point}:{nth}");
            if point == "before_undo_journal" && killed {
                same(&now, &after, &what);
                desk.ok(&["undo"]);
            } else {
                same(&now, &before, &what);
            }
            // The log knows, and says it once.
            assert_eq!(desk.run(&["undo"]).code, 1, "{what}");
            desk.ok(&["redo"]);
            same(&desk.tree(), &after, &what);
        }
    }
}
