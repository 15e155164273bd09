//! Several segments made one, without what is dead in them.

use std::collections::BTreeSet;

use super::build::{Body, Lists};
use super::postings::Posting;
use super::{Damaged, FILE, FileEntry, MENTION, Postings, STEM, Segment};

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

/// Returns the bytes of one segment with all that lives in the others, in their order.
///
/// # Errors
/// When one of them is damaged.
pub(crate) fn merge(inputs: &[Input<'_>]) -> Result<Vec<u8>, Damaged> {
    let mut body = Body::default();
    let mut renumbered = Vec::with_capacity(inputs.len());
    for input in inputs {
        renumbered.push(copy_body(input, &mut body)?);
    }
    let terms = inputs.iter().flat_map(|input| {
        let terms = input.segment.terms();
        (0..terms.len()).map(|index| terms.text(index))
    });
    let terms: BTreeSet<&str> = terms.collect::<Result<_, Damaged>>()?;
    let mut lists = Lists::default();
    for term in terms {
        let mut list = Posting::default();
        for (input, numbers) in inputs.iter().zip(&renumbered) {
            let Some(place) = input.segment.terms().find(term)? else { continue };
            let bytes = input.segment.list(place)?;
            let mut postings = Postings::new(&bytes);
            let numbers = match term.starts_with([MENTION, FILE, STEM]) {
                true => &numbers.files,
                false => &numbers.chunks,
            };
            for found in postings.by_ref() {
                let at = usize::try_from(found.document).map_err(|_| Damaged)?;
                if let Some(Some(number)) = numbers.get(at) {
                    list.add(*number, &found.counts);
                }
            }
            postings.check()?;
        }
        lists.add(term, &list);
    }
    Ok(body.finish(lists))
}

fn copy_body(input: &Input<'_>, body: &mut Body) -> Result<Renumbered, Damaged> {
    let segment = input.segment;
    let mut numbers = Renumbered {
        chunks: vec![None; usize::try_from(segment.chunks()).map_err(|_| Damaged)?],
        files: vec![None; segment.files().len()],
    };
    for (place, file) in segment.files().iter().enumerate() {
        if !input.lives.get(place).copied().unwrap_or(false) {
            continue;
        }
        let first_chunk = body.chunk_count();
        for chunk in file.first_chunk..file.first_chunk.saturating_add(file.chunks) {
            let number = body.chunk_count();
            let lengths = segment.lengths(chunk).ok_or(Damaged)?;
            body.copy_chunk(&segment.chunk_record(chunk)?, lengths);
            let at = usize::try_from(chunk).map_err(|_| Damaged)?;
            *numbers.chunks.get_mut(at).ok_or(Damaged)? = Some(number);
        }
        *numbers.files.get_mut(place).ok_or(Damaged)? = u32::try_from(body.files.len()).ok();
        let entry = FileEntry { first_chunk, ..file.clone() };
        body.copy_file(entry, &segment.facts_record(place)?);
    }
    Ok(numbers)
}
