//! A model driven by hand, one event at a time, for tests of races and cancellation.

use std::pin::Pin;
use std::task::{Context, Poll};

use distiq_base::{BlockStart, Content, Delta, Request, StopReason, StreamEvent, Usage};
use distiq_llm::{ProviderError, ProviderErrorKind};
use futures::Stream;
use tokio::sync::{mpsc, oneshot};

type Item = Result<StreamEvent, ProviderError>;

/// The model's side that takes requests; cheap to clone.
#[derive(Clone, Debug)]
pub struct FakeModel {
    calls: mpsc::UnboundedSender<Call>,
}

/// The test's side, which sees every request and decides what comes back, and when.
#[derive(Debug)]
pub struct Driver {
    calls: mpsc::UnboundedReceiver<Call>,
}

/// A request that waits for its answer's head.
#[derive(Debug)]
pub struct Call {
    /// The request.
    pub request: Request,
    head: oneshot::Sender<Result<FakeStream, ProviderError>>,
}

/// An answer in progress, driven by the test. Dropping it before [`Answering::end`] is a stream
/// that just stops.
#[derive(Debug)]
pub struct Answering {
    /// The request that is answered.
    pub request: Request,
    events: mpsc::UnboundedSender<Item>,
    next_index: usize,
}

/// An answer as its reader sees it. Dropping it is what [`Answering::reader_gone`] waits for.
#[derive(Debug)]
pub struct FakeStream {
    events: mpsc::UnboundedReceiver<Item>,
}

impl FakeModel {
    /// Makes a model and what drives it.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use distiq_base::{Request, StreamEvent};
    /// use distiq_testkit::FakeModel;
    /// use futures::StreamExt;
    ///
    /// let (model, mut driver) = FakeModel::new();
    /// let reader = tokio::spawn(async move {
    ///     let stream = model.stream(&Request::default()).await.unwrap();
    ///     stream.map(Result::unwrap).collect::<Vec<_>>().await
    /// });
    /// let mut answer = driver.next().await.unwrap().accept();
    /// answer.text("hello");
    /// answer.end();
    /// assert_eq!(reader.await.unwrap().last(), Some(&StreamEvent::End));
    /// # });
    /// ```
    pub fn new() -> (FakeModel, Driver) {
        let (send, receive) = mpsc::unbounded_channel();
        (FakeModel { calls: send }, Driver { calls: receive })
    }

    /// Sends a request; returns once the driver accepts or refuses it.
    ///
    /// # Errors
    /// The driver's refusal; [`ProviderErrorKind::Connect`] where the driver is gone.
    pub async fn stream(&self, request: &Request) -> Result<FakeStream, ProviderError> {
        let gone = || ProviderError::new(ProviderErrorKind::Connect, "the driver is gone");
        let (head, answer) = oneshot::channel();
        let call = Call { request: request.clone(), head };
        self.calls.send(call).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Driver {
    /// Waits for the next request; `None` once every model is gone.
    pub async fn next(&mut self) -> Option<Call> {
        self.calls.recv().await
    }

    /// Returns a request that has come already.
    pub fn try_next(&mut self) -> Option<Call> {
        self.calls.try_recv().ok()
    }
}

impl Call {
    /// Lets the answer begin, with its `Start` event.
    pub fn accept(self) -> Answering {
        let (events, receive) = mpsc::unbounded_channel();
        let model = self.request.model.clone();
        let answer = Answering { request: self.request, events, next_index: 0 };
        let _ = self.head.send(Ok(FakeStream { events: receive }));
        answer.send(StreamEvent::Start { id: "fake".to_owned(), model });
        answer
    }

    /// Refuses the request.
    pub fn refuse(self, error: ProviderError) {
        let _ = self.head.send(Err(error));
    }

    /// Waits until the caller gave up before the head came.
    pub async fn caller_gone(&mut self) {
        self.head.closed().await;
    }
}

impl Answering {
    /// Sends an event; `false` where nobody reads any more.
    pub fn send(&self, event: StreamEvent) -> bool {
        self.events.send(Ok(event)).is_ok()
    }

    /// Fails the stream; nothing should follow.
    pub fn fail(&self, error: ProviderError) -> bool {
        self.events.send(Err(error)).is_ok()
    }

    /// Sends a whole block of text.
    pub fn text(&mut self, text: &str) -> bool {
        self.block(BlockStart::Text, Delta::Text { text: text.to_owned() })
    }

    /// Sends a whole tool call.
    pub fn call(&mut self, id: &str, name: &str, arguments: &str) -> bool {
        let start = BlockStart::ToolCall { id: id.to_owned(), name: name.to_owned() };
        self.block(start, Delta::Arguments { json: arguments.to_owned() })
    }

    /// Sends every block of a message's content that a model can say.
    pub fn content(&mut self, content: &[Content]) {
        for part in content {
            match part {
                Content::Text { text } => self.text(text),
                Content::ToolCall { id, name, arguments } => self.call(id, name, arguments),
                Content::Thinking { text, .. } => {
                    self.block(BlockStart::Thinking, Delta::Thinking { text: text.clone() })
                }
                _ => true,
            };
        }
    }

    /// Sends a block with one piece in it.
    pub fn block(&mut self, block: BlockStart, delta: Delta) -> bool {
        let index = self.next_index;
        self.next_index += 1;
        self.send(StreamEvent::BlockStart { index, block })
            && self.send(StreamEvent::BlockDelta { index, delta })
            && self.send(StreamEvent::BlockStop { index })
    }

    /// Reports a count.
    pub fn usage(&self, usage: Usage) -> bool {
        self.send(StreamEvent::Usage { usage })
    }

    /// Ends the answer because the model was done.
    pub fn end(self) {
        self.end_with(StopReason::EndTurn);
    }

    /// Ends the answer for a reason.
    pub fn end_with(self, reason: StopReason) {
        self.send(StreamEvent::Stop { reason });
        self.send(StreamEvent::End);
    }

    /// Waits until the reader dropped its stream.
    pub async fn reader_gone(&self) {
        self.events.closed().await;
    }
}

impl Stream for FakeStream {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        self.events.poll_recv(context)
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn the_driver_decides_and_sees_who_left() {
        let (model, mut driver) = FakeModel::new();
        assert!(driver.try_next().is_none());
        let request = Request { model: "m".into(), ..Request::default() };

        let (first, mut answer) =
            tokio::join!(model.stream(&request), async { driver.next().await.unwrap().accept() });
        let mut first = first.unwrap();
        assert!(answer.text("a") && answer.call("c", "read", "{}"));
        let start = first.next().await.unwrap().unwrap();
        assert_eq!(start, StreamEvent::Start { id: "fake".into(), model: "m".into() });
        drop(first);
        answer.reader_gone().await;
        assert!(!answer.text("b"));

        let error = ProviderError::new(ProviderErrorKind::Overloaded, "busy");
        let (second, ()) = tokio::join!(model.stream(&request), async {
            driver.next().await.unwrap().refuse(error.clone());
        });
        assert_eq!(second.unwrap_err(), error);

        let caller = tokio::spawn({
            let (model, request) = (model.clone(), request.clone());
            async move { model.stream(&request).await.map(drop) }
        });
        let mut call = driver.next().await.unwrap();
        caller.abort();
        call.caller_gone().await;

        drop(driver);
        let error = model.stream(&request).await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::Connect);
    }
}
