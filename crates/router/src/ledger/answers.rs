//! How sure one was of answers, and how often a stronger model went on: what tells whether routing pays.

use std::collections::BTreeMap;

use distiq_base::SessionId;
use distiq_store::{Tx, params, params_from_iter};
use serde::Serialize;

use super::outcomes::Count;
use super::query::RowFilter;
use super::task::task;
use super::{Ledger, LedgerError};
use crate::escalate::Confidence;
use crate::route::Candidate;

/// The name among the reasons of an answer whose model was told by a stronger one what to do.
pub(crate) const CORRECTED: &str = "corrected";

/// An answer that was judged. No word of what was asked or answered is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The session.
    pub session: Option<SessionId>,
    /// The project.
    pub project: Option<String>,
    /// The run.
    pub run: Option<String>,
    /// Who answered, and for which tier.
    pub by: Candidate,
    /// How sure one is of it, from 0 to 1.
    pub confidence: f64,
    /// The names of the reasons.
    pub reasons: Vec<&'static str>,
    /// Who went on.
    pub escalated_to: Option<Candidate>,
}

impl Judged {
    /// Makes the record of an answer that nobody went on from, of no session.
    pub fn new(by: Candidate, confidence: &Confidence) -> Self {
        Self {
            session: None,
            project: None,
            run: None,
            by,
            confidence: confidence.score,
            reasons: confidence.codes(),
            escalated_to: None,
        }
    }
}

/// How often a stronger model went on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Escalations {
    /// Answers that were judged.
    pub answers: u64,
    /// Those that a stronger model went on from.
    pub escalated: u64,
    /// Those whose model was told by a stronger one what to do, and went on itself.
    pub corrected: u64,
    /// The share of those that a stronger model went on from; `None` without any answer.
    pub rate: Option<f64>,
    /// The same by who answered, the most used first.
    pub models: Vec<ModelEscalations>,
    /// What spoke against the answers that were gone on from, the most frequent first.
    pub reasons: Vec<Count>,
}

/// How often a stronger model went on from the answers of one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelEscalations {
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// The tier that it was chosen for; empty where none was.
    pub tier: String,
    /// Answers that were judged.
    pub answers: u64,
    /// Those that a stronger model went on from.
    pub escalated: u64,
    /// Their share.
    pub rate: f64,
    /// How sure one was of them on average.
    pub mean_confidence: f64,
}

impl Ledger {
    /// Writes how an answer was judged; does not wait for it to be written.
    pub fn judged(&self, judged: Judged) {
        let at_ms = self.shared.clock.now_ms();
        let reasons = serde_json::Value::from(judged.reasons.as_slice()).to_string();
        let work = move |tx: &Tx<'_>| {
            let to = judged.escalated_to.as_ref();
            let tier = |way: &Candidate| way.tier.map(|tier| tier.as_str());
            tx.execute(
                "INSERT INTO answer(at_ms, session, project, run, kind, provider, model, tier, confidence, reasons,
                     escalated_provider, escalated_model, escalated_tier)
                 VALUES (?1, ?2, ?3, ?4, 'execute', ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                params![
                    at_ms,
                    judged.session.as_ref().map(SessionId::as_str),
                    judged.project.as_deref(),
                    judged.run.as_deref(),
                    judged.by.provider.as_str(),
                    judged.by.model.as_str(),
                    tier(&judged.by),
                    judged.confidence,
                    reasons.as_str(),
                    to.map(|way| way.provider.as_str()),
                    to.map(|way| way.model.as_str()),
                    to.and_then(tier),
                ],
            )?;
            Ok::<_, LedgerError>(())
        };
        // A rate that lacks one answer is no reason to fail a turn.
        let _ = self.writer.queue(task(Box::new(drop), || (), work));
    }

    /// Returns how often a stronger model went on, of the answers that match.
    ///
    /// # Errors
    /// When the database fails.
    pub fn escalations(&self, filter: &RowFilter) -> Result<Escalations, LedgerError> {
        let (condition, values) = filter.condition();
        let models = format!(
            "SELECT provider, model, coalesce(tier, ''), count(*), count(escalated_model), avg(confidence)
             FROM answer WHERE {condition} GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2"
        );
        let corrected = format!(
            "SELECT count(*) FROM answer WHERE reasons LIKE '%\"{CORRECTED}\"%' AND {condition}"
        );
        let reasons =
            format!("SELECT reasons FROM answer WHERE escalated_model IS NOT NULL AND {condition}");
        self.read(|tx| {
            let models = tx.all(&models, params_from_iter(values.clone()), |row| {
                let (answers, escalated) = (row.get::<_, i64>(3)?, row.get::<_, i64>(4)?);
                Ok(ModelEscalations {
                    provider: row.get(0)?,
                    model: row.get(1)?,
                    tier: row.get(2)?,
                    answers: answers.unsigned_abs(),
                    escalated: escalated.unsigned_abs(),
                    rate: share(escalated.unsigned_abs(), answers.unsigned_abs()).unwrap_or(0.0),
                    mean_confidence: row.get::<_, Option<f64>>(5)?.unwrap_or(0.0),
                })
            })?;
            let corrected: i64 = tx
                .all(&corrected, params_from_iter(values.clone()), |row| row.get::<_, i64>(0))?
                .into_iter()
                .sum();
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for text in tx.all(&reasons, params_from_iter(values), |row| row.get::<_, String>(0))? {
                for name in serde_json::from_str::<Vec<String>>(&text).unwrap_or_default() {
                    *counts.entry(name).or_default() += 1;
                }
            }
            let mut reasons: Vec<Count> =
                counts.into_iter().map(|(name, count)| Count { name, count }).collect();
            reasons.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
            let answers = models.iter().map(|model| model.answers).sum();
            let escalated = models.iter().map(|model| model.escalated).sum();
            Ok(Escalations {
                answers,
                escalated,
                corrected: corrected.unsigned_abs(),
                rate: share(escalated, answers),
                models,
                reasons,
            })
        })
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
