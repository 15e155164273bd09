//! As much of an HTTP/1.1 server as faults need: every byte and every write under control.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The largest head that is read.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The largest body that is read; vendors stop at 32 MB.
pub const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// One request.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The query, without `?`.
    pub query: String,
    /// The headers in the order they came; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl HttpRequest {
    /// Returns the first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Reads one request from a connection; `None` where the client closed it before the first byte.
///
/// # Errors
/// A connection that breaks, a head or body that is too large, a head that is none.
pub async fn read_request<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> io::Result<Option<HttpRequest>> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if buffer.len() > MAX_HEAD_BYTES {
            return Err(invalid("head too large"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    };
    let head = buffer.split_to(end);
    buffer.advance(4);
    let head = std::str::from_utf8(&head).map_err(|_| invalid("head is not UTF-8"))?;
    let mut request = parse_head(head).ok_or_else(|| invalid("head is not HTTP/1.1"))?;
    if request.header("expect").is_some_and(|e| e.eq_ignore_ascii_case("100-continue")) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let is_chunked = request
        .header("transfer-encoding")
        .is_some_and(|encoding| encoding.to_ascii_lowercase().contains("chunked"));
    request.body = if is_chunked {
        read_chunks(stream, buffer).await?
    } else {
        let length = request.header("content-length").unwrap_or("0").trim();
        let length = length.parse().map_err(|_| invalid("content-length is no number"))?;
        read_exactly(stream, buffer, length).await?
    };
    Ok(Some(request))
}

fn parse_head(head: &str) -> Option<HttpRequest> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?, first.next()?);
    if !first.next()?.starts_with("HTTP/1.") {
        return None;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    Some(HttpRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: lines.map(header).collect::<Option<_>>()?,
        body: Bytes::new(),
    })
}

async fn read_exactly<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    length: usize,
) -> io::Result<Bytes> {
    if length > MAX_BODY_BYTES {
        return Err(invalid("body too large"));
    }
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buffer.split_to(length).freeze())
}

async fn read_chunks<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> io::Result<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let line = read_line(stream, buffer).await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| invalid("chunk without a size"))?;
        if size == 0 {
            while !read_line(stream, buffer).await?.is_empty() {}
            return Ok(body.freeze());
        }
        if size > MAX_BODY_BYTES || body.len() + size > MAX_BODY_BYTES {
            return Err(invalid("body too large"));
        }
        body.extend_from_slice(&read_exactly(stream, buffer, size).await?);
        read_line(stream, buffer).await?;
    }
}

async fn read_line<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> io::Result<String> {
    loop {
        if let Some(at) = buffer.windows(2).position(|window| window == b"\r\n") {
            let line = buffer.split_to(at);
            buffer.advance(2);
            return Ok(String::from_utf8_lossy(&line).into_owned());
        }
        if buffer.len() > MAX_HEAD_BYTES {
            return Err(invalid("line too long"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Returns the bytes of a response's head.
pub fn head(status: u16, headers: &[(String, String)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Returns bytes as one chunk of a chunked body; no bytes make the last chunk.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        529 => "Overloaded",
        _ => "Status",
    }
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &'static [u8], piece: usize) -> io::Result<Vec<HttpRequest>> {
        let (mut client, mut server) = tokio::io::duplex(1 << 16);
        let writer = tokio::spawn(async move {
            for piece in bytes.chunks(piece) {
                client.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            client.shutdown().await.unwrap();
            let mut rest = Vec::new();
            let _ = client.read_to_end(&mut rest).await;
        });
        let mut buffer = BytesMut::new();
        let mut requests = Vec::new();
        let result = loop {
            match read_request(&mut server, &mut buffer).await {
                Ok(Some(request)) => requests.push(request),
                Ok(None) => break Ok(requests),
                Err(error) => break Err(error),
            }
        };
        drop(server);
        writer.await.unwrap();
        result
    }

    #[tokio::test]
    async fn requests_are_read_however_they_are_split() {
        let bytes = b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\
            {\"\"}GET /x HTTP/1.1\r\n\r\n\
            POST /y HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        for piece in [1, 3, 1000] {
            let requests = read(bytes, piece).await.unwrap();
            let seen: Vec<_> = requests
                .iter()
                .map(|r| (r.method.as_str(), r.path.as_str(), r.query.as_str(), &r.body[..]))
                .collect();
            assert_eq!(
                seen,
                [
                    ("POST", "/v1/messages", "beta=true", &b"{\"\"}"[..]),
                    ("GET", "/x", "", &b""[..]),
                    ("POST", "/y", "", &b"abcde"[..]),
                ]
            );
            assert_eq!(requests[0].header("host"), Some("a"));
        }
    }

    #[tokio::test]
    async fn what_is_no_request_is_an_error() {
        for bytes in [
            &b"nonsense\r\n\r\n"[..],
            b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nshort",
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            b"POST / HTTP/1.1\r\n\xff: a\r\n\r\n",
        ] {
            assert!(read(bytes, 1000).await.is_err());
        }
    }
}
