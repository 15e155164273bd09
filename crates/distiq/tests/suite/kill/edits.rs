//! A batch of edits, killed at every point and at every call that writes: all old or all new after the next
//! command, whichever that is.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::files_below;
use crate::{Place, Ran, path_text};

/// Edits of a plain file, of one with two names, of a program; a new file in new folders, a deletion, a move.
const PATCH: &str = "*** Begin Patch
*** Update File: plain.txt
@@
-one
+one, and more than it was
*** Update File: linked.txt
@@
-first of a text that is written in place
+1st
*** Add File: new/deep/file.txt
+new
*** Delete File: gone.txt
*** Update File: bin/run.sh
*** Move to: moved/run.sh
@@
-echo old
+echo new
*** Update File: longer.txt
@@
-short
+a text that is longer than what it was before
*** End Patch";

/// The points that one call passes, and how often a kill there must at least be possible.
const POINTS: [(&str, usize); 11] = [
    ("within_journal", 1),
    ("after_journal", 1),
    ("after_folder", 2),
    ("between_staged", 7),
    ("before_rename", 7),
    ("after_rename", 7),
    ("between_files", 7),
    ("within_file", 2),
    ("before_cut", 2),
    ("before_old_goes", 7),
    ("before_journal_goes", 1),
];

/// Everything in the project: what each file holds, its mode, its names, its time.
type Tree = BTreeMap<String, (String, u32, u64, Option<i64>)>;

struct Scene {
    place: Place,
    old: Tree,
}

impl Scene {
    fn new() -> Self {
        let place = Place::new();
        place.write("plain.txt", "zero\r\none\r\ntwo\r\n");
        place.write("gone.txt", "will go\n");
        place.write("bin/run.sh", "echo old\n");
        for name in ["linked.txt", "longer.txt"] {
            place.write(name, "first of a text that is written in place\nshort\nend\n");
            let other = place.project().join(format!("other_{name}"));
            fs::hard_link(place.project().join(name), other).unwrap();
        }
        let run = place.project().join("bin/run.sh");
        fs::set_permissions(run, PermissionsExt::from_mode(0o750)).unwrap();
        let old = tree(&place.project());
        Self { place, old }
    }

    fn edit(&self) -> Command {
        self.place.command(&["tool", "edit", &json!({ "patch": PATCH }).to_string()])
    }

    fn new_tree() -> Tree {
        let scene = Self::new();
        let ran = Ran::of(scene.edit().output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.out);
        without_times(&tree(&scene.place.project()))
    }

    /// Tells whether the batch came through, and fails where it did by half or left anything.
    #[track_caller]
    fn is_new(&self, new: &Tree, what: &str) -> bool {
        let now = tree(&self.place.project());
        let home = files_below(&self.place.home().join("data/journal"));
        assert!(home.is_empty(), "{what}: {home:?}");
        // What is taken back is as old as it was.
        assert!(now == self.old || without_times(&now) == *new, "{what}: {now:#?}");
        now != self.old
    }
}

fn tree(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let metadata = path.symlink_metadata().unwrap();
        let name = entry.file_name().into_string().unwrap();
        if metadata.is_dir() {
            tree.insert(format!("{name}/"), (String::new(), metadata.mode(), 0, None));
            let inside = self::tree(&path).into_iter();
            tree.extend(inside.map(|(inner, what)| (format!("{name}/{inner}"), what)));
        } else {
            let text = fs::read_to_string(&path).unwrap();
            tree.insert(
                name,
                (text, metadata.mode(), metadata.nlink(), Some(metadata.mtime_nsec())),
            );
        }
    }
    tree
}

fn without_times(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    tree.values_mut().for_each(|(_, _, _, time)| *time = None);
    tree
}

/// Runs one that is killed, or not if the point is not passed so often.
fn is_killed(mut command: Command, point: &str) -> bool {
    let output = command.env("DISTIQ_TEST_KILL_AT", point).output().unwrap();
    assert!(matches!(output.status.code(), None | Some(0)), "{point}: {output:?}");
    output.status.code().is_none()
}

#[test]
fn a_batch_killed_at_any_point_is_all_old_or_all_new_after_the_next_command() {
    let new = Scene::new_tree();
    let commands: [&[&str]; 4] =
        [&["version"], &["tool", "read", "{\"path\":\"plain.txt\"}"], &["cost"], &["data", "size"]];
    let mut next = commands.iter().cycle();
    let mut outcomes = [0, 0];
    for (point, least) in POINTS {
        let mut nth = 1;
        loop {
            let scene = Scene::new();
            let armed = format!("{point}:{nth}");
            let killed = is_killed(scene.edit(), &armed);
            if killed {
                let command = next.next().unwrap();
                assert_eq!(scene.place.run(command).code, 0, "{armed}");
            }
            let is_new = scene.is_new(&new, &armed);
            outcomes[usize::from(is_new)] += 1;
            if !killed {
                assert!(is_new, "{armed}");
                break;
            }
            nth += 1;
        }
        assert!(nth > least, "{point} was passed too rarely: {} times", nth - 1);
    }
    assert!(outcomes.iter().all(|count| *count > 3), "{outcomes:?}");
}

#[test]
fn a_recovery_that_is_killed_is_made_by_the_next_command() {
    let new = Scene::new_tree();
    for at in ["between_files:3", "within_file:1", "before_old_goes:2"] {
        for point in ["within_recovery", "after_recovery"] {
            let mut nth = 1;
            loop {
                let scene = Scene::new();
                assert!(is_killed(scene.edit(), at), "{at}");
                let version = || scene.place.command(&["version"]);
                let killed = is_killed(version(), &format!("{point}:{nth}"));
                assert!(version().output().unwrap().status.success());
                scene.is_new(&new, &format!("{at}, {point}:{nth}"));
                if !killed {
                    break;
                }
                nth += 1;
            }
        }
    }
}

#[test]
fn what_somebody_changed_after_the_kill_stays_and_the_rest_is_taken_back() {
    let scene = Scene::new();
    assert!(is_killed(scene.edit(), "between_files:4"));
    scene.place.write("linked.txt", "mine now\n");
    let ran = scene.place.run(&["version"]);
    assert_eq!(ran.code, 0);
    let project = path_text(&scene.place.project().canonicalize().unwrap()).to_owned();
    assert!(
        ran.err.contains(&format!("{project}/linked.txt was changed since and stays")),
        "{}",
        ran.err
    );
    let kept = ran.err.trim().rsplit_once(" is in ").unwrap().1;
    assert_eq!(
        fs::read_to_string(kept).unwrap(),
        "first of a text that is written in place\nshort\nend\n"
    );
    let mut now = without_times(&tree(&scene.place.project()));
    let mut old = without_times(&scene.old);
    for tree in [&mut now, &mut old] {
        tree.retain(|name, _| !name.ends_with("linked.txt"));
    }
    assert_eq!(now, old);
    assert_eq!(scene.place.env.read("linked.txt").unwrap(), "mine now\n");
    assert_eq!(scene.place.run(&["version"]).err, "");
}

/// Kills at each call to the kernel that writes, whatever the source has points for.
#[test]
fn a_batch_killed_at_any_writing_call_is_all_old_or_all_new() {
    const CALLS: [&str; 9] = [
        "rename,renameat,renameat2,link,linkat",
        "unlink,unlinkat,rmdir",
        "mkdir,mkdirat",
        "pwrite64",
        "write",
        "ftruncate",
        "fchmod,fchown",
        "fdatasync,fsync",
        "flock",
    ];
    let new = Scene::new_tree();
    let mut kills = 0;
    for calls in CALLS {
        for nth in 1.. {
            let scene = Scene::new();
            let plain = scene.edit();
            let mut command = Command::new("strace");
            command.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={calls}"));
            command.arg("-e").arg(format!("inject={calls}:signal=KILL:when={nth}"));
            command.arg(plain.get_program()).args(plain.get_args());
            command.current_dir(scene.place.project()).env_clear();
            command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let output = command.output().unwrap();
            let killed = output.status.code().is_none();
            assert!(killed || output.status.success(), "{calls}:{nth}: {output:?}");
            if killed {
                assert_eq!(scene.place.run(&["version"]).code, 0);
                kills += 1;
            }
            scene.is_new(&new, &format!("{calls}:{nth}"));
            if !killed {
                break;
            }
        }
    }
    assert!(kills >= 30, "{kills}");
}
