//! Builds the text of a place: what the new text keeps of the old one stays as the file has it.

use std::borrow::Cow;
use std::ops::Range;

use super::align::align;
use super::block::{Block, Solid};
use super::fold;
use super::frame::{self, Frame, Texts};
use super::indents::Indents;
use super::inline;
use super::lines::{Ending, slice};
use super::page::Page;
use super::places::Place;

/// What stands where, and what was corrected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) range: Range<usize>,
    pub(super) text: String,
    pub(super) notes: Vec<String>,
}

/// Puts `new` at a place of `old`; `None` where a line's indentation cannot be told.
pub(super) fn merge(
    page: &Page<'_>,
    place: &Place,
    old: &Block<'_>,
    new: &Block<'_>,
) -> Option<Merged> {
    let merger = Merger::new(page, place, old, new)?;
    let mut text = String::new();
    if new.solid.is_empty() {
        text.push_str(&merger.ending.repeat(new.tail));
    } else {
        merger.lead(&mut text);
        for index in 0..new.solid.len() {
            merger.gap(index, &mut text);
            merger.line(index, &mut text)?;
        }
        merger.tail(&mut text);
    }
    Some(Merged { range: merger.range.clone(), text, notes: merger.notes() })
}

struct Merger<'a, 't> {
    page: &'a Page<'t>,
    place: &'a Place,
    old: &'a Block<'a>,
    new: &'a Block<'a>,
    /// For each line of the new text the one of the old.
    aligned: Vec<Option<usize>>,
    frame: Frame,
    range: Range<usize>,
    /// Blank lines before and line ends behind that the range takes in.
    lead: usize,
    tail: usize,
    ending: &'static str,
    /// Whether the old text has blanks at line ends that the file lacks.
    stray_trails: bool,
}

impl<'a, 't> Merger<'a, 't> {
    fn new(
        page: &'a Page<'t>,
        place: &'a Place,
        old: &'a Block<'a>,
        new: &'a Block<'a>,
    ) -> Option<Self> {
        let first = page.number(place.first);
        let last = page.number(place.first + old.solid.len().saturating_sub(1));
        let lead = old.lead.min(page.line(place.first).gap);
        let following = match page.solid().get(place.first + old.solid.len()) {
            Some(next) => next.line,
            None => page.lines.len(),
        };
        let ended = page.lines.start(following) > page.lines.start(last)
            && slice(page.text, &page.lines.full(following.saturating_sub(1))).ends_with('\n');
        let available = following - last - usize::from(!ended);
        let tail = old.tail.min(available);
        let end = match tail {
            0 => page.lines.start(last) + page.lines.get(last).len(),
            tail => page.lines.start(last + tail),
        };
        let range = page.lines.start(first - lead)..end;
        let ending = match Ending::of(slice(page.text, &page.lines.full(first))) {
            Ending::None => Ending::of(page.text),
            ending => ending,
        };
        let aligned = align(old, new);
        let mut merger = Self {
            page,
            place,
            old,
            new,
            aligned,
            frame: Frame::Old,
            range,
            lead,
            tail,
            ending: if ending == Ending::Crlf { "\r\n" } else { "\n" },
            stray_trails: false,
        };
        if let Some(indents) = place.indents.as_ref().filter(|indents| !indents.is_same()) {
            let file: Vec<Solid<'_>> = (0..old.solid.len()).map(|i| merger.file(i)).collect();
            let texts = Texts { old: &old.solid, new: &new.solid, file: &file };
            merger.frame = frame::find(indents, &texts, &merger.aligned)?;
        }
        merger.stray_trails = (0..old.solid.len()).any(|i| {
            old.solid.get(i).is_some_and(|line| !line.trail.is_empty())
                && merger.file(i).trail.is_empty()
        });
        Some(merger)
    }

    /// Returns the file's line for a line of the old text.
    fn file(&self, old: usize) -> Solid<'t> {
        self.page.line(self.place.first + old)
    }

    /// Returns the text of the file's blank lines before a line of the old text.
    fn file_gap(&self, old: usize) -> &'t str {
        let line = self.page.number(self.place.first + old);
        let gap = self.file(old).gap;
        slice(self.page.text, &(self.page.lines.start(line - gap)..self.page.lines.start(line)))
    }

    /// Returns the end of the file's line for a line of the old text.
    fn file_ending(&self, old: usize) -> &'static str {
        let line = self.page.number(self.place.first + old);
        match Ending::of(slice(self.page.text, &self.page.lines.full(line))) {
            Ending::Crlf => "\r\n",
            Ending::Lf => "\n",
            _ => self.ending,
        }
    }

    fn line(&self, index: usize, text: &mut String) -> Option<()> {
        let new = self.new.solid.get(index)?;
        let old = self.aligned.get(index).copied().flatten();
        text.push_str(&self.indent(new, old, index)?);
        let last = index + 1 == self.new.solid.len();
        // A line that is copied from the old text as it is, slips and all.
        let is_copy = |i: &usize| self.old.solid.get(*i).is_some_and(|old| old.body == new.body);
        let copied = old.filter(is_copy).or_else(|| (0..self.old.solid.len()).find(is_copy));
        let Some((i, old)) = copied.or(old).and_then(|i| Some((i, self.old.solid.get(i)?))) else {
            text.push_str(&self.plain(new.body));
            text.push_str(if self.stray_trails { "" } else { new.trail });
            text.push_str(if last { "" } else { self.ending });
            return Some(());
        };
        let have = self.file(i);
        if fold::same(old.body, new.body) {
            text.push_str(have.body);
        } else {
            text.push_str(&self.plain(&inline::merge(old.body, have.body, new.body)));
        }
        // Where the old text's blanks are not the file's, the new text's are no wish either.
        let stray = self.stray_trails && !new.trail.is_empty();
        let meant = new.trail != old.trail && old.trail == have.trail && !stray;
        text.push_str(if meant { new.trail } else { have.trail });
        text.push_str(if last { "" } else { self.file_ending(i) });
        Some(())
    }

    /// Writes characters out in ASCII that the old text has in place of the file's ASCII.
    fn plain<'s>(&self, text: &'s str) -> Cow<'s, str> {
        let is_stray = |c: char| {
            let within = |line: &str| line.contains(c);
            !c.is_ascii()
                && self.old.solid.iter().any(|line| within(line.body))
                && !(0..self.old.solid.len()).any(|i| within(self.file(i).body))
        };
        if text.is_ascii() || !text.chars().any(is_stray) {
            return Cow::Borrowed(text);
        }
        let mut plain = String::with_capacity(text.len());
        for c in text.chars() {
            if is_stray(c) { fold::push_plain(&mut plain, c) } else { plain.push(c) }
        }
        Cow::Owned(plain)
    }

    fn indent(&self, new: &Solid<'_>, old: Option<usize>, index: usize) -> Option<String> {
        let was = old.and_then(|i| Some((i, self.old.solid.get(i)?)));
        let kept = was.filter(|(_, was)| was.indent == new.indent);
        let Some(indents) = &self.place.indents else {
            // Nothing tells how the new text's indentation stands to the file's.
            return kept.map(|(i, _)| self.file(i).indent.to_owned());
        };
        let bare = indents.first_is_bare && index == 0 && new.indent.is_empty();
        if bare {
            return Some(self.file(0).indent.to_owned());
        }
        match (kept, self.frame) {
            (Some((i, _)), Frame::Old) => Some(self.file(i).indent.to_owned()),
            (_, Frame::File) => Some(new.indent.to_owned()),
            // An old line that was a blank off, and its new form that is right.
            (None, Frame::Old) => match was.map(|(i, _)| i) {
                Some(i) if indents.outliers.contains(&i) && self.file(i).indent == new.indent => {
                    Some(new.indent.to_owned())
                }
                _ => indents.map(new.indent),
            },
        }
    }

    fn lead(&self, text: &mut String) {
        let (old, new) = (self.old.lead, self.new.lead);
        if new == old || new == self.lead {
            let lines = &self.page.lines;
            let first = self.page.number(self.place.first);
            text.push_str(slice(self.page.text, &(self.range.start..lines.start(first))));
        } else {
            text.push_str(&self.ending.repeat(new));
        }
    }

    fn tail(&self, text: &mut String) {
        let last = self.page.number(self.place.first + self.old.solid.len().saturating_sub(1));
        // Lines are never joined to what follows.
        let new = if self.tail > 0 { self.new.tail.max(1) } else { self.new.tail };
        if new == self.old.tail || new == self.tail || self.new.tail == self.old.tail {
            let end = self.page.lines.start(last) + self.page.lines.get(last).len();
            text.push_str(slice(self.page.text, &(end..self.range.end)));
        } else {
            text.push_str(&self.ending.repeat(new));
        }
    }

    /// Puts the blank lines before a line of the new text.
    fn gap(&self, index: usize, text: &mut String) {
        let Some(before) = index.checked_sub(1) else { return };
        let gap = self.new.solid.get(index).map_or(0, |line| line.gap);
        let at = |i: usize| self.aligned.get(i).copied().flatten();
        let (behind, ahead) = (at(before).map(|old| old + 1), at(index));
        // The gap behind the line before, or before this one, as the old text has it.
        let is_kept = |old: &usize| {
            let was = self.old.solid.get(*old).filter(|_| *old > 0).map(|line| line.gap);
            was == Some(gap) || behind == ahead && was.is_some() && gap == self.file(*old).gap
        };
        let (behind, ahead) = (behind.filter(is_kept), ahead.filter(is_kept));
        let kept = match (behind, ahead) {
            _ if self.around(index).is_some() => None,
            (Some(a), Some(b)) if self.file(a).gap != self.file(b).gap => None,
            (a, b) => b.or(a),
        };
        if let Some(old) = kept {
            text.push_str(self.file_gap(old));
            return;
        }
        let gap = gap + self.missing(index) - self.stray(index).min(gap);
        text.push_str(&self.ending.repeat(gap));
    }

    /// Returns how many blank lines before `index` only the old text has, around lines that are new.
    fn stray(&self, index: usize) -> usize {
        self.around(index).filter(|around| around.widest == index).map_or(0, |around| {
            around.old.saturating_sub(around.file) * usize::from(around.new == around.old)
        })
    }

    /// Returns how many blank lines of the file the old text lacks, to stand before `index`.
    fn missing(&self, index: usize) -> usize {
        self.around(index).filter(|around| around.end == index).map_or(0, |around| {
            around.file.saturating_sub(around.old) * usize::from(around.new == around.old)
        })
    }

    /// Looks at the new lines around `index` that stand between two neighbours of the old text.
    fn around(&self, index: usize) -> Option<Around> {
        let at = |i: usize| self.aligned.get(i).copied().flatten();
        let end = (index..self.aligned.len()).find(|i| at(*i).is_some())?;
        let begin = (0..index).rev().find(|i| at(*i).is_some())?;
        let old = at(end).filter(|old| at(begin).map(|begin| begin + 1) == Some(*old))?;
        if begin + 1 == end {
            return None;
        }
        let gap = |i: usize| self.new.solid.get(i).map_or(0, |line| line.gap);
        Some(Around {
            end,
            widest: (begin + 1..=end).max_by_key(|i| gap(*i))?,
            new: (begin + 1..=end).map(gap).sum(),
            old: self.old.solid.get(old)?.gap,
            file: self.file(old).gap,
        })
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.frame == Frame::Old || !self.new.solid.is_empty() {
            notes.extend(self.place.indents.as_ref().and_then(Indents::note));
        }
        let pairs = || self.old.solid.iter().enumerate().map(|(i, old)| (old, self.file(i)));
        let wrong = |old: &Solid<'_>, have: &Solid<'_>| !fold::same(old.body, have.body);
        if pairs().any(|(old, have)| old.body != have.body && !wrong(old, &have)) {
            notes.push("punctuation and spaces as in the file".to_owned());
        }
        if pairs().skip(1).any(|(old, have)| old.gap != have.gap) {
            notes.push("blank lines as in the file".to_owned());
        }
        match self.place.typos {
            0 => {}
            1 => notes.push("typo in search ignored".to_owned()),
            lines => notes.push(format!("typos in {lines} lines of search ignored")),
        }
        notes
    }
}

/// New lines between two neighbours of the old text, with the blank lines among them.
struct Around {
    /// The line of the new text behind them.
    end: usize,
    /// Which has most blank lines before it.
    widest: usize,
    /// Blank lines between the neighbours in the new text, the old one and the file.
    new: usize,
    old: usize,
    file: usize,
}
