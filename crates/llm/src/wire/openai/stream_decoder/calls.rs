//! Tool calls from their fragments.

use std::collections::HashMap;

use distiq_base::{BlockStart, Delta};
use serde_json::Value;

use super::Output;
use crate::wire::openai::content;
use crate::wire::{MAX_ANSWER_BLOCKS, WireError, arguments, field};

/// The calls of one answer. They stay open until its end, since fragments may interleave.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// What ids are made from, for calls that have none.
    seed: String,
    calls: Vec<Call>,
    /// The vendor's index to the place in `calls`.
    places: HashMap<u64, usize>,
}

#[derive(Debug, Default)]
struct Call {
    /// The vendor's id; later fragments may repeat it.
    id: Option<String>,
    /// The block, once the name is known.
    block: Option<usize>,
    /// Arguments that came before the name.
    early: String,
}

impl Calls {
    pub(super) fn of(seed: String) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Takes a fragment in: the start of a call, a piece of one, or a whole one.
    pub(super) fn take(&mut self, fragment: &Value, out: &mut Output) -> Result<(), WireError> {
        let function = field::present(fragment, "function").unwrap_or(fragment);
        let filled = |text: &&str| !text.is_empty();
        let id = field::text(fragment, "id").filter(filled);
        let name = field::text(function, "name").filter(filled);
        let arguments = content::decode_arguments(function);
        if id.is_none() && name.is_none() && arguments.is_empty() {
            return Ok(());
        }
        let place = match self.find(fragment, id, name) {
            Some(place) => place,
            None => self.add(fragment, id)?,
        };
        let Some(call) = self.calls.get_mut(place) else { return Ok(()) };
        if let (None, Some(name)) = (call.block, name) {
            call.begin(&self.seed, place, name, out)?;
        }
        match call.block {
            Some(_) if arguments.is_empty() => Ok(()),
            Some(index) => out.grow(index, Delta::Arguments { json: arguments }),
            None => {
                out.spend(arguments.len())?;
                call.early.push_str(&arguments);
                Ok(())
            }
        }
    }

    /// Finds the call that a fragment goes on with.
    fn find(&self, fragment: &Value, id: Option<&str>, name: Option<&str>) -> Option<usize> {
        if let Some(index) = field::count(fragment, "index") {
            let place = *self.places.get(&index)?;
            // Some servers give every call the index 0 and tell them apart by id.
            let known = self.calls.get(place)?.id.as_deref();
            let other = matches!((known, id), (Some(known), Some(id)) if known != id);
            return (!(other && name.is_some())).then_some(place);
        }
        match id {
            Some(_) => self.calls.iter().rposition(|call| call.id.as_deref() == id),
            None if name.is_none() => self.calls.len().checked_sub(1),
            None => None,
        }
    }

    fn add(&mut self, fragment: &Value, id: Option<&str>) -> Result<usize, WireError> {
        let place = self.calls.len();
        if place >= MAX_ANSWER_BLOCKS {
            return Err(WireError::TooLarge {
                what: "the number of blocks",
                limit: MAX_ANSWER_BLOCKS,
            });
        }
        if let Some(index) = field::count(fragment, "index") {
            self.places.insert(index, place);
        }
        self.calls.push(Call { id: id.map(str::to_owned), ..Call::default() });
        Ok(place)
    }

    /// Closes all calls and tells whether there were any.
    pub(super) fn close(&mut self, out: &mut Output) -> Result<bool, WireError> {
        let calls = std::mem::take(&mut self.calls);
        let any = !calls.is_empty();
        for (place, mut call) in calls.into_iter().enumerate() {
            if call.block.is_none() {
                // The model named no tool; whoever runs it must say so.
                call.begin(&self.seed, place, "", out)?;
            }
            out.stop(&mut call.block);
        }
        Ok(any)
    }
}

impl Call {
    fn begin(
        &mut self,
        seed: &str,
        place: usize,
        name: &str,
        out: &mut Output,
    ) -> Result<(), WireError> {
        let id = self.id.clone().unwrap_or_else(|| arguments::generated_id(seed, place));
        let block = BlockStart::ToolCall { id, name: name.to_owned() };
        let index = out.open(&mut self.block, block)?;
        let early = std::mem::take(&mut self.early);
        if early.is_empty() { Ok(()) } else { out.grow(index, Delta::Arguments { json: early }) }
    }
}
