//! Where requests go below a provider's address, made once for each path.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::Uri;
use reqwest::header::HeaderValue;
use url::{Position, Url};

/// Most paths that are remembered: those of Gemini hold a model's name, which a caller may make up.
const MOST: usize = 64;

/// An address, and what a request to it tells of it.
#[derive(Debug)]
pub(super) struct Place {
    pub url: Url,
    /// The path and the query; `None` where HTTP has no form for them.
    pub target: Option<Uri>,
    /// The name of its server.
    pub host: Option<HeaderValue>,
}

impl Place {
    pub fn of(url: Url) -> Self {
        let target = url[Position::BeforePath..].parse().ok();
        Self { target, host: host(&url), url }
    }
}

/// Returns the name of the server that an address is on, as a request tells it.
fn host(url: &Url) -> Option<HeaderValue> {
    let host = url.host_str()?;
    let text = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::try_from(text).ok()
}

/// The places that were asked for.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<HashMap<String, Arc<Place>>>);

impl Places {
    /// Returns the place at a path; `address` makes its address.
    pub fn at(&self, path: &str, address: impl FnOnce() -> Url) -> Arc<Place> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(path) {
            return Arc::clone(place);
        }
        if places.len() >= MOST {
            places.clear();
        }
        let place = Arc::new(Place::of(address()));
        places.insert(path.to_owned(), Arc::clone(&place));
        place
    }
}
