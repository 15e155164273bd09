//! Landlock: which trees may be read and written, whatever the mounts say.

use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};

use super::Policy;
use super::kernel::landlock_version;
use super::launch::Fault;

/// Devices that may be written where there is no view of our own.
const DEVICES: [&str; 7] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx"];

/// The oldest version that guards files alone: it knows of moves between folders and of truncation.
pub(super) const ENOUGH_ALONE: u32 = 3;

/// The oldest version that keeps processes from signalling others.
pub(super) const SCOPES: u32 = 6;

/// Tells whether the kernel can keep a process from sockets without a path, and from signalling others.
pub(super) fn scopes_sockets() -> bool {
    landlock_version() >= SCOPES
}

/// Puts the rules on this process, for good. With `seen`, the process is in a view that holds only what may be
/// read, and the rules are a second wall; without, they are the only one.
pub(super) fn enforce(policy: &Policy, seen: bool, own_network: bool) -> Result<(), Fault> {
    let version = landlock_version();
    if version == 0 && seen {
        return Ok(());
    }
    let abi = ABI::from(i32::try_from(version).unwrap_or(i32::MAX));
    let wrong = |error: RulesetError| Fault::new("restrict files", std::io::Error::other(error));
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))
        .map_err(wrong)?;
    if scopes_sockets() {
        ruleset = ruleset.scope(Scope::Signal).map_err(wrong)?;
        if !own_network {
            // Otherwise the network namespace holds the names, and the session's servers are reached by them.
            ruleset = ruleset.scope(Scope::AbstractUnixSocket).map_err(wrong)?;
        }
    }
    let mut rules = Rules { ruleset: ruleset.create().map_err(wrong)?, abi };
    let all = rules.all();
    let read = AccessFs::from_read(abi);
    if seen {
        rules.add(Path::new("/"), read).map_err(wrong)?;
        rules.add(Path::new("/dev"), rules.device()).map_err(wrong)?;
        rules.add(Path::new("/dev/shm"), all).map_err(wrong)?;
        for path in policy.stand_ins.iter().map(|(seen, _)| seen).chain(&policy.write) {
            rules.add(path, all).map_err(wrong)?;
        }
    } else {
        rules.alone(policy).map_err(wrong)?;
    }
    rules.ruleset.restrict_self().map_err(wrong)?;
    Ok(())
}

struct Rules {
    ruleset: RulesetCreated,
    abi: ABI,
}

impl Rules {
    fn all(&self) -> BitFlags<AccessFs> {
        AccessFs::from_all(self.abi) & !(AccessFs::MakeChar | AccessFs::MakeBlock)
    }

    fn device(&self) -> BitFlags<AccessFs> {
        (AccessFs::from_read(self.abi)
            | AccessFs::WriteFile
            | AccessFs::IoctlDev
            | AccessFs::Truncate)
            & AccessFs::from_all(self.abi)
    }

    /// Allows a tree; one that is not there, or that is a link, is passed over.
    fn add(&mut self, path: &Path, access: BitFlags<AccessFs>) -> Result<(), RulesetError> {
        let Ok(data) = fs::symlink_metadata(path) else { return Ok(()) };
        let Ok(file) = PathFd::new(path) else { return Ok(()) };
        let access = if data.is_dir() { access } else { access & AccessFs::from_file(self.abi) };
        if data.is_symlink() || access.is_empty() {
            return Ok(());
        }
        (&mut self.ruleset).add_rule(PathBeneath::new(file, access)).map(|_| ())
    }

    /// Allows what the policy names on the host's own file system.
    fn alone(&mut self, policy: &Policy) -> Result<(), RulesetError> {
        let read = AccessFs::from_read(self.abi);
        let all = self.all();
        for path in ["/proc", "/sys"] {
            self.add(Path::new(path), read)?;
        }
        // Others' shared memory lies in it.
        self.add(Path::new("/dev"), AccessFs::ReadDir.into())?;
        for path in DEVICES.iter().chain(&["/dev/pts"]) {
            self.add(Path::new(path), self.device())?;
        }
        for path in policy.read.iter().flat_map(|tree| spread(tree, &policy.hidden)) {
            self.add(&path, read)?;
        }
        for (_, path) in &policy.stand_ins {
            self.add(path, all)?;
        }
        for path in policy.write.iter().flat_map(|tree| spread(tree, &policy.hidden)) {
            self.add(&path, all)?;
        }
        Ok(())
    }
}

/// Returns a tree, or what is left of it without the hidden places: rules can only add.
fn spread(tree: &Path, hidden: &[PathBuf]) -> Vec<PathBuf> {
    if hidden.iter().any(|hidden| tree.starts_with(hidden)) {
        return Vec::new();
    }
    if !hidden.iter().any(|hidden| hidden.starts_with(tree)) {
        return vec![tree.to_owned()];
    }
    let Ok(entries) = fs::read_dir(tree) else { return Vec::new() };
    let inner =
        entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()));
    inner.flat_map(|entry| spread(&entry.path(), hidden)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_spread_around_what_is_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a", "b/c", "b/d"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        std::os::unix::fs::symlink("a", at("link")).unwrap();
        let mut left = spread(folder.path(), &[at("b/c")]);
        left.sort();
        assert_eq!(left, [at("a"), at("b/d")]);
        assert_eq!(spread(folder.path(), &[PathBuf::from("/x")]), [folder.path()]);
        assert!(spread(&at("b/c"), &[at("b")]).is_empty());
    }
}
