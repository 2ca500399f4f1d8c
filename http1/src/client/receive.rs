//! Answers out of bytes: heads up to the final one, then its body.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use xmpp_machine::Proved as _;

use super::{Config, Reason};
use crate::{
    Limits, ResponseHead, Version,
    chunked::Chunked,
    framing::Persistence,
    head::{FieldLine, Span},
    parse::Search,
    server,
};

/// What a request's method says about its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Any,
    /// HEAD: no body follows, whatever the fields say.
    HeadAlone,
    /// CONNECT: a 2xx gives the connection away.
    Tunnel,
}

/// Reads the heads of answers, where what follows them is not for [`Connection`](super::Connection) to read.
///
/// ```
/// use bytes::BytesMut;
/// use xmpp_http1::{Limits, client::HeadReader};
///
/// let (mut reader, mut input) = (HeadReader::default(), BytesMut::from("HTTP/1.1 200 OK\r\n"));
/// assert!(reader.read(&mut input, &Limits::default())?.is_none(), "more bytes are needed");
/// input.extend_from_slice(b"Date: then\r\n\r\nbody");
/// let head = reader.read(&mut input, &Limits::default())?.expect("a whole head");
/// assert_eq!((head.status(), &input[..]), (200, &b"body"[..]));
/// # Ok::<(), xmpp_http1::client::Reason>(())
/// ```
#[derive(Debug, Default)]
pub struct HeadReader(Search);

impl HeadReader {
    /// Takes the next head off the front of `input`, interim ones too; `None` needs more bytes. No byte is scanned twice.
    ///
    /// # Errors
    ///
    /// `HeadMalformed` or `HeadTooLong`; the reader is of no more use.
    pub fn read(
        &mut self,
        input: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<ResponseHead>, Reason> {
        if input.is_empty() {
            return Ok(None);
        }
        // What is no HTTP is seen at its first octet, not at the end of what may never be a head.
        if input
            .iter()
            .zip(b"HTTP/1.")
            .any(|(is, should)| is != should)
        {
            return Err(Reason::HeadMalformed);
        }
        let Some(length) = self.0.find(input, limits).map_err(in_head)? else {
            return Ok(None);
        };
        let head = parse_head(input.split_to(length), self.0.fields())?;
        *self = Self::default();
        Ok(Some(head))
    }
}

/// Where in an answer the input is.
#[derive(Debug)]
pub(super) enum Receiver {
    Head(HeadReader),
    Body(ResponseHead, Body),
}

/// A body under way.
#[derive(Debug)]
pub(super) enum Body {
    Known(usize),
    Chunked(Box<Chunked>),
    /// It ends with the connection (RFC 9112 §6.3).
    UntilEnd(BytesMut),
}

/// The part of an answer that the input completed.
#[derive(Debug)]
pub(super) enum Received {
    /// A 1xx but 101.
    Interim,
    /// The final head.
    Head(Persistence),
    /// A 101, or a 2xx to CONNECT: what follows is no HTTP.
    Switched(ResponseHead),
    /// The whole answer.
    Response(ResponseHead, Bytes),
}

impl Default for Receiver {
    fn default() -> Self {
        Self::Head(HeadReader::default())
    }
}

impl Receiver {
    pub(super) fn in_body(&self) -> bool {
        matches!(self, Self::Body(..))
    }

    /// Takes the next whole part off the front of `input`.
    pub(super) fn receive(
        &mut self,
        input: &mut BytesMut,
        asked: Asked,
        config: &Config,
    ) -> Result<Option<Received>, Reason> {
        let limits = &config.limits;
        match self {
            Self::Head(reader) => {
                let Some(head) = reader.read(input, limits)? else {
                    return Ok(None);
                };
                match (head.status(), asked) {
                    (101, _) => return Ok(Some(Received::Switched(head))),
                    (100..=199, _) => return Ok(Some(Received::Interim)),
                    (200..=299, Asked::Tunnel) => return Ok(Some(Received::Switched(head))),
                    _ => {}
                }
                let body = body(&head, asked, limits)?;
                let persistence = persistence(&head, &body);
                *self = Self::Body(head, body);
                Ok(Some(Received::Head(persistence)))
            }
            Self::Body(_, Body::Known(length)) => {
                if input.len() < *length {
                    return Ok(None);
                }
                // A slice of the input: no copy.
                let body = input.split_to(*length).freeze();
                Ok(self.finish(body))
            }
            Self::Body(_, Body::Chunked(chunked)) => {
                let Some(body) = chunked
                    .decode(input, limits, usize::MAX)
                    .map_err(in_chunks)?
                else {
                    return Ok(None);
                };
                Ok(self.finish(body.freeze()))
            }
            Self::Body(_, Body::UntilEnd(body)) => {
                if body.len() + input.len() > limits.body_bytes {
                    return Err(Reason::BodyTooLong);
                }
                body.extend_from_slice(input);
                input.clear();
                Ok(None)
            }
        }
    }

    /// The connection ended: the answer that ends with it.
    pub(super) fn end(&mut self) -> Option<(ResponseHead, Bytes)> {
        match std::mem::take(self) {
            Self::Body(head, Body::UntilEnd(body)) => Some((head, body.freeze())),
            Self::Head(_) | Self::Body(_, Body::Known(_) | Body::Chunked(_)) => None,
        }
    }

    fn finish(&mut self, body: Bytes) -> Option<Received> {
        match std::mem::take(self) {
            Self::Head(_) => None,
            Self::Body(head, _) => Some(Received::Response(head, body)),
        }
    }
}

fn in_head(reason: server::Reason) -> Reason {
    match reason.status() {
        414 | 431 => Reason::HeadTooLong,
        _ => Reason::HeadMalformed,
    }
}

fn in_chunks(reason: server::Reason) -> Reason {
    match reason.status() {
        413 => Reason::BodyTooLong,
        431 => Reason::HeadTooLong,
        _ => Reason::ChunkMalformed,
    }
}

/// Parses a head whose end was found, with this many field lines.
fn parse_head(mut bytes: BytesMut, lines: usize) -> Result<ResponseHead, Reason> {
    unfold(&mut bytes)?;
    // RFC 9110 §2.5: a later HTTP/1 is read as 1.1.
    if let Some(minor @ b'2'..=b'9') = bytes.get_mut(b"HTTP/1.".len()) {
        *minor = b'1';
    }
    let bytes = bytes.freeze();
    // The parser's references live as long as this count, not as long as the head.
    let source = bytes.clone();
    let mut room = Vec::new();
    room.resize_with(lines, MaybeUninit::uninit);
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        &source,
        &mut room,
    );
    if parsed != Ok(httparse::Status::Complete(source.len())) {
        return Err(Reason::HeadMalformed);
    }
    let (Some(status), Some(minor)) = (response.code, response.version) else {
        return Err(Reason::HeadMalformed);
    };
    let version = match minor {
        0 => Version::Http10,
        _ => Version::Http11,
    };
    if status < 100 {
        return Err(Reason::HeadMalformed);
    }
    let span = |part: &[u8]| {
        let start = (part.as_ptr() as usize).saturating_sub(source.as_ptr() as usize);
        Span::new(start..start + part.len())
    };
    let mut fields = Vec::with_capacity(response.headers.len());
    for line in response.headers.iter() {
        let value = line.value.trim_ascii();
        if line.name.is_empty() || value.contains(&0x7f) {
            return Err(Reason::HeadMalformed);
        }
        fields.push(FieldLine {
            name: span(line.name.as_bytes()),
            value: span(value),
        });
    }
    Ok(ResponseHead::from_spans(bytes, status, version, fields))
}

/// RFC 9112 §5.2: a client reads a folded line as one, its line ends as spaces. White space before the first field is refused (§2.2).
fn unfold(head: &mut [u8]) -> Result<(), Reason> {
    let mut first = true;
    let mut from = 0;
    while let Some(found) = memchr::memchr(b'\n', head.proved(from..)) {
        let at = from + found;
        from = at + 1;
        if matches!(head.get(from), Some(b' ' | b'\t')) {
            if first {
                return Err(Reason::HeadMalformed);
            }
            if let Some(end) = head.get_mut(at.saturating_sub(1)..=at) {
                end.fill(b' ');
            }
        }
        first = false;
    }
    Ok(())
}

/// How the body of a final answer is delimited (RFC 9112 §6.3). What is ambiguous is refused, never repaired.
fn body(head: &ResponseHead, asked: Asked, limits: &Limits) -> Result<Body, Reason> {
    if asked == Asked::HeadAlone || matches!(head.status(), 204 | 304) {
        return Ok(Body::Known(0));
    }
    let length = content_length(head)?;
    let mut codings = head.fields("transfer-encoding");
    match (codings.next(), codings.next(), length) {
        (None, _, None) => Ok(Body::UntilEnd(BytesMut::new())),
        (None, _, Some(length)) if length > limits.body_bytes => Err(Reason::BodyTooLong),
        (None, _, Some(length)) => Ok(Body::Known(length)),
        // RFC 9112 §6.1: a coding in HTTP/1.0, or beside a length, is somebody else's idea of where the body ends.
        (Some(_), _, _) if length.is_some() || head.version() == Version::Http10 => {
            Err(Reason::LengthAmbiguous)
        }
        (Some(coding), None, _) if coding.eq_ignore_ascii_case(b"chunked") => {
            Ok(Body::Chunked(Box::new(Chunked::new())))
        }
        (Some(_), _, _) => Err(Reason::CodingUnsupported),
    }
}

/// RFC 9110 §8.6: digits alone; a repeated length is one length.
fn content_length(head: &ResponseHead) -> Result<Option<usize>, Reason> {
    let mut length = None;
    for value in head.fields("content-length") {
        for digits in value.split(|&octet| octet == b',').map(<[u8]>::trim_ascii) {
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return Err(Reason::LengthAmbiguous);
            }
            let this = digits.iter().fold(0usize, |sum, digit| {
                sum.saturating_mul(10)
                    .saturating_add(usize::from(digit - b'0'))
            });
            if length.is_some_and(|length| length != this) {
                return Err(Reason::LengthAmbiguous);
            }
            length = Some(this);
        }
    }
    Ok(length)
}

/// Whether the connection goes on behind an answer (RFC 9112 §9.3).
fn persistence(head: &ResponseHead, body: &Body) -> Persistence {
    let kept = match head.version() {
        Version::Http11 => true,
        Version::Http10 => head.has_token("connection", "keep-alive"),
    };
    if kept && !head.has_token("connection", "close") && !matches!(body, Body::UntilEnd(_)) {
        Persistence::Keep
    } else {
        Persistence::Close
    }
}
