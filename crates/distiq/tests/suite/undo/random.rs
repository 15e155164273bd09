//! Random operations, undos and redos, held against recorded copies of the tree.

use serde_json::json;

use super::{Desk, python, same};

/// A small generator, so that a failing run can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % sides
    }
}

/// Changes files of the working folder in random ways.
const OPERATIONS: &str = r#"
import os, random, shutil, sys
dice = random.Random(int(sys.argv[1]))
def paths(want):
    found = []
    for folder, folders, files in os.walk(b"."):
        folders[:] = [f for f in folders if f != b".git"]
        found += [os.path.join(folder, n) for n in (files if want == "file" else folders)]
    return sorted(p for p in found if want == "dir" or not os.path.isdir(p))
def name():
    return dice.choice([b"a", b"b", b"c", b"d d", b"e\nf", b"\xff", "ж".encode(), b"-g", b"h'"])
def content():
    kind = dice.randrange(4)
    if kind == 0: return dice.randbytes(dice.randrange(3000))
    if kind == 1: return b""
    return b"".join(b"line %d\n" % dice.randrange(50) for _ in range(dice.randrange(200)))
def free():
    folder = dice.choice(paths("dir") + [b"."])
    return os.path.join(folder, name())
def gone(path):
    if os.path.islink(path) or os.path.isfile(path): os.remove(path)
    elif os.path.isdir(path): shutil.rmtree(path)
for _ in range(dice.randrange(1, 12)):
    files, folders = paths("file"), paths("dir")
    kind = dice.randrange(10)
    try:
        if kind <= 2: 
            path = free(); gone(path)
            with open(path, "wb") as f: f.write(content())
        elif kind == 3 and files:
            with open(dice.choice(files), "ab") as f: f.write(content())
        elif kind == 4 and files: gone(dice.choice(files))
        elif kind == 5 and folders: gone(dice.choice(folders))
        elif kind == 6: os.makedirs(os.path.join(free(), name()), exist_ok=True)
        elif kind == 7 and files: os.chmod(dice.choice(files), dice.choice([0o644, 0o755, 0o600, 0o444]), follow_symlinks=True)
        elif kind == 8:
            path = free(); gone(path); os.symlink(name(), path)
        elif kind == 9 and files + folders:
            old, new = dice.choice(files + folders), free()
            gone(new); os.rename(old, new)
    except OSError: pass
"#;

#[test]
fn random_turns_undone_and_redone_leave_what_was_recorded() {
    for seed in 1..=2_u64 {
        let desk = Desk::new();
        desk.bash(&python(OPERATIONS, &(1000 + seed).to_string()));
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // The tree after each turn that is not undone, with the turn's number.
        let mut trees = vec![(0, desk.tree())];
        let mut redo: Vec<Vec<_>> = Vec::new();
        let mut turns = 0;
        for step in 0..10 {
            let what = format!("seed {seed}, step {step}");
            match dice.roll(4) {
                0 if trees.len() > 1 => {
                    let first = 1 + dice.roll(trees.len() - 1);
                    desk.ok(&["undo", "--turn", &trees[first].0.to_string()]);
                    redo.push(trees.split_off(first));
                }
                1 if !redo.is_empty() => {
                    desk.ok(&["redo"]);
                    trees.extend(redo.pop().unwrap());
                }
                _ => {
                    let command = |n: u64| json!({ "command": python(OPERATIONS, &(seed * 1000 + n).to_string()) });
                    desk.turn(&[("shell", command(step)), ("shell", command(500 + step))]);
                    turns += 1;
                    trees.push((turns, desk.tree()));
                    redo.clear();
                }
            }
            same(&desk.tree(), &trees.last().unwrap().1, &what);
        }
    }
}
