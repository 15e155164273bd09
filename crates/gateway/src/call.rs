//! One request as the handlers see it, and who made it.

use std::net::IpAddr;
use std::sync::Arc;

use distiq_router::KeyUse;
use hyper::header::{AUTHORIZATION, AsHeaderName, CACHE_CONTROL, HeaderMap, HeaderName};
use hyper::{Method, Uri};

use crate::keys::Key;

/// A request without its body.
pub(crate) struct Call {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub peer: IpAddr,
}

impl Call {
    /// Returns a header's text.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// Returns a field of the query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.uri.query()?;
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then(|| decode_percent(value))
        })
    }

    /// Returns the key that the request carries, wherever its vendor's library puts it.
    pub fn key(&self) -> Option<String> {
        let bearer = self.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|text| {
            let (scheme, key) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
        });
        let plain = |name: &str| self.header(name).map(str::to_owned);
        bearer
            .or_else(|| plain("x-api-key"))
            .or_else(|| plain("x-goog-api-key"))
            .or_else(|| plain("api-key"))
            .or_else(|| self.query("key"))
            .filter(|key| !key.is_empty())
    }

    /// Returns the headers by which a trace goes on.
    pub fn trace(&self) -> Vec<(String, String)> {
        let names = ["traceparent", "tracestate"];
        let headers = names.into_iter().filter_map(|name| Some((name, self.header(name)?)));
        headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Tells what the caller wants of the cache of answers, where it says so.
    pub fn wants_cache(&self) -> Option<bool> {
        if self.header(CACHE_CONTROL).is_some_and(|value| value.contains("no-store")) {
            return Some(false);
        }
        let value = self.header(const { HeaderName::from_static("x-distiq-cache") })?;
        if value.eq_ignore_ascii_case("off") {
            return Some(false);
        }
        value.eq_ignore_ascii_case("on").then_some(true)
    }

    /// Tells whether the caller asked for the mechanisms that change requests.
    pub fn wants_optimizing(&self) -> bool {
        let value = self.header(const { HeaderName::from_static("x-distiq-optimize") });
        value.is_some_and(|value| value.eq_ignore_ascii_case("on"))
    }

    /// Tells whether the caller wants its request sent with nothing added.
    pub fn refuses_optimizing(&self) -> bool {
        self.header("x-distiq-optimize").is_some_and(|value| value.eq_ignore_ascii_case("off"))
    }
}

/// Who made a request.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// Anybody: the gateway is open.
    Open,
    /// The operator, by the key of the environment.
    Operator,
    /// The holder of a stored key.
    Key(Arc<Key>),
}

impl Caller {
    /// Returns the stored key.
    pub fn key(&self) -> Option<&Arc<Key>> {
        match self {
            Caller::Key(key) => Some(key),
            _ => None,
        }
    }

    /// Returns the stored key as the ledger knows it.
    pub fn key_use(&self) -> Option<KeyUse> {
        self.key().map(|key| KeyUse {
            id: key.id.clone(),
            owner: Some(key.owner.clone()).filter(|owner| !owner.is_empty()),
            day: key.day_nanousd,
            month: key.month_nanousd,
        })
    }

    /// Tells whether it may make keys and see everybody's requests.
    pub fn is_admin(&self) -> bool {
        match self {
            // Whoever can connect to an open gateway is its user.
            Caller::Open | Caller::Operator => true,
            Caller::Key(key) => key.admin,
        }
    }
}

pub(crate) fn decode_percent(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hex = |digit: Option<u8>| (digit? as char).to_digit(16);
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut ahead = bytes.clone();
                match (hex(ahead.next()), hex(ahead.next())) {
                    (Some(high), Some(low)) => {
                        out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                        bytes = ahead;
                    }
                    _ => out.push(byte),
                }
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(uri: &str, headers: &[(&'static str, &str)]) -> Call {
        let headers = headers.iter().map(|(name, value)| {
            (hyper::header::HeaderName::from_static(name), value.parse().unwrap())
        });
        Call {
            method: Method::POST,
            uri: uri.parse().unwrap(),
            headers: headers.collect(),
            peer: [127, 0, 0, 1].into(),
        }
    }

    #[test]
    fn a_key_stands_where_each_vendors_stands() {
        let key = |uri, headers: &[_]| call(uri, headers).key();
        let found = Some("dq-1".to_owned());
        assert_eq!(key("/", &[("authorization", "Bearer dq-1")]), found);
        assert_eq!(key("/", &[("authorization", "bearer  dq-1 ")]), found);
        assert_eq!(key("/", &[("x-api-key", "dq-1")]), found);
        assert_eq!(key("/", &[("x-goog-api-key", "dq-1")]), found);
        assert_eq!(key("/?a=b&key=dq%2D1", &[]), found);
        assert_eq!(key("/", &[("authorization", "Basic ZHE=")]), None);
        assert_eq!(key("/?key=", &[("x-api-key", "")]), None);
    }

    #[test]
    fn percents_are_decoded_and_broken_ones_kept() {
        assert_eq!(decode_percent("a%20b+c%zz%4"), "a b c%zz%4");
        assert_eq!(decode_percent("%ff"), "\u{fffd}");
    }
}
