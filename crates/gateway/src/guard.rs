//! Who may talk to the gateway at all: pages of other sites may not, and nobody may guess keys.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{HOST, ORIGIN};

use crate::call::Call;
use crate::refusal::Refusal;

/// Wrong keys that an address may send at once, and one more for each such pause.
const GUESSES: u32 = 20;
const PAUSE_PER_GUESS: Duration = Duration::from_secs(3);
/// Addresses that are remembered.
const MOST_ADDRESSES: usize = 10_000;

/// Refuses requests by which a page of another site would use the reader's gateway.
///
/// A site can let its own name point to 127.0.0.1 after its page was loaded, so that the browser takes
/// the gateway for that site: then the request names a host that is not ours. A page that asks us
/// openly names its origin. A gateway that listens beyond this machine has names that we do not know,
/// and needs a key in any case.
pub(crate) fn check_origin(call: &Call, is_local: bool, hosts: &[String]) -> Result<(), Refusal> {
    let known = |host: &str| is_this_machine(host) || hosts.iter().any(|own| own == host);
    if call.headers.get_all(HOST).iter().count() > 1 {
        return Err(Refusal::with_status(400, "The request names more than one host").closing());
    }
    if is_local {
        let named = call.uri.authority().map(|authority| authority.as_str().to_owned());
        let host = named.or_else(|| call.header(HOST).map(str::to_owned)).unwrap_or_default();
        if !host.is_empty() && !known(name_of(&host)) {
            return Err(Refusal::with_status(
                403,
                format!(
                    "The gateway is not known as `{}`; add the name to `gateway.hosts`",
                    shown(&host)
                ),
            ));
        }
    }
    let Some(origin) = call.header(ORIGIN) else { return Ok(()) };
    let site = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let allowed = match site {
        Some(site) => known(name_of(site)),
        // No page of a site can have another scheme; editors and desktop programs do.
        None => origin != "null",
    };
    if allowed {
        return Ok(());
    }
    Err(Refusal::with_status(
        403,
        format!(
            "Pages of `{}` may not use the gateway; add the name to `gateway.hosts`",
            shown(origin)
        ),
    ))
}

/// Returns a host without its port, in lower case where that matters.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn is_this_machine(name: &str) -> bool {
    // What most clients name.
    if name == "127.0.0.1" || name == "localhost" {
        return true;
    }
    if let Ok(address) = name.parse::<IpAddr>() {
        return address.is_loopback() || address.is_unspecified();
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(100).collect()
}

/// Counts wrong keys by address.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    by_address: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Guesses {
    /// Notes a wrong key; `Some` tells how long the address has to wait, because it sent too many.
    pub fn note(&self, address: IpAddr) -> Option<Duration> {
        self.note_at(address, Instant::now())
    }

    fn note_at(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let forgiven = |(count, at): (u32, Instant)| {
            let pauses = now.duration_since(at).as_secs() / PAUSE_PER_GUESS.as_secs();
            count.saturating_sub(u32::try_from(pauses).unwrap_or(u32::MAX))
        };
        if by_address.len() >= MOST_ADDRESSES && !by_address.contains_key(&address) {
            by_address.retain(|_, entry| forgiven(*entry) > 0);
            if by_address.len() >= MOST_ADDRESSES {
                return Some(PAUSE_PER_GUESS);
            }
        }
        let entry = by_address.entry(address).or_insert((0, now));
        let count = forgiven(*entry);
        if count >= GUESSES {
            return Some(PAUSE_PER_GUESS);
        }
        *entry = (count + 1, now);
        None
    }
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, Method};

    use super::*;

    fn asked(host: &str, origin: Option<&str>) -> Call {
        let mut headers = HeaderMap::new();
        headers.insert("host", host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert("origin", origin.parse().unwrap());
        }
        let peer = [127, 0, 0, 1].into();
        Call { method: Method::POST, uri: "/v1/models".parse().unwrap(), headers, peer }
    }

    #[test]
    fn pages_of_other_sites_are_kept_out() {
        let own = ["distiq.example".to_owned()];
        let may = |host, origin| check_origin(&asked(host, origin), true, &own).is_ok();
        assert!(may("127.0.0.1:4000", None));
        assert!(may("[::1]:4000", None));
        assert!(may("LocalHost", None));
        assert!(may("app.localhost:1", None));
        assert!(may("distiq.example:4000", None));
        assert!(!may("evil.example:4000", None), "its name was pointed at this machine");
        assert!(!may("localhost.evil.example", None));
        assert!(!may("192.168.1.4:4000", None));
        assert!(may("localhost:4000", Some("http://localhost:3000")));
        assert!(may("localhost:4000", Some("vscode-webview://x")));
        assert!(!may("localhost:4000", Some("https://evil.example")));
        assert!(!may("localhost:4000", Some("null")));
        let wide = asked("anything.example", None);
        assert!(check_origin(&wide, false, &own).is_ok());
        assert!(check_origin(&asked("a.example", Some("https://b.example")), false, &own).is_err());
    }

    #[test]
    fn guessing_is_slowed_down_and_forgiven() {
        let guesses = Guesses::default();
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let begin = Instant::now();
        for _ in 0..GUESSES {
            assert_eq!(guesses.note_at(here, begin), None);
        }
        assert!(guesses.note_at(here, begin).is_some());
        assert_eq!(guesses.note_at(there, begin), None, "others are not held up");
        assert_eq!(guesses.note_at(here, begin + PAUSE_PER_GUESS), None);
        assert!(guesses.note_at(here, begin + PAUSE_PER_GUESS).is_some());
    }
}
