//! Folding journals into the database: what many records come to, in few statements.

use std::collections::HashMap;

use distiq_base::Money;
use distiq_store::{StoreError, Tx};

use super::record::Record;
use crate::ledger::book::{self, Settled, Sum};
use crate::ledger::owner::Owner;
use crate::ledger::rows::{FinalRow, Opening, Progress};

/// Records that are written together; rows keep the order in which they were opened.
#[derive(Default)]
pub(super) struct Batch<'a> {
    entries: Vec<Entry<'a>>,
    places: HashMap<&'a str, usize>,
    /// Rows that the database had and that have ended, and what their sums change by.
    settled: Vec<(Settled, Money)>,
}

/// A request that was opened in this batch, and what became of it since.
struct Entry<'a> {
    opening: Opening<'a>,
    owner: &'a Owner,
    progress: Option<Progress>,
    end: Option<FinalRow>,
}

impl<'a> Batch<'a> {
    /// Takes a record in; what is about a row that the database has is written at once.
    pub fn take(
        &mut self,
        tx: &Tx<'_>,
        record: Record<'a>,
        owner: &'a Owner,
    ) -> Result<(), StoreError> {
        match record {
            Record::Owner(_) => {}
            Record::Open(opening) => {
                self.places.insert(opening.id, self.entries.len());
                self.entries.push(Entry { opening, owner, progress: None, end: None });
            }
            Record::Again(to) => match self.under_way(to.id) {
                Some(Entry { end: Some(_), .. }) => {}
                Some(Entry { opening, .. }) => {
                    (opening.provider, opening.model) = (to.provider, to.model);
                    (opening.tier, opening.reserved) = (to.tier, to.reserved);
                }
                None => book::redirect(tx, &to)?,
            },
            Record::Progress(id, progress) => match self.under_way(id) {
                Some(Entry { end: Some(_), .. }) => {}
                Some(entry) => entry.progress = Some(merged(entry.progress, progress)),
                None => book::progress(tx, id, &progress)?,
            },
            Record::End(id, row) => match self.under_way(id) {
                Some(entry) => entry.end = Some(row.into_owned()),
                None => self.settled.extend(book::settle(tx, id, &row)?),
            },
        }
        Ok(())
    }

    fn under_way(&mut self, id: &str) -> Option<&mut Entry<'a>> {
        self.entries.get_mut(*self.places.get(id)?)
    }

    /// Writes the rows and adds what they cost to the sums.
    pub fn write(mut self, tx: &Tx<'_>) -> Result<(), StoreError> {
        let mut sums = Sums::default();
        for Entry { opening, owner, progress, end } in &self.entries {
            let is_new = book::insert(tx, opening, progress.as_ref(), end.as_ref(), owner)?;
            let Some(end) = end else { continue };
            if !is_new {
                self.settled.extend(book::settle(tx, opening.id, end)?);
                continue;
            }
            let parts = Sum::all(opening.at_ms, opening.key, opening.session, opening.run);
            sums.add(parts, end.cost.unwrap_or(Money::ZERO));
        }
        for (settled, change) in &self.settled {
            sums.add(settled.sums(), *change);
        }
        sums.0.into_iter().try_for_each(|(sum, cost)| sum.add(tx, cost))
    }
}

/// What the running sums change by.
#[derive(Default)]
struct Sums<'a>(HashMap<Sum<'a>, Money>);

impl<'a> Sums<'a> {
    fn add(&mut self, parts: impl Iterator<Item = Sum<'a>>, cost: Money) {
        for part in parts {
            let all = self.0.entry(part).or_default();
            *all = all.plus(cost);
        }
    }
}

/// What was told of the cost stays where a later word says nothing of it.
fn merged(before: Option<Progress>, after: Progress) -> Progress {
    Progress { cost: after.cost.or(before.and_then(|before| before.cost)), ..after }
}
