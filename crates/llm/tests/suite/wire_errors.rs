//! Vendors' errors by kind, and ours in their form.

use distiq_llm::wire::{HeaderView, WireError, anthropic, openai};
use distiq_llm::{Phase, ProviderError, ProviderErrorKind as Kind};
use serde_json::json;

fn headers(pairs: &[(&str, &str)]) -> HeaderView {
    HeaderView::new("2026-11-21T10:00:00Z".parse().unwrap(), pairs.iter().copied())
}

#[test]
fn anthropics_table() {
    let check = |status: u16, kind: &str, code: Option<&str>, expected: Kind, retry: bool| {
        let mut error = json!({"type": kind, "message": "Words that mean nothing."});
        if let Some(code) = code {
            error["details"] = json!({ "error_code": code });
        }
        let body = json!({"type": "error", "error": error, "request_id": "req_1"}).to_string();
        let found = anthropic::decode_error(status, &headers(&[]), body.as_bytes());
        assert_eq!(found.kind, expected, "{status} {kind} {code:?}");
        assert_eq!(found.is_retryable(), retry, "{status} {kind} {code:?}");
        assert_eq!(found.request_id.as_deref(), Some("req_1"));
        assert_eq!(found.code.as_deref(), code.or(Some(kind)));
        assert_eq!(found.message, "Words that mean nothing.");
    };
    check(400, "invalid_request_error", None, Kind::InvalidRequest, false);
    check(401, "authentication_error", None, Kind::Auth, false);
    check(402, "billing_error", None, Kind::Billing, false);
    check(403, "permission_error", None, Kind::Permission, false);
    check(404, "not_found_error", None, Kind::UnknownModel, false);
    check(408, "timeout_error", None, Kind::Timeout(Phase::Head), true);
    check(504, "timeout_error", None, Kind::Timeout(Phase::Head), true);
    check(409, "conflict_error", None, Kind::Server, true);
    check(413, "request_too_large", None, Kind::TooLarge, false);
    check(429, "rate_limit_error", None, Kind::RateLimited, true);
    check(429, "rate_limit_error", Some("ramp_limit_exceeded"), Kind::RateLimited, true);
    for code in ["enforced_spend_limit_reached", "contract_spend_limit_reached"] {
        check(429, "rate_limit_error", Some(code), Kind::SpendLimit, false);
    }
    check(500, "api_error", None, Kind::Server, true);
    check(529, "overloaded_error", None, Kind::Overloaded, true);
    check(529, "compaction_unavailable", None, Kind::Overloaded, true);
    // A type of tomorrow goes by its status.
    check(400, "new_error", None, Kind::InvalidRequest, false);
    check(503, "new_error", None, Kind::Overloaded, true);
}

#[test]
fn openais_table() {
    let check = |status: u16, error: serde_json::Value, expected: Kind| {
        let body = json!({ "error": error }).to_string();
        let found =
            openai::decode_error(status, &headers(&[("x-request-id", "r")]), body.as_bytes());
        assert_eq!(found.kind, expected, "{status} {body}");
        assert_eq!(found.request_id.as_deref(), Some("r"));
    };
    let error = |kind: &str, code: Option<&str>| json!({"message": "m", "type": kind, "param": null, "code": code});
    let invalid = "invalid_request_error";
    check(400, error(invalid, None), Kind::InvalidRequest);
    check(400, error(invalid, Some("context_length_exceeded")), Kind::ContextTooLong);
    check(400, error("exceed_context_size_error", None), Kind::ContextTooLong);
    check(400, error(invalid, Some("string_above_max_length")), Kind::InvalidRequest);
    check(401, error(invalid, Some("invalid_api_key")), Kind::Auth);
    check(402, error("unknown_error", Some("invalid_request_error")), Kind::Billing);
    check(403, error(invalid, Some("unsupported_country_region_territory")), Kind::Permission);
    check(404, error(invalid, Some("model_not_found")), Kind::UnknownModel);
    check(404, error(invalid, None), Kind::UnknownModel);
    check(409, error("conflict", None), Kind::Server);
    check(422, error(invalid, None), Kind::InvalidRequest);
    check(429, error("tokens", Some("rate_limit_exceeded")), Kind::RateLimited);
    check(503, error("server_error", Some("slow_down")), Kind::RateLimited);
    check(429, error("insufficient_quota", Some("insufficient_quota")), Kind::Billing);
    check(429, error("insufficient_quota", None), Kind::Billing);
    check(429, error("x", Some("credit_balance_exhausted")), Kind::Billing);
    for code in [
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    ] {
        check(429, error("rate_limit_error", Some(code)), Kind::SpendLimit);
    }
    check(500, error("server_error", None), Kind::Server);
    check(502, json!({"code": 502, "message": "m", "metadata": {}}), Kind::Server);
    check(503, error("unavailable_error", None), Kind::Overloaded);
    check(498, error("flex", None), Kind::Overloaded);
    check(404, json!("model 'x' not found"), Kind::UnknownModel);
}

#[test]
fn other_shapes_of_errors() {
    for (status, body, kind, message) in [
        (422, r#"{"detail":[{"loc":["body"]}]}"#, Kind::InvalidRequest, r#"[{"loc":["body"]}]"#),
        (
            400,
            r#"{"object":"error","message":"no","type":"x","code":3}"#,
            Kind::InvalidRequest,
            "no",
        ),
        (
            429,
            r#"[{"error":{"code":429,"message":"slow","status":"X"}}]"#,
            Kind::RateLimited,
            "slow",
        ),
        (404, "404 page not found", Kind::NotTheApi, "404 page not found"),
        (200, "", Kind::NotTheApi, "an empty answer"),
        (402, r#"{"msg":"pay"}"#, Kind::Billing, r#"{"msg":"pay"}"#),
        (502, "upstream died", Kind::Server, "upstream died"),
    ] {
        let error = openai::decode_error(status, &headers(&[]), body.as_bytes());
        assert_eq!((error.kind, error.message.as_str()), (kind, message), "{body}");
        assert_eq!(error.status, Some(status));
    }
}

#[test]
fn a_proxys_page_is_told_as_such() {
    let page = b"<!DOCTYPE html><html><head><title>\n Access  Denied </title></head>";
    for (status, kind, retry) in
        [(403, Kind::NotTheApi, false), (200, Kind::NotTheApi, false), (502, Kind::Server, true)]
    {
        for error in [
            anthropic::decode_error(status, &headers(&[]), page),
            openai::decode_error(status, &headers(&[]), page),
        ] {
            assert_eq!(error.kind, kind);
            assert_eq!(error.is_retryable(), retry);
            assert_eq!(error.message, "a web page answered: Access Denied");
        }
    }
    let error = openai::decode_error(302, &headers(&[("Location", "https://b")]), b"");
    assert_eq!(error.kind, Kind::Redirect);
    assert_eq!(error.message, "the server points to https://b");
    for result in [anthropic::decode_response(page), openai::decode_response(page)] {
        match result {
            Err(WireError::Vendor(ProviderError { kind: Kind::NotTheApi, .. })) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn headers_tell_when_to_retry() {
    let pairs = [("Retry-After", "Sat, 21 Nov 2026 10:00:07 GMT"), ("X-Should-Retry", "false")];
    let error = anthropic::decode_error(529, &headers(&pairs), b"{}");
    assert_eq!(error.retry_after.map(|wait| wait.as_secs()), Some(7));
    assert!(!error.is_retryable());
}

#[test]
fn our_errors_are_read_as_they_were_meant() {
    use Kind::{
        Auth, Billing, ContextTooLong, InvalidRequest, Overloaded, Permission, RateLimited, Server,
        SpendLimit, TooLarge, UnknownModel,
    };
    for kind in [
        Auth,
        Billing,
        ContextTooLong,
        InvalidRequest,
        Overloaded,
        Permission,
        RateLimited,
        Server,
        SpendLimit,
        TooLarge,
        UnknownModel,
    ] {
        let (status, body) = anthropic::encode_error(kind, "words");
        let found = anthropic::decode_error(status, &headers(&[]), body.to_string().as_bytes());
        assert_eq!((found.kind, found.message.as_str()), (kind, "words"));
        let (status, body) = openai::encode_error(kind, "words");
        let found = openai::decode_error(status, &headers(&[]), body.to_string().as_bytes());
        assert_eq!((found.kind, found.message.as_str()), (kind, "words"));
    }
    let (status, body) = anthropic::encode_error(Overloaded, "busy");
    assert_eq!(status, 529);
    assert_eq!(
        body.to_string(),
        r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"},"request_id":null}"#
    );
    let (status, body) = openai::encode_error(Auth, "no key");
    assert_eq!(status, 401);
    assert_eq!(
        body.to_string(),
        r#"{"error":{"message":"no key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#
    );
}
