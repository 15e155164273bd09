//! A streamed answer: the router's reply as bytes in the caller's dialect.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use distiq_base::{Assembler, RequestId, Response, StreamEvent};
use distiq_llm::ProviderErrorKind as Kind;
use distiq_router::{Receipt, Reply, RouterEvent};
use futures::StreamExt;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::dialect::{Codec, Encode};
use crate::refusal::Refusal;
use crate::seeing::Watch;
use crate::shared::Shared;
use crate::silence::Silence;

/// Bytes after which what is ready goes out, so that a fast vendor fills no memory.
pub(crate) const BATCH_BYTES: usize = 16 << 10;

/// Puts what is ready off for one turn, as long as each turn brings more.
///
/// The vendor's connection is a task of its own and hands over one piece at a time. Written one at
/// a time as well, each piece would cost a system call, which is more than all else that it costs.
#[derive(Default)]
pub(crate) struct Turns {
    ready: usize,
}

impl Turns {
    /// Tells whether to wait for another turn, with so many bytes ready.
    pub fn goes_on(&mut self, ready: usize, context: &Context<'_>) -> bool {
        let has_grown = ready > self.ready && ready < BATCH_BYTES;
        self.ready = if has_grown { ready } else { 0 };
        if has_grown {
            context.waker().wake_by_ref();
        }
        has_grown
    }
}

/// Takes an answer that is kept.
pub(crate) type Keep = Box<dyn FnOnce(&Response) + Send>;

/// What is settled when an answer is over: the key's tokens of this minute.
pub(crate) struct Tab {
    pub shared: Arc<Shared>,
    /// The stored key and what was taken for the request.
    pub key: Option<(String, u64)>,
    /// What is told of the request; the last to let it go, after the reply.
    pub _watch: Arc<Watch>,
}

impl Tab {
    pub fn settle(&mut self, receipt: &Receipt) {
        if let Some((key, taken)) = self.key.take() {
            let usage = &receipt.usage;
            self.shared.rates.settle(&key, taken, usage.prompt() + usage.output);
        }
    }
}

/// A streamed answer. Dropping it gives the request up, which closes the way to the vendor at once.
pub(crate) struct AnswerStream {
    reply: Reply,
    codec: &'static dyn Codec,
    encoder: Box<dyn Encode>,
    tab: Tab,
    out: String,
    turns: Turns,
    /// What the head tells, known once the router has begun.
    pub started: Option<Started>,
    /// Whether something of the answer has come.
    begun: bool,
    failure: Option<Refusal>,
    over: bool,
    /// Where the dialect has comments.
    silence: Option<Silence>,
    /// Where the answer is kept: what has come of it, and who takes it.
    keeping: Option<(Assembler, Keep)>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// What is known when a request goes out.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    pub request_id: RequestId,
    pub provider: String,
    pub model: String,
}

impl Started {
    /// Names an answer where its vendor did not, or where it may be kept: vendors repeat their names.
    pub fn name(&self, codec: &dyn Codec, id: &mut String) {
        if codec.keeps_answers() {
            *id = format!("resp_{}", self.request_id.as_str().replace('-', ""));
        } else if id.is_empty() {
            *id = self.request_id.to_string();
        }
    }
}

impl AnswerStream {
    pub fn new(
        reply: Reply,
        encoder: Box<dyn Encode>,
        tab: Tab,
        codec: &'static dyn Codec,
        keep: Option<Keep>,
    ) -> Self {
        let silence =
            codec.has_comments().then(|| Silence::new(tab.shared.options.bounds.keep_alive));
        let cut = Box::pin(tab.shared.cut.clone().cancelled_owned());
        Self {
            reply,
            codec,
            encoder,
            tab,
            out: String::new(),
            turns: Turns::default(),
            started: None,
            begun: false,
            failure: None,
            over: false,
            silence,
            keeping: keep.map(|keep| (Assembler::default(), keep)),
            cut,
        }
    }

    /// Waits for the first bytes, which go out with the head, or for the failure that takes their place.
    pub async fn first(&mut self) -> Result<Option<Bytes>, Refusal> {
        let first = std::future::poll_fn(|context| self.poll_bytes(context)).await;
        match self.failure.take() {
            Some(failure) if !self.begun => Err(failure),
            _ => Ok(first),
        }
    }

    /// Returns what is ready, or `None` at the end.
    pub fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while !self.over && self.out.len() < BATCH_BYTES {
            match self.reply.poll_next_unpin(context) {
                Poll::Ready(Some(event)) => self.take(event),
                Poll::Ready(None) => self.over = true,
                Poll::Pending => break,
            }
        }
        if !self.over && self.cut.as_mut().poll(context).is_ready() {
            self.fail(Refusal::new(Kind::Overloaded, "The gateway stops; send the request again"));
        }
        if !self.out.is_empty() {
            if !self.over && self.turns.goes_on(self.out.len(), context) {
                return Poll::Pending;
            }
            if let Some(silence) = &mut self.silence {
                silence.broken();
            }
            return Poll::Ready(Some(Bytes::from(std::mem::take(&mut self.out))));
        }
        if self.over {
            return Poll::Ready(None);
        }
        let Some(silence) = &mut self.silence else { return Poll::Pending };
        silence.poll(context).map(|comment| {
            self.begun = true;
            Some(comment)
        })
    }

    fn take(&mut self, event: RouterEvent) {
        match event {
            RouterEvent::Started { request_id, provider, model }
            | RouterEvent::FellBack { request_id, provider, model, .. } => {
                self.started = Some(Started { request_id, provider, model });
            }
            RouterEvent::Model(event) => {
                self.begun = true;
                self.encode(event);
            }
            RouterEvent::Retried { .. } | RouterEvent::Notice(_) => {}
            RouterEvent::Finished(receipt) => {
                self.tab.settle(&receipt);
                match &receipt.error {
                    Some(error) => self.fail(Refusal::from(error.clone()).of(&receipt)),
                    None => self.over = true,
                }
            }
        }
    }

    fn encode(&mut self, event: StreamEvent) {
        let mut event = event;
        if let (StreamEvent::Start { id, .. }, Some(started)) = (&mut event, &self.started) {
            started.name(self.codec, id);
        }
        if let Some((assembler, _)) = &mut self.keeping {
            assembler.push(&event);
        }
        // Kept before the caller sees the end: it may go on from the answer at once.
        if event == StreamEvent::End
            && let Some((assembler, keep)) = self.keeping.take()
        {
            keep(&assembler.into_response());
        }
        let bytes = self.encoder.encode(&event);
        match self.out.is_empty() {
            true => self.out = bytes,
            false => self.out.push_str(&bytes),
        }
    }

    /// Ends the answer with the failure in the caller's words: a clean end would make half look whole.
    fn fail(&mut self, refusal: Refusal) {
        self.over = true;
        if self.begun {
            let bytes = self.encoder.error(refusal.kind, &refusal.message);
            self.out.push_str(&bytes);
        }
        self.failure = Some(refusal);
    }
}
