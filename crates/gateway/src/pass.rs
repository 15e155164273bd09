//! Passing through: the caller's own bytes to a vendor that speaks the caller's dialect, and back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use distiq_base::{Dialect, RequestKind};
use distiq_llm::ProviderErrorKind as Kind;
use distiq_llm::provider::{RawReply, RawRequest};
use distiq_router::{
    Broken, Call as Passed, Candidate, Fields, ForwardBody, ForwardStream, Forwarded, Purpose,
    Reads, ReceiptHandle, Refused,
};
use futures::{Stream, StreamExt};
use hyper::header::{HeaderValue, ORIGIN};
use hyper::{Response, StatusCode};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::body::Out;
use crate::call::Call;
use crate::chat::{Asked, started};
use crate::count;
use crate::dialect::{Codec, Encode};
use crate::refusal::Refusal;
use crate::setup::Setup;
use crate::silence::Silence;
use crate::stream::{BATCH_BYTES, Started, Tab, Turns};

/// Most bytes of a vendor's count.
const MOST_COUNT: usize = 64 << 10;

/// Returns where a dialect's answers are asked for, below a base URL.
fn path(dialect: Dialect, asked: &Asked<'_>) -> &'static str {
    match (dialect, asked.route.stream) {
        (Dialect::Anthropic, _) => "v1/messages",
        (Dialect::Openai, _) => "chat/completions",
        (Dialect::Responses, _) => "responses",
        (Dialect::Gemini, Some(true)) => "models/{model}:streamGenerateContent",
        (Dialect::Gemini, _) => "models/{model}:generateContent",
        (Dialect::Ollama, _) if asked.call.uri.path().contains("/generate") => "api/generate",
        (Dialect::Ollama, _) => "api/chat",
    }
}

/// Passes a request for an answer on, whose body's fields are known.
pub(crate) async fn answer(
    asked: &Asked<'_>,
    setup: &Setup,
    (streams, fields): (bool, Fields),
    model: String,
    purpose: Purpose,
    tab: Tab,
) -> Result<Response<Out>, Refusal> {
    let dialect = asked.codec.dialect();
    let request = RawRequest {
        is_whole: !streams,
        ..raw(asked.call, path(dialect, asked).to_owned(), asked.body.clone())
    };
    let reads = Reads::Answer;
    let passed = Passed { dialect, reads, model, request, fields: Some(fields) };
    let encoder = || asked.codec.error_encoder();
    send(setup, passed, purpose, tab, asked.codec, Some(&encoder)).await
}

/// Passes a request on whose answer is not understood.
pub(crate) async fn unknown(
    asked: &Asked<'_>,
    provider: String,
    path: String,
    model: Option<String>,
    tab: Tab,
) -> Result<Response<Out>, Refusal> {
    let setup = asked.shared.setup();
    let mut purpose = Purpose::new(RequestKind::Gateway, provider);
    purpose.route = "passed";
    purpose.key = asked.caller.key_use();
    purpose.client = Some(asked.codec.dialect());
    purpose.receipt = Some(asked.watch.receipt());
    // What names a model may cost; most such answers count their tokens.
    let reads = if model.is_some() { Reads::Count } else { Reads::Nothing };
    let request = raw(asked.call, path, asked.body.clone());
    let dialect = asked.codec.dialect();
    let model = model.unwrap_or_default();
    let passed = Passed { dialect, reads, model, request, fields: None };
    send(&setup, passed, purpose, tab, asked.codec, None).await
}

/// Asks a vendor to count a prompt; `None` where it does not.
pub(crate) async fn count(
    asked: &Asked<'_>,
    setup: &Setup,
    way: Candidate,
) -> Option<Response<Out>> {
    let dialect = asked.codec.dialect();
    let (path, body) = count::place(dialect, &asked.body, &way.model)?;
    let path = path.replace("{model}", &way.model);
    let request = RawRequest { method: "POST".to_owned(), ..raw(asked.call, path, body) };
    // It costs nothing, so it is no request on the ledger.
    let provider = setup.registry.get(&way.provider).ok()?;
    let RawReply::Answer(mut answer) = provider.forward(&request).await.ok()? else { return None };
    let mut body = Vec::new();
    while let Some(piece) = answer.body.next().await {
        body.extend_from_slice(&piece.ok()?);
        if body.len() > MOST_COUNT {
            return None;
        }
    }
    let json: serde_json::Value = serde_json::from_slice(&body).ok()?;
    ["input_tokens", "totalTokens"].iter().find_map(|field| json.get(field)?.as_u64())?;
    let mut response = Response::new(body.into());
    *response.headers_mut() = answer.headers;
    Some(response)
}

fn raw(call: &Call, path: String, body: Bytes) -> RawRequest {
    let mut headers = call.headers.clone();
    headers.remove(ORIGIN);
    let query = call.uri.query().map(|query| {
        let kept = query.split('&').filter(|pair| !pair.starts_with("key="));
        kept.collect::<Vec<_>>().join("&")
    });
    RawRequest {
        method: call.method.to_string(),
        path,
        query: query.filter(|query| !query.is_empty()),
        headers: Arc::new(headers),
        body,
        is_whole: true,
    }
}

async fn send(
    setup: &Setup,
    passed: Passed,
    purpose: Purpose,
    mut tab: Tab,
    codec: &'static dyn Codec,
    encoder: Option<&(dyn Fn() -> Box<dyn Encode> + Sync)>,
) -> Result<Response<Out>, Refusal> {
    let cut = tab.shared.cut.clone();
    let forwarded = tokio::select! {
        biased;
        forwarded = setup.router.forward(passed, purpose) => forwarded,
        () = cut.cancelled() => {
            return Err(Refusal::new(Kind::Overloaded, "The gateway stops; send the request again"));
        }
    };
    let Forwarded { request_id, provider, model, status, headers, body, receipt, .. } =
        match forwarded {
            Ok(forwarded) => forwarded,
            Err(refused) => return refuse(*Box::new(refused)),
        };
    let told = Started { request_id, provider, model };
    let mut response = Response::new(Out::Full(None));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    *response.headers_mut() = headers;
    started(response.headers_mut(), Some(&told), codec);
    *response.body_mut() = match body {
        ForwardBody::Whole(bytes) => {
            if let Some(receipt) = receipt.get() {
                tab.settle(&receipt);
            }
            Out::Full(Some(bytes))
        }
        ForwardBody::Stream(stream) => {
            let has_comments = encoder.is_some() && codec.has_comments();
            let encoder = encoder.map(|make| make());
            let mut stream = PassStream::new(stream, encoder, receipt, tab, has_comments);
            // It has begun: the first bytes are there, and go out with the head.
            let first = std::future::poll_fn(|context| stream.poll_bytes(context)).await;
            Out::Pass(first, Box::new(stream))
        }
    };
    Ok(response)
}

/// Gives the vendor's own refusal on where there is one.
fn refuse(refused: Refused) -> Result<Response<Out>, Refusal> {
    let Refused { error, receipt, reply } = refused;
    let Some(reply) = reply.filter(|reply| !reply.body.is_empty()) else {
        return Err(Refusal::from(error).of(&receipt));
    };
    // A page of some proxy is no answer in any dialect.
    if serde_json::from_slice::<serde::de::IgnoredAny>(&reply.body).is_err() {
        return Err(Refusal::from(error).of(&receipt));
    }
    let mut response = Response::new(Out::Full(Some(reply.body)));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = reply.headers;
    if let Ok(id) = HeaderValue::try_from(receipt.request_id.as_str()) {
        response.headers_mut().insert("x-distiq-request-id", id);
    }
    Ok(response)
}

/// What of a stream is there at once, so that it goes out at once. One piece is not copied.
#[derive(Default)]
struct Joined {
    first: Option<Bytes>,
    all: BytesMut,
}

impl Joined {
    fn len(&self) -> usize {
        self.first.as_ref().map_or(self.all.len(), Bytes::len)
    }

    fn push(&mut self, bytes: Bytes) {
        if self.first.is_none() && self.all.is_empty() {
            self.first = Some(bytes);
            return;
        }
        if let Some(first) = self.first.take() {
            self.all.extend_from_slice(&first);
        }
        self.all.extend_from_slice(&bytes);
    }

    fn take(self) -> Option<Bytes> {
        self.first.or_else(|| (!self.all.is_empty()).then(|| self.all.freeze()))
    }
}

/// A stream on its way through; dropping it closes the way to the vendor at once.
pub(crate) struct PassStream {
    stream: ForwardStream,
    /// Words a failure, where the dialect is understood.
    encoder: Option<Box<dyn Encode>>,
    receipt: ReceiptHandle,
    tab: Tab,
    over: bool,
    ready: Joined,
    turns: Turns,
    /// How it ended, once it has.
    ended: Option<Option<Broken>>,
    /// Whether what went out ends between two events.
    is_between: bool,
    silence: Option<Silence>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl PassStream {
    fn new(
        stream: ForwardStream,
        encoder: Option<Box<dyn Encode>>,
        receipt: ReceiptHandle,
        tab: Tab,
        has_comments: bool,
    ) -> Self {
        let pause = tab.shared.options.bounds.keep_alive;
        let cut = Box::pin(tab.shared.cut.clone().cancelled_owned());
        let silence = has_comments.then(|| Silence::new(pause));
        Self {
            stream,
            encoder,
            receipt,
            tab,
            over: false,
            ready: Joined::default(),
            turns: Turns::default(),
            ended: None,
            is_between: true,
            silence,
            cut,
        }
    }

    /// Returns the next bytes; an error where the end must not look clean and cannot be worded.
    pub fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.over {
            return Poll::Ready(None);
        }
        while self.ended.is_none() && self.ready.len() < BATCH_BYTES {
            match Pin::new(&mut self.stream).poll_next(context) {
                Poll::Ready(Some(Ok(bytes))) => self.ready.push(bytes),
                Poll::Ready(Some(Err(broken))) => self.ended = Some(Some(broken)),
                Poll::Ready(None) => self.ended = Some(None),
                Poll::Pending => break,
            }
        }
        if self.ended.is_none() && self.turns.goes_on(self.ready.len(), context) {
            return Poll::Pending;
        }
        if let Some(bytes) = std::mem::take(&mut self.ready).take() {
            self.is_between = bytes.ends_with(b"\n\n") || bytes.ends_with(b"\r\n\r\n");
            if let Some(silence) = &mut self.silence {
                silence.broken();
            }
            return Poll::Ready(Some(bytes));
        }
        match self.ended.take() {
            Some(end) => self.end(end),
            None => self.wait(context),
        }
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.cut.as_mut().poll(context).is_ready() {
            let message = "The gateway stops; send the request again";
            return self.say(&Refusal::new(Kind::Overloaded, message));
        }
        match &mut self.silence {
            Some(silence) => match silence.poll(context) {
                // A comment in the middle of an event would break it.
                Poll::Ready(comment) if self.is_between => Poll::Ready(Some(comment)),
                _ => Poll::Pending,
            },
            None => Poll::Pending,
        }
    }

    fn end(&mut self, broken: Option<Broken>) -> Poll<Option<Bytes>> {
        self.over = true;
        if let Some(receipt) = self.receipt.get() {
            self.tab.settle(&receipt);
        }
        match broken {
            Some(Broken { error, is_told: false }) => self.say(&error.into()),
            _ => Poll::Ready(None),
        }
    }

    fn say(&mut self, refusal: &Refusal) -> Poll<Option<Bytes>> {
        self.over = true;
        let Some(encoder) = &mut self.encoder else { return Poll::Ready(None) };
        let words = encoder.error(refusal.kind, &refusal.message);
        // What was cut in the middle of an event is ended first, so that it is dropped whole.
        let words = if self.is_between { words } else { format!("\n\n{words}") };
        Poll::Ready(Some(Bytes::from(words)))
    }
}
