//! Requests, and how they are written. Framing, Host and `Connection` are written here alone, whatever fields a request names.

use std::{borrow::Cow, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    parse::is_token_octet,
    target::{self, Target},
    write::{is_ours, is_safe, put_field, put_number},
};

/// A body up to this goes into the head's buffer: a copy is cheaper than a second piece of a vectored write.
const COALESCED_BODY: usize = 1_024;

/// A request: method, target, host, fields, body. `Host`, `Content-Length` and `Connection` are the connection's to write.
///
/// ```
/// use xmpp_http1::client::Request;
///
/// let request = Request::new("POST", "/http-bind", "bosh.example:5280")
///     .with_field("Accept-Encoding", "gzip")
///     .with_body("text/xml; charset=utf-8", "<body/>");
/// assert_eq!(request.fields[1].0, "Content-Type");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, in its own case.
    pub method: Arc<str>,
    /// The target: `/path?query`; for CONNECT `host:port`.
    pub target: Arc<str>,
    /// What `Host` says: the host, and the port unless it is the scheme's own.
    pub host: Arc<str>,
    /// Field lines in order. What the connection writes itself is left out; `Upgrade` is named in `Connection`.
    pub fields: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// The body of the request.
    pub body: Bytes,
    /// Ask the server to close after its answer.
    pub close: bool,
}

/// Without body and field values, which may hold secrets.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("host", &self.host)
            .field("fields", &self.fields.len())
            .field("bytes", &self.body.len())
            .field("close", &self.close)
            .finish()
    }
}

/// Which part of a request would break it on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Not a token (RFC 9110 §9.1).
    #[error("the method is no token")]
    Method,
    /// None of the forms of RFC 9112 §3.2, or not the method's.
    #[error("the target is none, or not one for this method")]
    Target,
    /// Not `host` or `host:port` (RFC 9110 §7.2).
    #[error("the host is none")]
    Host,
    /// A name that is no token, or a value with a control character (RFC 9110 §5).
    #[error("a field cannot be written")]
    Field,
}

impl Request {
    /// A request without fields and body.
    pub fn new(
        method: impl Into<Arc<str>>,
        target: impl Into<Arc<str>>,
        host: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            host: host.into(),
            fields: Vec::new(),
            body: Bytes::new(),
            close: false,
        }
    }

    /// Adds a field line.
    #[must_use]
    pub fn with_field(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Sets body and `Content-Type`.
    #[must_use]
    pub fn with_body(
        mut self,
        content_type: impl Into<Cow<'static, str>>,
        body: impl Into<Bytes>,
    ) -> Self {
        self.fields
            .retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        self.body = body.into();
        self.with_field("Content-Type", content_type)
    }

    /// Asks the server to close after its answer.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// What keeps it from being sent: `send` would refuse it.
    pub fn flaw(&self) -> Option<Flaw> {
        if self.method.is_empty() || !self.method.bytes().all(is_token_octet) {
            return Some(Flaw::Method);
        }
        let plain = |octet: u8| octet.is_ascii_graphic() && octet != b'#';
        let form = self
            .target
            .bytes()
            .all(plain)
            .then(|| Target::parse(&self.target))
            .flatten();
        let fits = match form {
            None => false,
            Some(Target::Authority) => &*self.method == "CONNECT",
            Some(Target::Asterisk) => &*self.method == "OPTIONS",
            Some(Target::Origin { .. } | Target::Absolute { .. }) => &*self.method != "CONNECT",
        };
        if !fits {
            return Some(Flaw::Target);
        }
        if !target::is_authority(self.host.as_bytes()) {
            return Some(Flaw::Host);
        }
        let mut fields = self.fields.iter();
        (!fields.all(|(name, value)| is_safe(name, value))).then_some(Flaw::Field)
    }

    /// Whether it offers to change the protocol.
    pub(super) fn upgrades(&self) -> bool {
        self.fields
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("upgrade"))
    }

    /// Writes it: a head, and what of the body does not go with it.
    pub(super) fn write(self) -> (Bytes, Bytes) {
        let upgrades = self.upgrades();
        let copied = self.body.len() <= COALESCED_BODY;
        let mut head = BytesMut::with_capacity(256 + if copied { self.body.len() } else { 0 });
        head.put_slice(self.method.as_bytes());
        head.put_u8(b' ');
        head.put_slice(self.target.as_bytes());
        head.put_slice(b" HTTP/1.1\r\n");
        put_field(&mut head, "Host", &self.host);
        for (name, value) in &self.fields {
            if !is_ours(name) && !is_ours_in_requests(name) {
                put_field(&mut head, name, value);
            }
        }
        // RFC 9110 §8.6: also where there is none, for methods that usually have one.
        if !self.body.is_empty() || matches!(&*self.method, "POST" | "PUT" | "PATCH") {
            head.put_slice(b"Content-Length: ");
            put_number(&mut head, self.body.len());
            head.put_slice(b"\r\n");
        }
        match (self.close, upgrades) {
            (false, false) => {}
            (false, true) => put_field(&mut head, "Connection", "Upgrade"),
            (true, false) => put_field(&mut head, "Connection", "close"),
            (true, true) => put_field(&mut head, "Connection", "close, Upgrade"),
        }
        head.put_slice(b"\r\n");
        if copied {
            head.put_slice(&self.body);
            (head.freeze(), Bytes::new())
        } else {
            (head.freeze(), self.body)
        }
    }
}

/// Fields of requests that the connection writes, or that would promise what it does not do.
fn is_ours_in_requests(name: &str) -> bool {
    ["host", "expect", "te", "trailer"]
        .iter()
        .any(|ours| name.eq_ignore_ascii_case(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(request: Request) -> String {
        assert_eq!(request.flaw(), None);
        let (head, payload) = request.write();
        String::from_utf8([head, payload].concat()).expect("text")
    }

    #[test]
    fn framing_host_and_connection_are_the_connections() {
        let request = Request::new("POST", "/a?b", "h.example:81")
            .with_field("host", "other")
            .with_field("Content-Length", "7")
            .with_field("Transfer-Encoding", "chunked")
            .with_field("Connection", "close")
            .with_field("Expect", "100-continue")
            .with_field("A", "b")
            .with_body("x/y", "abc");
        assert_eq!(
            written(request),
            "POST /a?b HTTP/1.1\r\nHost: h.example:81\r\nA: b\r\nContent-Type: x/y\r\nContent-Length: 3\r\n\r\nabc"
        );
    }

    #[test]
    fn a_length_is_told_where_a_body_is_usual() {
        let head = "Host: h\r\n";
        for (method, length) in [("GET", ""), ("POST", "Content-Length: 0\r\n")] {
            assert_eq!(
                written(Request::new(method, "/", "h")),
                format!("{method} / HTTP/1.1\r\n{head}{length}\r\n")
            );
        }
    }

    #[test]
    fn connection_names_close_and_upgrade() {
        let plain = Request::new("GET", "/", "h");
        let upgrade = plain.clone().with_field("Upgrade", "websocket");
        for (request, lines) in [
            (plain.clone().closing(), "Connection: close\r\n"),
            (
                upgrade.clone(),
                "Upgrade: websocket\r\nConnection: Upgrade\r\n",
            ),
            (
                upgrade.closing(),
                "Upgrade: websocket\r\nConnection: close, Upgrade\r\n",
            ),
        ] {
            assert_eq!(
                written(request),
                format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
            );
        }
    }

    #[test]
    fn a_long_body_is_not_copied() {
        let body = Bytes::from(vec![b'x'; COALESCED_BODY + 1]);
        let (head, payload) = Request::new("POST", "/", "h")
            .with_body("x/y", body.clone())
            .write();
        assert!(head.ends_with(b"\r\n\r\n"));
        assert_eq!(payload.as_ptr(), body.as_ptr());
        assert_eq!(payload.len(), body.len());
    }

    #[test]
    fn what_would_break_the_head_is_refused() {
        let get = |target| Request::new("GET", target, "h");
        for (request, flaw) in [
            (Request::new("", "/", "h"), Flaw::Method),
            (Request::new("G T", "/", "h"), Flaw::Method),
            (get(""), Flaw::Target),
            (get("/a b"), Flaw::Target),
            (get("/#f"), Flaw::Target),
            (get("/\r\nA: b"), Flaw::Target),
            (get("/\u{e9}"), Flaw::Target),
            (get("*"), Flaw::Target),
            (get("h:80"), Flaw::Target),
            (Request::new("CONNECT", "/", "h"), Flaw::Target),
            (Request::new("GET", "/", ""), Flaw::Host),
            (Request::new("GET", "/", "a b"), Flaw::Host),
            (Request::new("GET", "/", "u@h"), Flaw::Host),
            (get("/").with_field("A", "b\r\nC: d"), Flaw::Field),
            (get("/").with_field("A b", "c"), Flaw::Field),
            (get("/").with_field("", "c"), Flaw::Field),
        ] {
            assert_eq!(request.flaw(), Some(flaw), "{request:?}");
        }
        for request in [
            get("http://h/"),
            Request::new("OPTIONS", "*", "h"),
            Request::new("CONNECT", "[::1]:5222", "[::1]:5222"),
        ] {
            assert_eq!(request.flaw(), None, "{request:?}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let request = Request::new("POST", "/", "h")
            .with_field("Proxy-Authorization", "Basic c2VjcmV0")
            .with_body("text/xml", "secret");
        assert!(!format!("{request:?}").contains("ecre"));
    }
}
