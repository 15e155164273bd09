//! A request that an answer of before answers: its row costs nothing, and nothing is sent.

use std::sync::Arc;

use distiq_base::{Money, Price};

use super::Sending;
use crate::cache::Found;
use crate::cache::serving::replay;
use crate::ledger::limits::WorstCase;
use crate::receipt::RouterEvent;

impl Sending {
    /// Finds a kept answer for the request.
    pub(super) fn kept_answer(&mut self) -> Option<Found> {
        let now_ms = self.ticket.desk.config.clock.now_ms();
        self.serving.as_ref()?.find(now_ms)
    }

    /// Gives a kept answer, and puts on the ledger what it would have cost.
    pub(super) async fn give(&mut self, found: Found) {
        self.serving = None;
        self.ticket.state().account.takes_kept(&found);
        let mut row = self.open_row();
        row.worst = Some(WorstCase { prompt: Money::ZERO, output: Price(0) });
        row.estimate = Some(Money::ZERO);
        self.ticket.open();
        let ledger = Arc::clone(&self.ticket.desk.config.ledger);
        let limits = self.ticket.state().account.limits.clone();
        if let Err(error) = ledger.reserve(row, &limits).await {
            return self.refuse(error.into());
        }
        {
            let state = self.ticket.state();
            self.ready.push_back(RouterEvent::Started {
                request_id: state.account.id.clone(),
                provider: state.account.candidate().provider.clone(),
                model: self.request.model.clone(),
            });
        }
        self.ready.extend(replay(&found.answer).into_iter().map(RouterEvent::Model));
        self.finish(None).await;
    }
}
