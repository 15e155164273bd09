//! Bytes that are passed through as they are, against models played by hand.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use distiq_base::{Dialect, Money, RequestKind};
use distiq_llm::provider::RawRequest;
use distiq_llm::{ProviderError, ProviderErrorKind as Kind};
use distiq_router::{Call, Candidate, ForwardBody, KeyUse, Purpose, Reads, RowState};
use futures::StreamExt;

use super::played::{Attempt, Stage, error, purpose, stage};

const STREAM: &[&str] = &[
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"i\",\"model\":\"m\",\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hello \"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":10}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];
const WHOLE: &str = "{\"id\":\"i\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":100,\"output_tokens\":10},\"new\":1.50}";
const BODY: &str = "{ \"model\":\"m\", \"max_tokens\":2000,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"unknown\":{\"a\":1e3} }";

fn call(dialect: Dialect, model: &str, body: &'static str) -> Call {
    let path = match dialect {
        Dialect::Anthropic => "v1/messages",
        _ => "chat/completions",
    };
    Call {
        dialect,
        reads: Reads::Answer,
        model: model.into(),
        request: RawRequest {
            path: path.into(),
            body: Bytes::from_static(body.as_bytes()),
            ..RawRequest::default()
        },
        fields: None,
    }
}

async fn bytes(body: ForwardBody) -> Result<String, (String, bool)> {
    let mut all = Vec::new();
    match body {
        ForwardBody::Whole(bytes) => all.extend_from_slice(&bytes),
        ForwardBody::Stream(mut stream) => {
            while let Some(next) = stream.next().await {
                match next {
                    Ok(bytes) => all.extend_from_slice(&bytes),
                    Err(broken) => return Err((String::from_utf8(all).unwrap(), broken.is_told)),
                }
            }
        }
    }
    Ok(String::from_utf8(all).unwrap())
}

/// 110 tokens at $1 a million.
const COST: Option<Money> = Some(Money::from_nanos(110_000));

#[tokio::test(start_paused = true)]
async fn bytes_pass_both_ways_unchanged_and_are_on_the_ledger() {
    let stage = stage();
    stage.play("a", 0, &[Attempt::Bytes(STREAM), Attempt::Bytes(&[WHOLE])]);
    let key = KeyUse { id: "k1".into(), owner: Some("ann".into()), ..KeyUse::default() };
    let purpose = Purpose {
        key: Some(key),
        client: Some(Dialect::Anthropic),
        ..Purpose::new(RequestKind::Gateway, "a")
    };
    let forwarded =
        stage.router.forward(call(Dialect::Anthropic, "m", BODY), purpose.clone()).await.unwrap();
    assert!(forwarded.receipt.get().is_none());
    let receipt = forwarded.receipt.clone();
    assert_eq!(bytes(forwarded.body).await, Ok(STREAM.concat()));
    let receipt = receipt.get().unwrap();
    assert_eq!((receipt.cost, receipt.estimated, receipt.complete), (COST, false, true));
    let forwarded =
        stage.router.forward(call(Dialect::Anthropic, "m", BODY), purpose).await.unwrap();
    assert_eq!(forwarded.receipt.get().unwrap().cost, COST);
    assert_eq!(bytes(forwarded.body).await, Ok(WHOLE.to_owned()));
    assert_eq!(*stage.node("a", 0).bodies.lock().unwrap(), [BODY, BODY]);
    for row in stage.rows() {
        assert_eq!((row.state, row.cost_nanousd, row.status), (RowState::Final, COST, Some(200)));
        assert_eq!((row.key.as_deref(), row.owner.as_deref()), (Some("k1"), Some("ann")));
        assert_eq!((row.client.as_deref(), row.error), (Some("anthropic"), None));
    }
}

#[tokio::test(start_paused = true)]
async fn an_openai_stream_is_asked_for_usage_and_nobody_sees_it() {
    const CHUNKS: &[&str] = &[
        "data: {\"id\":\"i\",\"model\":\"p\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n",
        "data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"id\":\"i\",\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":10}}\n\n",
        "data: [DONE]\n\n",
    ];
    let refused = ProviderError {
        status: Some(400),
        ..ProviderError::new(Kind::InvalidRequest, "Unknown field `stream_options`")
    };
    let stage = stage();
    stage.play(
        "o",
        0,
        &[
            Attempt::Bytes(CHUNKS),
            Attempt::Bytes(CHUNKS),
            Attempt::Refused(refused),
            Attempt::Bytes(CHUNKS),
        ],
    );
    let forward = |body| {
        stage
            .router
            .forward(call(Dialect::Openai, "p", body), Purpose::new(RequestKind::Gateway, "o"))
    };
    let silent = "{\"model\":\"p\",\"stream\":true}";
    let got = bytes(forward(silent).await.unwrap().body).await.unwrap();
    assert_eq!(got, [CHUNKS[0], CHUNKS[1], CHUNKS[3]].concat());
    let asking = "{\"model\":\"p\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}";
    let got = bytes(forward(asking).await.unwrap().body).await.unwrap();
    assert_eq!(got, CHUNKS.concat());
    // A server that does not know the question is asked without it.
    bytes(forward(silent).await.unwrap().body).await.unwrap();
    assert_eq!(
        *stage.node("o", 0).bodies.lock().unwrap(),
        [
            "{\"model\":\"p\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
            asking,
            "{\"model\":\"p\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
            silent,
        ]
    );
    assert!(stage.rows().iter().all(|row| row.cost_nanousd == COST));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_passed_back_as_it_came_and_falls_back_by_the_table() {
    let refusal =
        |status, kind| Attempt::Refused(ProviderError { status: Some(status), ..error(kind) });
    let stage = stage();
    stage.play(
        "a",
        0,
        &[refusal(400, Kind::InvalidRequest), refusal(401, Kind::Auth), refusal(401, Kind::Auth)],
    );
    stage.play("b", 0, &[Attempt::Bytes(&[WHOLE])]);
    let refused =
        stage.router.forward(call(Dialect::Anthropic, "m", BODY), purpose()).await.unwrap_err();
    let reply = refused.reply.unwrap();
    assert_eq!((reply.status, &reply.body[..]), (400, &b"refused: no"[..]));
    let forwarded =
        stage.router.forward(call(Dialect::Anthropic, "m", BODY), purpose()).await.unwrap();
    assert_eq!((forwarded.provider.as_str(), forwarded.model.as_str()), ("b", "n"));
    assert_eq!(*stage.node("b", 0).bodies.lock().unwrap(), [BODY.replace("\"m\"", "\"n\"")]);
    // What another model would refuse is not sent to it, and neither is another dialect's body.
    let signed =
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"content\":[{\"signature\":\"s\"}]}]}";
    assert!(stage.router.forward(call(Dialect::Anthropic, "m", signed), purpose()).await.is_err());
    assert_eq!(stage.node("b", 0).seen(), 1);
    stage.play("a", 0, &[refusal(401, Kind::Auth)]);
    let elsewhere = Purpose { fallbacks: vec![Candidate::new("o", "p")], ..purpose() };
    assert!(stage.router.forward(call(Dialect::Anthropic, "m", BODY), elsewhere).await.is_err());
    assert_eq!((stage.node("o", 0).seen(), stage.rows().len()), (0, 4));
    assert!(stage.rows().iter().all(|row| row.state == RowState::Final));
}

#[tokio::test(start_paused = true)]
async fn a_cut_stream_is_never_whole_and_the_vendors_own_error_is_told_once() {
    const OVERLOADED: &str = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
    const ERROR: &[&str] = &[STREAM[0], STREAM[1], OVERLOADED];
    const FIRST: &[&str] = &[OVERLOADED];
    let forward = async |stage: &Stage| {
        stage.router.forward(call(Dialect::Anthropic, "m", BODY), purpose()).await
    };
    let cut = stage();
    cut.play("a", 0, &[Attempt::Bytes(&STREAM[..3])]);
    let got = bytes(forward(&cut).await.unwrap().body).await;
    assert_eq!(got, Err((STREAM[..3].concat(), false)));
    let row = &cut.rows()[0];
    assert_eq!((row.error.as_deref(), row.state), (Some("truncated"), RowState::Estimated));
    assert_eq!(row.cost_nanousd, COST);
    let told = stage();
    told.play("a", 0, &[Attempt::Bytes(ERROR)]);
    assert_eq!(bytes(forward(&told).await.unwrap().body).await, Err((ERROR.concat(), true)));
    assert_eq!(told.rows()[0].error.as_deref(), Some("overloaded"));
    // One that begins with an error has shown nothing: it is tried again, and then elsewhere.
    let before = stage();
    before.play("a", 0, &[Attempt::Bytes(FIRST), Attempt::Bytes(FIRST)]);
    before.play("b", 0, &[Attempt::Bytes(STREAM)]);
    let forwarded = forward(&before).await.unwrap();
    assert_eq!(forwarded.provider, "b");
    assert_eq!(bytes(forwarded.body).await, Ok(STREAM.concat()));
    let half = stage();
    half.play(
        "a",
        0,
        &[Attempt::Bytes(&["{\"id\":\"i\",\"cont"]), Attempt::Bytes(&["{\"id\":\"i\",\"cont"])],
    );
    half.play("b", 0, &[Attempt::Bytes(&[WHOLE])]);
    assert_eq!(bytes(forward(&half).await.unwrap().body).await, Ok(WHOLE.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_closes_the_connection_and_the_row_at_any_point() {
    for pieces in 0..=3 {
        let stage = stage();
        stage.play("a", 0, &[Attempt::Stalls(&STREAM[..pieces])]);
        let open = Arc::clone(&stage.node("a", 0).open);
        let forward = stage
            .router
            .forward(call(Dialect::Anthropic, "m", BODY), Purpose::new(RequestKind::Gateway, "a"));
        if pieces == 0 {
            let mut forward = Box::pin(forward);
            while stage.node("a", 0).seen() == 0 {
                assert!(futures::poll!(&mut forward).is_pending());
                tokio::task::yield_now().await;
            }
            drop(forward);
        } else {
            let ForwardBody::Stream(mut stream) = forward.await.unwrap().body else { panic!() };
            for _ in 0..pieces {
                stream.next().await.unwrap().unwrap();
            }
            assert_eq!(open.load(Ordering::SeqCst), 1);
            drop(stream);
        }
        assert_eq!(open.load(Ordering::SeqCst), 0, "{pieces}");
        let rows = stage.rows();
        assert_eq!(rows.len(), 1);
        let end = (rows[0].state, rows[0].error.as_deref());
        assert_eq!(end, (RowState::Estimated, Some("cancelled")), "{pieces} {rows:?}");
        assert!(rows[0].cost_nanousd > Some(Money::ZERO), "{pieces}: billed for what came");
    }
}
