//! Where each command of a line runs, as `cd` moves it.

use std::collections::HashMap;
use std::path::PathBuf;

use distiq_lang::shell::{Command, Script, Word};

use super::paths::Base;

/// A shell of its own: a subshell, or a part of a pipeline.
type Shell = (u32, Option<(u32, u32)>);

/// The working directory of every shell of a line; `cd` moves the one it stands in.
pub(super) struct Folders {
    of: HashMap<Shell, Place>,
    begin: Place,
    /// The moves that may not have been made.
    doubtful: Vec<Doubtful>,
}

/// A folder, where it is known, and whether it was ever left for one outside the project.
type Place = (Option<PathBuf>, bool);

/// A `cd` that may fail or not run at all.
struct Doubtful {
    /// Behind which commands it is sure, all the same: those joined to it by `&&`.
    chain: u32,
    /// Where one is without it.
    from: Place,
}

impl Folders {
    pub(super) fn new(base: &Base<'_>) -> Self {
        Self { of: HashMap::new(), begin: (base.cwd.clone(), base.strayed), doubtful: Vec::new() }
    }

    fn shell(command: &Command) -> Shell {
        (command.subshell, command.pipe.map(|pipe| (pipe.id, pipe.stage)))
    }

    /// Goes to where a command begins.
    pub(super) fn enter(&self, command: &Command, script: &Script, base: &mut Base<'_>) {
        let mut found = self.of.get(&Self::shell(command));
        let mut subshell = command.subshell;
        while found.is_none() {
            found = self.of.get(&(subshell, None));
            if subshell == 0 {
                break;
            }
            subshell = script.subshells.get(subshell as usize).copied().unwrap_or_default();
        }
        let (cwd, strayed) = found.unwrap_or(&self.begin).clone();
        base.cwd = cwd;
        base.strayed = strayed;
    }

    /// Returns where else a command may run, whose paths go up.
    pub(super) fn others(&self, command: &Command) -> Vec<Place> {
        let targets = command.redirects.iter().map(|redirect| &redirect.target);
        let mut words = command.words.iter().chain(targets);
        if !words.any(|word| word.text.contains("..") || !word.spans.is_empty()) {
            return Vec::new();
        }
        let doubtful = self.doubtful.iter();
        let unsure = doubtful.filter(|doubt| doubt.chain == 0 || doubt.chain != command.chain);
        let mut places: Vec<Place> = Vec::new();
        for doubt in unsure {
            if !places.contains(&doubt.from) {
                places.push(doubt.from.clone());
            }
        }
        places
    }

    /// After `cd`, relative paths begin elsewhere.
    pub(super) fn follow(
        &mut self,
        command: &Command,
        written_as: &Command,
        script: &Script,
        base: &mut Base<'_>,
    ) {
        if !matches!(command.program(), Some("cd" | "pushd" | "popd")) {
            return;
        }
        let mut targets = command.words.iter().skip(1);
        let target = targets.find(|word: &&Word| !word.text.starts_with('-') || word.text == "-");
        let cwd = match target {
            Some(word) if word.text == "-" => None,
            Some(word) => base.path(word),
            None if command.program() == Some("cd") => crate::place::home(),
            None => None,
        };
        let own = script.functions.iter().any(|name| Some(name.as_str()) == command.program());
        let fails = cwd.as_ref().is_some_and(|cwd| !cwd.is_dir());
        if own || fails || written_as.conditional {
            let chain = if own { 0 } else { written_as.chain };
            self.doubtful.push(Doubtful { chain, from: (base.cwd.clone(), base.strayed) });
        }
        let inside = cwd.as_ref().is_some_and(|cwd| cwd.starts_with(&base.grounds.root));
        self.of.insert(Self::shell(written_as), (cwd, base.strayed || !inside));
    }
}
