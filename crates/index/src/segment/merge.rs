//! Several segments made one, without what is dead in them.

use std::io::Write;

use super::build::{Body, Writer};
use super::image::Part;
use super::postings::Posting;
use super::{Damaged, FILE, FileEntry, MENTION, Postings, STEM, Segment, Unwritten};
use crate::chunk::FIELDS;

/// A segment that goes into another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    pub segment: &'a Segment,
    /// Tells whether the file at a place lives.
    pub lives: &'a [bool],
}

/// What became of a segment's chunks and files.
struct Renumbered {
    chunks: Vec<Option<u32>>,
    files: Vec<Option<u32>>,
}

/// Writes one segment with all that lives in the others, in their order.
///
/// # Errors
/// When one of them is damaged, or what the writer says.
pub(crate) fn merge(inputs: &[Input<'_>], out: impl Write) -> Result<(), Unwritten> {
    let mut body = Body::default();
    let mut renumbered = Vec::with_capacity(inputs.len());
    for input in inputs {
        renumbered.push(renumber(input, &mut body)?);
    }
    let mut writer = Writer::new(out);
    merge_lists(inputs, &renumbered, &mut writer)?;
    writer.turn_to(Part::Chunks);
    for input in inputs {
        for chunk in living(input).flat_map(|(_, file)| chunks_of(file)) {
            let record = input.segment.chunk_record(chunk)?;
            body.chunk_places.push(place(writer.record(&record)?));
            body.chunks_end = body.chunks_end.saturating_add(taken(&record));
        }
    }
    writer.turn_to(Part::Facts);
    for input in inputs {
        for (at, _) in living(input) {
            let record = input.segment.facts_record(at)?;
            body.facts_places.push(place(writer.record(&record)?));
            body.facts_end = body.facts_end.saturating_add(taken(&record));
        }
    }
    Ok(writer.finish(&body)?)
}

fn place(at: u64) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Returns how many bytes a record takes with its checksum.
fn taken(record: &[u8]) -> u32 {
    u32::try_from(record.len() + 4).unwrap_or(u32::MAX)
}

/// Returns the files that live, with their places.
fn living<'a>(input: &Input<'a>) -> impl Iterator<Item = (usize, &'a FileEntry)> {
    let lives = input.lives;
    let files = input.segment.files().iter().enumerate();
    files.filter(|(place, _)| lives.get(*place).copied().unwrap_or(false))
}

fn chunks_of(file: &FileEntry) -> std::ops::Range<u32> {
    file.first_chunk..file.first_chunk.saturating_add(file.chunks)
}

/// Writes the lists, term by term in their order.
fn merge_lists<W: Write>(
    inputs: &[Input<'_>],
    renumbered: &[Renumbered],
    writer: &mut Writer<W>,
) -> Result<(), Unwritten> {
    let mut next = vec![0; inputs.len()];
    let mut room = Vec::new();
    loop {
        let mut least: Option<&str> = None;
        for (input, at) in inputs.iter().zip(&next) {
            let terms = input.segment.terms();
            if *at < terms.len() {
                let text = terms.text(*at)?;
                least = Some(least.map_or(text, |least| least.min(text)));
            }
        }
        let Some(term) = least else { return Ok(()) };
        let mut list = Posting::default();
        for ((input, numbers), at) in inputs.iter().zip(renumbered).zip(&mut next) {
            let terms = input.segment.terms();
            if *at >= terms.len() || terms.text(*at)? != term {
                continue;
            }
            let numbers = match term.starts_with([MENTION, FILE, STEM]) {
                true => &numbers.files,
                false => &numbers.chunks,
            };
            let bytes = input.segment.read_list(terms.place(*at)?, &mut room)?;
            let mut postings = Postings::new(bytes);
            for found in postings.by_ref() {
                let at = usize::try_from(found.document).map_err(|_| Damaged)?;
                if let Some(Some(number)) = numbers.get(at) {
                    list.add(*number, &found.counts);
                }
            }
            postings.check()?;
            *at += 1;
        }
        writer.list(term, &list)?;
    }
}

/// Gives what lives its new numbers, and takes the files' entries and the chunks' lengths over.
fn renumber(input: &Input<'_>, body: &mut Body) -> Result<Renumbered, Damaged> {
    let segment = input.segment;
    let mut numbers = Renumbered {
        chunks: vec![None; usize::try_from(segment.chunks()).map_err(|_| Damaged)?],
        files: vec![None; segment.files().len()],
    };
    let mut next = u32::try_from(body.lengths.len() / FIELDS).map_err(|_| Damaged)?;
    for (place, file) in living(input) {
        let first_chunk = next;
        for chunk in chunks_of(file) {
            body.lengths.extend(segment.lengths(chunk).ok_or(Damaged)?);
            let at = usize::try_from(chunk).map_err(|_| Damaged)?;
            *numbers.chunks.get_mut(at).ok_or(Damaged)? = Some(next);
            next += 1;
        }
        *numbers.files.get_mut(place).ok_or(Damaged)? = u32::try_from(body.files.len()).ok();
        body.files.push(FileEntry { first_chunk, ..file.clone() });
    }
    Ok(numbers)
}
