//! Requests to a proxy: `CONNECT host:port`, or a method with a whole address.

use super::rules::Target;

/// The largest head that is read.
pub(super) const MAX_HEAD_BYTES: usize = 64 << 10;
/// Most header lines of a head.
const MAX_HEADERS: usize = 200;

/// What a client asks of the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// A tunnel.
    Connect(Target),
    /// One plain request.
    Forward {
        target: Target,
        /// The head as the server gets it.
        head: Vec<u8>,
    },
}

/// Headers between client and proxy, which the server does not get. Every connection carries one
/// request, so that a second one cannot go elsewhere than the first.
const DROPPED: &[&str] =
    &["host", "connection", "keep-alive", "proxy-connection", "proxy-authorization", "upgrade"];

impl Request {
    /// Reads a head with its empty line (RFC 9112).
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(head: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(head).map_err(|_| "its head is no UTF-8")?;
        let text = text.strip_suffix("\r\n\r\n").ok_or("its head has no end")?;
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let mut words = first.split(' ');
        let words = (words.next(), words.next(), words.next(), words.next());
        let (Some(method), Some(address), Some("HTTP/1.1" | "HTTP/1.0"), None) = words else {
            return Err("its first line is not `METHOD ADDRESS HTTP/1.1`");
        };
        if !is_token(method) || method.len() > 32 {
            return Err("its method is no word");
        }
        if method == "CONNECT" {
            let target = Target::parse(address, None).ok_or("its address is not `host:port`")?;
            headers(lines)?;
            return Ok(Request::Connect(target));
        }
        let rest = address
            .get(..7)
            .filter(|scheme| scheme.eq_ignore_ascii_case("http://"))
            .and_then(|_| address.get(7..))
            .ok_or("its address does not begin with `http://`")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let target = Target::parse(authority, Some(80)).ok_or("its address names no host")?;
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("its path has characters that must be encoded");
        }
        let path = path.split('#').next().unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        let mut out = format!("{method} {slash}{path} HTTP/1.1\r\nHost: {authority}\r\n");
        for (name, line) in headers(lines)? {
            if !DROPPED.iter().any(|dropped| name.eq_ignore_ascii_case(dropped)) {
                out.push_str(line);
                out.push_str("\r\n");
            }
        }
        out.push_str("Connection: close\r\n\r\n");
        Ok(Request::Forward { target, head: out.into_bytes() })
    }

    pub(super) fn target(&self) -> &Target {
        match self {
            Request::Connect(target) | Request::Forward { target, .. } => target,
        }
    }
}

/// Returns header lines with their names.
fn headers<'a>(
    lines: impl Iterator<Item = &'a str>,
) -> Result<Vec<(&'a str, &'a str)>, &'static str> {
    let mut headers = Vec::new();
    for line in lines {
        let name = line.split(':').next().filter(|name| name.len() < line.len());
        let name = name.filter(|name| is_token(name)).ok_or("a header has no name")?;
        if line.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
            return Err("a header has control characters");
        }
        headers.push((name, line));
        if headers.len() > MAX_HEADERS {
            return Err("it has too many headers");
        }
    }
    Ok(headers)
}

fn is_token(text: &str) -> bool {
    const MARKS: &[u8] = b"!#$%&'*+-.^_`|~";
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || MARKS.contains(&b))
}
