//! The dashboard: a page of the binary's own, which asks the gateway as any client does.

use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};

use crate::body::Out;

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asset {
    Page,
    Style,
    Script,
    Charts,
    Icon,
}

impl Asset {
    /// Returns the file at a path.
    pub fn at(path: &str) -> Option<Self> {
        Some(match path {
            "" | "/dashboard" => Asset::Page,
            "/dashboard/style.css" => Asset::Style,
            "/dashboard/page.js" => Asset::Script,
            "/dashboard/charts.js" => Asset::Charts,
            "/dashboard/icon.svg" | "/favicon.ico" => Asset::Icon,
            _ => return None,
        })
    }

    const fn content(self) -> (&'static str, &'static str) {
        match self {
            Asset::Page => {
                ("text/html; charset=utf-8", include_str!("../dashboard/dashboard.html"))
            }
            Asset::Style => ("text/css; charset=utf-8", include_str!("../dashboard/style.css")),
            Asset::Script => {
                ("text/javascript; charset=utf-8", include_str!("../dashboard/page.js"))
            }
            Asset::Charts => {
                ("text/javascript; charset=utf-8", include_str!("../dashboard/charts.js"))
            }
            Asset::Icon => ("image/svg+xml", include_str!("../dashboard/icon.svg")),
        }
    }

    /// Returns it as an answer. It holds nobody's figures, so it needs no key.
    pub fn answer(self) -> Response<Out> {
        let (kind, text) = self.content();
        let mut response =
            Response::new(Out::Full(Some(bytes::Bytes::from_static(text.as_bytes()))));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        for (name, value) in SAFETY {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        response
    }
}

/// What the browser is to hold the page to: own files only, no frames, nothing told to others.
const SAFETY: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src \
         'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];
