//! A request's spans by the semantic conventions: HTTP's for the gateway's own, GenAI's
//! (development, 2026-11) for the vendor's.

use std::time::Duration;

use distiq_base::{Dialect, StopReason};
use distiq_router::Receipt;

use super::context::Trace;
use super::encode::{Field, Kind, Span};
use crate::seeing::Record;

/// Returns the spans of a request that is over.
pub(super) fn spans(record: &Record, trace: &Trace) -> Vec<Span> {
    let start_ns = u64::try_from(record.at.as_nanosecond()).unwrap_or(0);
    let end_ns = start_ns.saturating_add(nanos(record.began.elapsed()));
    let server = Span {
        trace: trace.id,
        id: trace.server,
        parent: trace.parent,
        state: trace.state.clone(),
        name: format!("{} {}", record.method, record.endpoint),
        kind: Kind::Server,
        start_ns,
        end_ns,
        fields: server_fields(record),
        // By HTTP's convention a server's span fails by its own fault only.
        has_failed: record.status >= 500 || error(record).is_some_and(|code| code != "cancelled"),
    };
    let sent = record.receipt.as_ref().filter(|receipt| receipt.attempts > 0);
    let client = sent.map(|receipt| {
        let latency = Duration::from_millis(receipt.latency_ms);
        Span {
            id: trace.client,
            parent: Some(trace.server),
            name: format!("{} {}", operation(record), receipt.model),
            kind: Kind::Client,
            start_ns: end_ns.saturating_sub(nanos(latency)).max(start_ns),
            fields: client_fields(record, receipt),
            has_failed: receipt.error.is_some(),
            ..server.clone()
        }
    });
    std::iter::once(server).chain(client).collect()
}

fn server_fields(record: &Record) -> Vec<(&'static str, Field)> {
    let text = |text: &str| Field::Text(text.to_owned());
    let mut fields = vec![
        ("http.request.method", text(record.method)),
        ("http.route", text(record.endpoint)),
        ("url.path", text(&record.path)),
        ("client.address", Field::Text(record.peer.to_string())),
        ("http.response.status_code", Field::Int(record.status.into())),
    ];
    fields.extend(record.client.as_deref().map(|client| ("user_agent.original", text(client))));
    fields.extend(record.key.as_ref().map(|(id, _)| ("distiq.key.id", text(id))));
    let reason = record.denial.map(|denial| denial.as_str()).or_else(|| error(record));
    fields.extend(reason.map(|reason| ("error.type", text(reason))));
    fields
}

fn client_fields(record: &Record, receipt: &Receipt) -> Vec<(&'static str, Field)> {
    let text = |text: &str| Field::Text(text.to_owned());
    let (asked, usage) = (&record.asked, &receipt.usage);
    let writes = usage.cache_write.saturating_add(usage.cache_write_long);
    let mut fields = vec![
        ("gen_ai.operation.name", text(operation(record))),
        ("gen_ai.provider.name", text(provider(&receipt.provider))),
        ("gen_ai.request.model", text(&asked.model)),
        ("gen_ai.response.model", text(&receipt.model)),
        ("gen_ai.request.stream", Field::Bool(asked.streams)),
        // By the convention the caches' tokens are a part of the input.
        ("gen_ai.usage.input_tokens", Field::Int(usage.prompt())),
        ("gen_ai.usage.output_tokens", Field::Int(usage.output)),
        ("gen_ai.usage.cache_read.input_tokens", Field::Int(usage.cache_read)),
        ("gen_ai.usage.cache_creation.input_tokens", Field::Int(writes)),
        ("distiq.request.id", text(receipt.request_id.as_str())),
        ("distiq.attempts", Field::Int(receipt.attempts.into())),
        ("distiq.fallbacks", Field::Int(receipt.fallbacks.into())),
        ("distiq.usage.estimated", Field::Bool(receipt.estimated)),
    ];
    let mut more = |name, field: Option<Field>| fields.extend(field.map(|field| (name, field)));
    more("gen_ai.request.max_tokens", asked.numbers.max_tokens.map(Field::Int));
    more("gen_ai.request.temperature", asked.numbers.temperature.map(Field::Float));
    more("gen_ai.request.top_p", asked.numbers.top_p.map(Field::Float));
    let reasoning = Some(usage.reasoning).filter(|tokens| *tokens > 0);
    more("gen_ai.usage.reasoning.output_tokens", reasoning.map(Field::Int));
    let stop = receipt.stop.as_ref().map(|stop| Field::Texts(vec![finish_reason(stop)]));
    more("gen_ai.response.finish_reasons", stop);
    let first = receipt.first_token_ms.map(|ms| Field::Float(ms as f64 / 1e3));
    more("gen_ai.response.time_to_first_chunk", first);
    let cost = receipt.cost.map(|cost| Field::Float(cost.nanos() as f64 / 1e9));
    more("distiq.cost_usd", cost);
    more("distiq.tier", receipt.tier.map(|tier| text(tier.as_str())));
    more("server.address", receipt.node.as_deref().map(text));
    more("error.type", receipt.error.as_ref().map(|error| text(error.code())));
    fields
}

fn error(record: &Record) -> Option<&'static str> {
    record.receipt.as_ref()?.error.as_ref().map(|error| error.code())
}

fn operation(record: &Record) -> &'static str {
    match (record.endpoint, record.dialect) {
        ("embeddings", _) => "embeddings",
        (_, Dialect::Gemini) => "generate_content",
        _ => "chat",
    }
}

/// Returns the convention's name of a provider, or our own.
fn provider(name: &str) -> &str {
    match name {
        "gemini" => "gcp.gemini",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        other => other,
    }
}

fn finish_reason(stop: &StopReason) -> String {
    match serde_json::to_value(stop) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(serde_json::Value::Object(fields)) => {
            let value = fields.values().next().and_then(serde_json::Value::as_str);
            value.unwrap_or("other").to_owned()
        }
        _ => "other".to_owned(),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
