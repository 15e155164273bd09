//! What readers without a grammar share: making units, pieces and sections of a text.

use std::ops::Range;

use super::{MAX_UNITS, Piece, PieceKind, Source, Unit, line, offset};
use crate::outline::shorten;

/// A text that is read from its start to its end, and what was found in it.
pub(crate) struct Reading<'t> {
    pub(crate) text: &'t str,
    pub(crate) source: Source,
    /// Where lines begin.
    lines: Vec<usize>,
    /// Sections that are open, with their levels.
    open: Vec<(u8, u32)>,
}

impl<'t> Reading<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, source: Source::default(), lines, open: Vec::new() }
    }

    /// Returns the 0-based row of a byte.
    pub(crate) fn row(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// Adds a piece without the space around it.
    pub(crate) fn piece(&mut self, bytes: Range<usize>, kind: PieceKind) {
        let full = self.text.get(bytes.clone()).unwrap_or("");
        let start = bytes.start + full.len() - full.trim_start().len();
        let end = start + full.trim().len();
        if start < end && self.source.pieces.len() < super::walk::MAX_PIECES {
            let row = self.row(start);
            self.source.pieces.push(Piece {
                bytes: offset(start)..offset(end),
                line: line(row),
                kind,
            });
        }
    }

    /// Adds a unit, whose name and signature are not empty.
    pub(crate) fn unit(
        &mut self,
        kind: &'static str,
        name: &str,
        signature: &str,
        bytes: Range<usize>,
    ) -> Option<u32> {
        let full = self.text.get(bytes.clone()).unwrap_or("").trim_end();
        if name.is_empty() || full.is_empty() || self.source.units.len() >= MAX_UNITS {
            return None;
        }
        let end = bytes.start + full.len();
        self.source.units.push(Unit {
            kind,
            name: shorten(name),
            class: None,
            parent: self.open.last().map(|(_, unit)| *unit),
            signature: shorten(&signature.split_whitespace().collect::<Vec<_>>().join(" ")),
            start_line: line(self.row(bytes.start)),
            end_line: line(self.row(end.saturating_sub(1))),
            bytes: offset(bytes.start)..offset(end),
            doc: None,
            bases: Vec::new(),
            is_exported: true,
            told: None,
        });
        Some(offset(self.source.units.len() - 1))
    }

    /// Begins a section at a heading; deeper ones are its members.
    pub(crate) fn heading(&mut self, level: u8, name: &str, bytes: Range<usize>) {
        self.close(level, bytes.start);
        let signature = self.text.get(bytes.clone()).unwrap_or("").lines().next().unwrap_or("");
        if let Some(unit) = self.unit("section", name, signature, bytes) {
            self.open.push((level, unit));
        }
    }

    /// Ends the sections that are at least as deep as `level`.
    fn close(&mut self, level: u8, at: usize) {
        while let Some((_, index)) = self.open.pop_if(|(open, _)| *open >= level) {
            let start = self.source.units.get(index as usize).map_or(0, |unit| unit.bytes.start);
            let section = self.text.get(start as usize..at).unwrap_or("").trim_end();
            let end = start as usize + section.len();
            let last = line(self.row(end.saturating_sub(1)));
            if let Some(unit) = self.source.units.get_mut(index as usize) {
                (unit.bytes.end, unit.end_line) = (offset(end), last);
            }
        }
    }

    /// Ends all sections with the text.
    pub(crate) fn finish(mut self) -> Source {
        self.close(0, self.text.len());
        self.source
    }
}
