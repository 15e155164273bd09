//! What a file tells of types, read when it is asked for: it takes ten times the room of its bytes.

use std::sync::OnceLock;

use distiq_lang::Told;
use serde::{Deserialize, Serialize};

use super::hints::Hint;
use super::{Graph, offset};
use crate::segment::FileFacts;

/// What a file tells of types, as bytes until somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Tellings {
    bytes: Box<[u8]>,
    read: OnceLock<Box<Read>>,
}

/// What is told, each list by its numbers.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Read {
    /// Of names, by mentions.
    hints: Vec<Hint>,
    /// What keys mean, by mentions.
    meant: Vec<Hint>,
    /// Of definitions, by units.
    units: Vec<Hint>,
}

impl Tellings {
    /// Takes what facts tell out of them.
    pub fn of(facts: &mut FileFacts) -> Self {
        let units = facts.units.iter_mut().zip(0..);
        let read = Read {
            hints: std::mem::take(&mut facts.hints),
            meant: std::mem::take(&mut facts.meant),
            units: units
                .filter_map(|(unit, mention)| Some(Hint { mention, of: unit.told.take()? }))
                .collect(),
        };
        let lists = [&read.hints, &read.meant, &read.units];
        if lists.iter().all(|list| list.is_empty()) {
            return Self::default();
        }
        let bytes = postcard::to_stdvec(&read).unwrap_or_default();
        Self { bytes: bytes.into_boxed_slice(), read: OnceLock::new() }
    }

    fn read(&self) -> &Read {
        self.read.get_or_init(|| postcard::from_bytes(&self.bytes).unwrap_or_default())
    }

    /// Returns what is told of a mention's type.
    pub fn hint(&self, mention: u32) -> Option<&Told> {
        numbered(&self.read().hints, mention)
    }

    /// Returns what a mention means itself.
    pub fn meant(&self, mention: u32) -> Option<&Told> {
        numbered(&self.read().meant, mention)
    }

    /// Returns what is told of a unit.
    pub fn unit(&self, unit: u32) -> Option<&Told> {
        numbered(&self.read().units, unit)
    }

    /// Returns how many bytes of it are read.
    fn open(&self) -> usize {
        self.read.get().map_or(0, |_| self.bytes.len())
    }
}

impl Graph {
    /// Returns how many bytes of what files tell are read.
    pub(super) fn open_tellings(&self) -> usize {
        self.files.iter().map(|file| file.facts.tellings.open()).sum()
    }

    /// Forgets what was read of what files tell.
    pub(super) fn close_tellings(&mut self) {
        for file in &mut self.files {
            file.facts.tellings.read.take();
        }
    }
}

fn numbered(list: &[Hint], number: u32) -> Option<&Told> {
    let behind = list.partition_point(|hint| hint.mention <= number);
    let hint = behind.checked_sub(1).and_then(|at| list.get(at))?;
    (hint.mention == number).then_some(&hint.of)
}

/// Units around mentions: where each run of mentions of one unit begins, with the unit.
#[derive(Debug, Default)]
pub(crate) struct Around(Box<[(u32, Option<u32>)]>);

impl Around {
    /// Takes the innermost unit around each mention.
    pub fn new(around: &[Option<u32>]) -> Self {
        let mut runs: Vec<(u32, Option<u32>)> = Vec::new();
        for (at, unit) in around.iter().enumerate() {
            if runs.last().is_none_or(|(_, last)| last != unit) {
                runs.push((offset(at), *unit));
            }
        }
        Self(runs.into_boxed_slice())
    }

    /// Returns the innermost unit around a mention.
    pub fn get(&self, mention: usize) -> Option<u32> {
        let behind = self.0.partition_point(|(from, _)| *from as usize <= mention);
        self.0.get(behind.checked_sub(1)?)?.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_when_it_is_asked_for() {
        let hint = |mention| Hint { mention, of: Told::Name(mention + 1) };
        let mut facts = FileFacts { hints: vec![hint(2), hint(7)], ..FileFacts::default() };
        let mut tellings = Tellings::of(&mut facts);
        assert!(facts.hints.is_empty());
        assert_eq!(tellings.open(), 0);
        for _ in 0..2 {
            assert_eq!(tellings.hint(7), Some(&Told::Name(8)));
            assert_eq!((tellings.hint(3), tellings.meant(7), tellings.unit(7)), (None, None, None));
            assert!(tellings.open() > 0);
            tellings.read.take();
        }
    }

    #[test]
    fn units_are_found_around_their_mentions() {
        let all = [None, None, Some(0), Some(1), Some(1), Some(0), None];
        let around = Around::new(&all);
        for (at, unit) in all.iter().enumerate() {
            assert_eq!(around.get(at), *unit, "{at}");
        }
        assert_eq!(Around::new(&[]).get(3), None);
    }
}
