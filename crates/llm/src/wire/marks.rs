//! Cache marks that a vendor accepts: at most four, the long-lived first.

use std::collections::BTreeMap;

use distiq_base::{CacheTtl, MarkPlace, Request};

/// Most marks of one request, at Anthropic and at OpenAI alike.
pub(crate) const MOST_MARKS: usize = 4;

/// The marks of one request, by place.
#[derive(Debug, Default)]
pub(crate) struct Marks(BTreeMap<MarkPlace, CacheTtl>);

impl Marks {
    /// Takes the plan's marks whose place `fits`; of more than `most`, the last in prompt order.
    pub(crate) fn of(request: &Request, most: usize, fits: impl Fn(MarkPlace) -> bool) -> Self {
        let mut marks: BTreeMap<_, _> = request
            .cache
            .marks
            .iter()
            .filter(|mark| fits(mark.place))
            .map(|mark| (mark.place, mark.ttl))
            .collect();
        while marks.len() > most {
            marks.pop_first();
        }
        let mut short = false;
        for ttl in marks.values_mut() {
            // Anthropic refuses a long mark behind a short one.
            short |= *ttl == CacheTtl::Short;
            if short {
                *ttl = CacheTtl::Short;
            }
        }
        Self(marks)
    }

    /// Tells whether a block of this message carries a mark.
    pub(crate) fn any_in(&self, message: usize) -> bool {
        self.0
            .keys()
            .any(|place| matches!(place, MarkPlace::Block { message: at, .. } if *at == message))
    }

    /// Returns the lifetime of the mark on this place, where there is one.
    pub(crate) fn at(&self, place: MarkPlace) -> Option<CacheTtl> {
        self.0.get(&place).copied()
    }
}
