//! Response heads. Framing and `Connection` are written here alone, whatever fields a response names.

use bytes::{BufMut, BytesMut};
use xmpp_machine::Proved as _;

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
    if response.status == 200 {
        out.put_slice(b"HTTP/1.1 200 OK\r\n");
    } else {
        out.put_slice(b"HTTP/1.1 ");
        put_number(out, usize::from(response.status));
        out.put_u8(b' ');
        out.put_slice(reason(response.status).as_bytes());
        out.put_slice(b"\r\n");
    }
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

pub(crate) fn put_field(out: &mut BytesMut, name: &str, value: &str) {
    out.put_slice(name.as_bytes());
    out.put_slice(b": ");
    out.put_slice(value.as_bytes());
    out.put_slice(b"\r\n");
}

pub(crate) fn put_number(out: &mut BytesMut, mut number: usize) {
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
    out.put_slice(digits.proved(digits.len() - used..));
}

/// Fields that the connection writes.
pub(crate) fn is_ours(name: &str) -> bool {
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
pub(crate) fn is_safe(name: &str, value: &str) -> bool {
    // Without a branch for each octet.
    let token = |good, octet: &u8| good & is_token_octet(*octet);
    let field = |good, octet: &u8| good & is_field_octet(*octet);
    !name.is_empty()
        && name.as_bytes().iter().fold(true, token)
        && value.as_bytes().iter().fold(true, field)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(response: &Response, version: Version, persistence: Persistence) -> String {
        let mut out = BytesMut::new();
        head(&mut out, response, version, persistence);
        String::from_utf8(out.to_vec()).expect("text")
    }

    #[test]
    fn a_field_that_could_split_the_head_is_left_out() {
        let response = Response::new(200)
            .with_field("A", "b\r\nC: d")
            .with_field("A\r\nB", "c")
            .with_field("A b", "c")
            .with_field("", "c")
            .with_field("E", "f\0")
            .with_field("G", "\u{e9}\th");
        assert_eq!(
            written(&response, Version::Http11, Persistence::Keep),
            "HTTP/1.1 200 OK\r\nG: \u{e9}\th\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn framing_fields_of_the_application_are_left_out() {
        let response = Response::new(304)
            .with_field("content-length", "7")
            .with_field("Transfer-Encoding", "chunked")
            .with_field("CONNECTION", "close")
            .with_field("Keep-Alive", "timeout=5")
            .with_field("ETag", "x");
        assert_eq!(
            written(&response, Version::Http11, Persistence::Keep),
            "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"
        );
    }

    #[test]
    fn connection_says_what_becomes_of_it() {
        use {Persistence::*, Version::*};
        let plain = Response::new(204);
        let upgrade = Response::new(426).with_field("Upgrade", "websocket");
        for (version, persistence, alone, with_upgrade) in [
            (Http11, Keep, None, "Upgrade"),
            (Http11, Close, Some("close"), "close, Upgrade"),
            (Http10, Keep, Some("keep-alive"), "keep-alive, Upgrade"),
            (Http10, Close, Some("close"), "close, Upgrade"),
        ] {
            let line = alone.map_or(String::new(), |value| format!("Connection: {value}\r\n"));
            assert_eq!(
                written(&plain, version, persistence),
                format!("HTTP/1.1 204 No Content\r\n{line}\r\n")
            );
            assert_eq!(
                written(&upgrade, version, persistence),
                format!(
                    "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\nConnection: {with_upgrade}\r\n\r\n"
                )
            );
        }
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 909, usize::MAX] {
            let mut out = BytesMut::new();
            put_number(&mut out, number);
            assert_eq!(out, number.to_string());
        }
    }

    #[test]
    fn an_unknown_status_has_an_empty_reason() {
        let line = written(&Response::new(299), Version::Http11, Persistence::Keep);
        assert!(line.starts_with("HTTP/1.1 299 \r\n"), "{line}");
    }
}
