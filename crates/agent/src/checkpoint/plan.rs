//! What taking changes back would do to the files as they are now.
//!
//! Each path is led back change by change. Where the file is what the turn left, it becomes what it was
//! before; where the user has changed it since, a three-way merge takes only the turn's lines back, or, where
//! both touch the same ones, the path is a conflict and is left to the user.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::CheckpointError;
use super::disk::{Disk, look};
use super::git::Git;
use super::node::{Change, Manifest, Node, RawText, same};
use super::pack::Packs;

/// Larger texts are neither merged nor counted in lines.
const MAX_DIFF_BYTES: usize = 2 << 20;

/// What happens to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It gets its old content.
    Restore,
    /// It comes back.
    Create,
    /// It goes.
    Remove,
    /// The turn's lines are taken back, and what the user changed since stays.
    Merge,
    /// It gets its old permissions.
    Mode,
}

/// Why a path cannot be taken back as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It was changed since, in the same lines or where lines do not tell.
    Edited,
    /// It was removed since.
    Removed,
    /// It changed while nobody looked, by a command behind the calls or by the user.
    Unsure,
    /// What was there was not kept, or is not kept any more.
    NotKept,
    /// What was kept is damaged.
    Damaged,
    /// Something else stands where it would have to go.
    InTheWay,
}

impl Why {
    /// Returns the reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Why::Edited => "was changed since",
            Why::Removed => "was removed since",
            Why::Unsure => {
                "changed between calls while a command ran in the background: it may be yours"
            }
            Why::NotKept => "its old content was not kept",
            Why::Damaged => "its old content is damaged in the store",
            Why::InTheWay => "something else stands in its place",
        }
    }
}

/// A path that changes.
#[derive(Clone, Debug)]
pub struct Step {
    /// As it is, and as it will be.
    pub change: Change,
    /// What happens.
    pub action: Action,
    /// Lines that come; `None` for what is no text.
    pub added: Option<usize>,
    /// Lines that go.
    pub removed: Option<usize>,
}

/// A path that is left to the user.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// The path.
    pub path: RawText,
    /// Why.
    pub why: Why,
    /// What happens where the user insists; `None` where nothing can.
    pub forced: Option<Step>,
}

/// What would happen.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What changes, by path.
    pub steps: Vec<Step>,
    /// What is left to the user.
    pub conflicts: Vec<Conflict>,
    /// Ignored files and caches that changed since: left as they are.
    pub left: Vec<RawText>,
}

impl Plan {
    /// Returns the changes that it makes.
    pub fn manifest(&self) -> Manifest {
        Manifest { changes: self.steps.iter().map(|step| step.change.clone()).collect() }
    }

    /// Overwrites what is in conflict; what cannot be had stays a conflict.
    pub fn force(&mut self) {
        for conflict in std::mem::take(&mut self.conflicts) {
            match conflict.forced {
                Some(step) => self.steps.push(step),
                None => self.conflicts.push(conflict),
            }
        }
        self.steps.sort_by(|a, b| a.change.path.cmp(&b.change.path));
    }

    /// Leaves what is in conflict.
    pub fn skip(&mut self) {
        self.left.extend(std::mem::take(&mut self.conflicts).into_iter().map(|c| c.path));
    }
}

/// Finds out what taking manifests back would do; they are given oldest first.
pub struct Planner<'a> {
    /// The project's root.
    pub root: &'a Path,
    /// The store.
    pub packs: &'a mut Packs,
    /// The repository, which may hold contents.
    pub git: Option<&'a mut Git>,
}

/// Why a path cannot be led back.
enum Stuck {
    Why(Why),
    Error(CheckpointError),
}

impl From<CheckpointError> for Stuck {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Missing(_) => Stuck::Why(Why::NotKept),
            CheckpointError::Damaged(_) => Stuck::Why(Why::Damaged),
            error => Stuck::Error(error),
        }
    }
}

impl Planner<'_> {
    /// Makes the plan; contents that only git has are taken over into the store on the way.
    ///
    /// # Errors
    /// [`CheckpointError`] where the store cannot be used.
    pub fn plan(&mut self, manifests: &[Manifest]) -> Result<Plan, CheckpointError> {
        let mut paths: BTreeMap<&RawText, Vec<&Change>> = BTreeMap::new();
        for change in manifests.iter().flat_map(|manifest| &manifest.changes) {
            paths.entry(&change.path).or_default().push(change);
        }
        let mut plan = Plan::default();
        for (path, changes) in paths {
            let disk = look(self.root, path);
            match self.back(&disk, &changes) {
                Ok((target, merged)) => {
                    plan.steps.extend(self.step(path, &disk, target, merged, &changes)?);
                }
                Err(Stuck::Error(error)) => return Err(error),
                Err(Stuck::Why(_)) if changes.iter().all(|change| change.minor) => {
                    plan.left.push(path.clone());
                }
                Err(Stuck::Why(why)) => {
                    let forced = self.forced(path, &disk, &changes)?;
                    plan.conflicts.push(Conflict { path: path.clone(), why, forced });
                }
            }
        }
        self.clear_ways(&mut plan);
        self.packs.flush()?;
        Ok(plan)
    }

    /// Leads a path back; also tells whether a merge was needed.
    fn back(&mut self, disk: &Disk, changes: &[&Change]) -> Result<(Option<Node>, bool), Stuck> {
        let mut state = disk.node.clone();
        if let Some(bytes) = &disk.bytes {
            // A merge reads it, and redo needs it.
            self.packs.keep(bytes)?;
        }
        let (mut merged, mut unsure) = (false, false);
        for change in changes.iter().rev() {
            let (before, after) = (change.before.as_ref(), change.after.as_ref());
            if same(state.as_ref(), after) {
                unsure |= change.unsure;
                state = change.before.clone();
            } else if !same(state.as_ref(), before) {
                state = self.back_from_edited(state, before, after)?;
                unsure |= change.unsure;
                merged = true;
            }
        }
        let is_new = !same(state.as_ref(), disk.node.as_ref());
        if unsure && is_new {
            return Err(Stuck::Why(Why::Unsure));
        }
        match &state {
            Some(Node::File { .. }) if is_new => self.ensure(&state)?,
            Some(Node::Unkept { .. }) if is_new => return Err(Stuck::Why(Why::NotKept)),
            _ => {}
        }
        Ok((state, merged))
    }

    /// Takes a turn's change back from a path that was changed since.
    fn back_from_edited(
        &mut self,
        state: Option<Node>,
        before: Option<&Node>,
        after: Option<&Node>,
    ) -> Result<Option<Node>, Stuck> {
        match (&state, before, after) {
            (
                Some(Node::File { mode, hash, .. }),
                Some(Node::File { mode: old_mode, hash: old, .. }),
                Some(Node::File { mode: new_mode, hash: new, .. }),
            ) => {
                let mode = if mode == new_mode { *old_mode } else { *mode };
                if hash == old || old == new {
                    return Ok(state.map(|node| with_mode(node, mode)));
                }
                if hash == new {
                    return Ok(before.map(|node| with_mode(node.clone(), mode)));
                }
                let (ours, theirs) = (self.packs.get(hash)?, self.content(before)?);
                let base = self.content(after)?;
                let merged = merge(&base, &ours, &theirs).ok_or(Stuck::Why(Why::Edited))?;
                let hash = self.packs.keep(&merged)?;
                Ok(Some(Node::File { mode, size: merged.len() as u64, hash, git: None }))
            }
            // Permissions that the user gave a folder since stay.
            (Some(Node::Folder { .. }), Some(Node::Folder { .. }), _) => Ok(state),
            (Some(Node::Folder { .. }), None, Some(Node::Folder { .. })) => Ok(None),
            (None, Some(_), Some(_)) => Err(Stuck::Why(Why::Removed)),
            _ => Err(Stuck::Why(Why::Edited)),
        }
    }

    fn content(&mut self, node: Option<&Node>) -> Result<Vec<u8>, CheckpointError> {
        let Some(Node::File { hash, git, .. }) = node else { return Ok(Vec::new()) };
        match (self.packs.get(hash), git, &mut self.git) {
            (Err(CheckpointError::Missing(_)), Some(oid), Some(git)) => {
                let bytes = git.content(oid).ok_or(CheckpointError::Missing(*hash))?;
                let is_it = super::node::Hash::of(&bytes) == *hash;
                if is_it { Ok(bytes) } else { Err(CheckpointError::Missing(*hash)) }
            }
            (content, ..) => content,
        }
    }

    /// Sees to it that the store has a file's content.
    fn ensure(&mut self, node: &Option<Node>) -> Result<(), CheckpointError> {
        let content = self.content(node.as_ref())?;
        if matches!(node, Some(Node::File { hash, .. }) if !self.packs.contains(hash)) {
            self.packs.keep(&content)?;
        }
        Ok(())
    }

    /// Returns the step to what was there before all changes, whatever is there now.
    fn forced(
        &mut self,
        path: &RawText,
        disk: &Disk,
        changes: &[&Change],
    ) -> Result<Option<Step>, CheckpointError> {
        let target = changes.first().and_then(|change| change.before.clone());
        if matches!(target, Some(Node::Unkept { .. })) || self.ensure(&target).is_err() {
            return Ok(None);
        }
        // What cannot be kept must not be overwritten.
        if matches!(disk.node, Some(Node::Unkept { .. })) {
            return Ok(None);
        }
        self.step(path, disk, target, false, changes)
    }

    fn step(
        &mut self,
        path: &RawText,
        disk: &Disk,
        target: Option<Node>,
        merged: bool,
        changes: &[&Change],
    ) -> Result<Option<Step>, CheckpointError> {
        let before = disk.node.clone();
        if same(before.as_ref(), target.as_ref()) {
            return Ok(None);
        }
        let target = target.map(|node| match node {
            Node::File { mode, size, hash, .. } => Node::File { mode, size, hash, git: None },
            other => other,
        });
        let is_same_content = match (&before, &target) {
            (Some(Node::File { hash, .. }), Some(Node::File { hash: other, .. })) => hash == other,
            (Some(Node::Folder { .. }), Some(Node::Folder { .. })) => true,
            _ => false,
        };
        let action = match (&before, &target) {
            (None, _) => Action::Create,
            (_, None) => Action::Remove,
            _ if is_same_content => Action::Mode,
            _ if merged => Action::Merge,
            _ => Action::Restore,
        };
        let new = match &target {
            Some(Node::File { .. }) => Some(self.content(target.as_ref())?),
            _ => None,
        };
        let (added, removed) = lines(disk.bytes.as_deref(), new.as_deref());
        let minor = changes.iter().all(|change| change.minor);
        let change = Change { path: path.clone(), before, after: target, minor, unsure: false };
        Ok(Some(Step { change, action, added, removed }))
    }

    /// Makes conflicts of steps whose way is barred: a folder with other files in it that must become a
    /// file, or a file where a folder has to be.
    fn clear_ways(&self, plan: &mut Plan) {
        let targets: BTreeMap<RawText, Option<Node>> = plan
            .steps
            .iter()
            .map(|step| (step.change.path.clone(), step.change.after.clone()))
            .collect();
        let steps = std::mem::take(&mut plan.steps);
        let (free, barred): (Vec<Step>, Vec<Step>) =
            steps.into_iter().partition(|step| self.is_free(step, &targets));
        plan.steps = free;
        plan.conflicts.extend(barred.into_iter().map(|step| Conflict {
            path: step.change.path,
            why: Why::InTheWay,
            forced: None,
        }));
    }

    fn is_free(&self, step: &Step, targets: &BTreeMap<RawText, Option<Node>>) -> bool {
        let Change { path, before, after, .. } = &step.change;
        let Some(after) = after else { return true };
        let relative = path.path();
        let is_way_clear = relative.ancestors().skip(1).all(|above| {
            let is_folder = |node: &Option<Node>| node.as_ref().is_none_or(Node::is_folder);
            above.as_os_str().is_empty()
                || match targets.get(&RawText::of(above)) {
                    Some(target) => is_folder(target),
                    None => is_folder(&look(self.root, &RawText::of(above)).node),
                }
        });
        let must_empty = before.as_ref().is_some_and(Node::is_folder) && !after.is_folder();
        is_way_clear && (!must_empty || self.becomes_empty(&relative, targets))
    }

    fn becomes_empty(&self, folder: &Path, targets: &BTreeMap<RawText, Option<Node>>) -> bool {
        let Ok(entries) = std::fs::read_dir(self.root.join(folder)) else { return false };
        let names: BTreeSet<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.iter().all(|name| {
            let path = RawText::of(&folder.join(name));
            targets.get(&path).is_some_and(Option::is_none)
        })
    }
}

fn with_mode(node: Node, mode: u32) -> Node {
    match node {
        Node::File { size, hash, git, .. } => Node::File { mode, size, hash, git },
        other => other,
    }
}

/// Takes what leads from `base` to `theirs` into `ours`; `None` where both change the same lines, or lines
/// tell nothing.
fn merge(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    let is_text =
        |bytes: &[u8]| bytes.len() <= MAX_DIFF_BYTES && memchr::memchr(0, bytes).is_none();
    if ![base, ours, theirs].into_iter().all(is_text) {
        return None;
    }
    diffy::merge_bytes(base, ours, theirs).ok()
}

/// Counts the lines that come and go.
fn lines(old: Option<&[u8]>, new: Option<&[u8]>) -> (Option<usize>, Option<usize>) {
    let text = |bytes: Option<&[u8]>| -> Option<String> {
        let bytes = bytes.unwrap_or_default();
        let is_text = bytes.len() <= MAX_DIFF_BYTES && memchr::memchr(0, bytes).is_none();
        is_text.then(|| String::from_utf8_lossy(bytes).into_owned())
    };
    let (Some(old), Some(new)) = (text(old), text(new)) else { return (None, None) };
    let diff = similar::TextDiff::configure()
        .timeout(std::time::Duration::from_millis(200))
        .diff_lines(&old, &new);
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    (Some(count(similar::ChangeTag::Insert)), Some(count(similar::ChangeTag::Delete)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_keeps_the_users_lines_and_takes_the_turns_back() {
        let text = |lines: [&str; 9]| lines.join("\n").into_bytes();
        let old = text(["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
        let turn = text(["a", "B", "c", "d", "e", "f", "g", "h", "i"]);
        let user = text(["a", "B", "c", "d", "e", "f", "g", "H", "i"]);
        let both = text(["a", "b", "c", "d", "e", "f", "g", "H", "i"]);
        assert_eq!(merge(&turn, &user, &old), Some(both));
        let clash = text(["a", "BB", "c", "d", "e", "f", "g", "h", "i"]);
        assert_eq!(merge(&turn, &clash, &old), None);
        assert_eq!(merge(b"a\0", b"b\0", b"c\0"), None);
    }

    #[test]
    fn lines_are_counted_where_there_are_some() {
        assert_eq!(lines(Some(b"a\nb\n"), Some(b"a\nc\nd\n")), (Some(2), Some(1)));
        assert_eq!(lines(None, Some(b"a\nb")), (Some(2), Some(0)));
        assert_eq!(lines(Some(b"\0"), None), (None, None));
    }
}
