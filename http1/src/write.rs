//! Response heads. Framing and `Connection` are written here alone, whatever fields a response names.

use bytes::{BufMut, BytesMut};

use crate::{
    Response, Version, chunked::is_field_octet, framing::Persistence, parse::is_token_octet,
};

/// Writes the head of `response`, answering a request of `version`.
pub(crate) fn head(
    out: &mut BytesMut,
    response: &Response,
    version: Version,
    persistence: Persistence,
) {
    out.put_slice(b"HTTP/1.1 ");
    put_number(out, usize::from(response.status));
    out.put_u8(b' ');
    out.put_slice(reason(response.status).as_bytes());
    out.put_slice(b"\r\n");
    let mut upgrades = response.status == 101;
    for (name, value) in &response.fields {
        if is_ours(name) || !is_safe(name, value) {
            continue;
        }
        upgrades |= name.eq_ignore_ascii_case("upgrade");
        put_field(out, name, value);
    }
    if response.status == 101 {
        put_field(out, "Connection", "Upgrade");
    } else {
        if !matches!(response.status, 204 | 304) {
            out.put_slice(b"Content-Length: ");
            put_number(out, response.body.len());
            out.put_slice(b"\r\n");
        }
        match (persistence, version, upgrades) {
            (Persistence::Close, _, false) => put_field(out, "Connection", "close"),
            (Persistence::Close, _, true) => put_field(out, "Connection", "close, Upgrade"),
            (Persistence::Keep, Version::Http10, false) => {
                put_field(out, "Connection", "keep-alive");
            }
            (Persistence::Keep, Version::Http10, true) => {
                put_field(out, "Connection", "keep-alive, Upgrade");
            }
            (Persistence::Keep, Version::Http11, true) => put_field(out, "Connection", "Upgrade"),
            (Persistence::Keep, Version::Http11, false) => {}
        }
    }
    out.put_slice(b"\r\n");
}

/// The interim answer that lets a body come (RFC 9110 §15.2.1).
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

fn put_field(out: &mut BytesMut, name: &str, value: &str) {
    out.put_slice(name.as_bytes());
    out.put_slice(b": ");
    out.put_slice(value.as_bytes());
    out.put_slice(b"\r\n");
}

fn put_number(out: &mut BytesMut, mut number: usize) {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.put_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// Fields that the connection writes.
fn is_ours(name: &str) -> bool {
    [
        "connection",
        "content-length",
        "transfer-encoding",
        "keep-alive",
    ]
    .iter()
    .any(|ours| name.eq_ignore_ascii_case(ours))
}

/// Whether the line cannot end early and begin another (response splitting).
fn is_safe(name: &str, value: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_token_octet) && value.bytes().all(is_field_octet)
}

fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
