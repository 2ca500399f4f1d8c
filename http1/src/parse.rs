//! Heads from the wire. A head's end is searched for with the offset kept, so that a byte is scanned once
//! however the head is cut; then it is parsed once. A violation is judged by its position alone.

use std::mem::MaybeUninit;

use bytes::Bytes;
use xmpp_machine::Proved as _;

use crate::{
    Limits, RequestHead, Version,
    head::{FieldLine, Span},
    server::Reason,
    target::{self, Target},
};

/// Searches for the end of a head that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// Every line end before it was judged.
    scanned: usize,
    /// Where the line under way starts.
    line: usize,
    /// Field lines ended.
    fields: usize,
}

impl Search {
    /// Bytes of the head that were seen.
    pub(crate) fn seen(&self) -> usize {
        self.scanned
    }

    /// Field lines of the head that was found.
    pub(crate) fn fields(&self) -> usize {
        self.fields
    }

    /// Notes bytes that cannot be judged yet.
    pub(crate) fn saw(&mut self, bytes: usize) {
        self.scanned = bytes;
    }

    /// The head's length, once its blank line is there. `input` starts with the same bytes as before.
    pub(crate) fn find(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, Reason> {
        if self.scanned == 0 && input.first().is_some_and(|&first| !is_token_octet(first)) {
            return Err(Reason::NotHttp);
        }
        let start_line = limits
            .start_line_bytes
            .min(limits.head_bytes.saturating_sub(2));
        while let Some(found) = memchr::memchr(b'\n', input.proved(self.scanned..)) {
            let at = self.scanned + found;
            if self.line == 0 && at > start_line + 1 {
                return Err(Reason::StartLineTooLong);
            }
            if at >= limits.head_bytes {
                return Err(Reason::HeadTooLong);
            }
            let line = input.proved(self.line..at);
            if line.last() != Some(&b'\r') {
                return Err(Reason::BareLineFeed); // W-R-024
            }
            if line.len() == 1 {
                return Ok(Some(at + 1));
            }
            if self.line > 0 {
                self.fields += 1;
                if self.fields > limits.fields {
                    return Err(Reason::TooManyFields);
                }
            }
            self.line = at + 1;
            self.scanned = at + 1;
        }
        self.scanned = input.len();
        if self.line == 0 && input.len() > start_line + 1 {
            return Err(Reason::StartLineTooLong);
        }
        if input.len() >= limits.head_bytes {
            return Err(Reason::HeadTooLong);
        }
        Ok(None)
    }

    /// Parses the head whose length was found.
    pub(crate) fn parse(&self, bytes: Bytes) -> Result<RequestHead, Reason> {
        const USUAL: usize = 32;
        // The parser's references live as long as this count, not as long as the head.
        let source = bytes.clone();
        if self.fields <= USUAL {
            let mut lines = [const { MaybeUninit::uninit() }; USUAL];
            parse_into(&source, bytes, &mut lines)
        } else {
            let mut lines = Vec::new();
            lines.resize_with(self.fields, MaybeUninit::uninit);
            parse_into(&source, bytes, &mut lines)
        }
    }
}

fn parse_into<'s>(
    source: &'s [u8],
    bytes: Bytes,
    lines: &mut [MaybeUninit<httparse::Header<'s>>],
) -> Result<RequestHead, Reason> {
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(source, lines) {
        Ok(httparse::Status::Complete(length)) if length == source.len() => {}
        Ok(_) => return Err(Reason::HeadMalformed),
        Err(_) => return parse_version(source, lines.len()),
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(Reason::HeadMalformed);
    };
    let version = if minor == 0 {
        Version::Http10
    } else {
        Version::Http11
    };
    check_target(method, target)?;
    let span = |part: &[u8]| {
        let start = (part.as_ptr() as usize).saturating_sub(source.as_ptr() as usize);
        Span::new(start..start + part.len())
    };
    let mut hosts = 0;
    let mut fields = Vec::with_capacity(request.headers.len());
    for line in request.headers.iter() {
        let value = line.value.trim_ascii();
        if line.name.is_empty() || value.contains(&0x7f) {
            return Err(Reason::HeadMalformed);
        }
        if line.name.eq_ignore_ascii_case("host") {
            hosts += 1;
            if !target::is_authority(value) {
                return Err(Reason::HostMalformed);
            }
        }
        fields.push(FieldLine {
            name: span(line.name.as_bytes()),
            value: span(value),
        });
    }
    // RFC 9112 §3.2, W-R-004: exactly one; HTTP/1.0 may leave it out.
    if hosts > 1 || (hosts == 0 && version == Version::Http11) {
        return Err(Reason::HostMalformed);
    }
    let (method, target) = (span(method.as_bytes()), span(target.as_bytes()));
    Ok(RequestHead::from_spans(
        bytes, method, target, version, fields,
    ))
}

/// RFC 9112 §3.2: which form goes with which method.
fn check_target(method: &str, target: &str) -> Result<(), Reason> {
    let odd = |octet: u8| octet <= b' ' || octet == 0x7f || octet == b'#';
    if method.is_empty() || target.bytes().any(odd) {
        return Err(Reason::TargetMalformed);
    }
    match (
        Target::parse(target).ok_or(Reason::TargetMalformed)?,
        method,
    ) {
        (Target::Authority, "CONNECT") => Err(Reason::TunnelRefused),
        (Target::Asterisk, "OPTIONS") => Ok(()),
        (Target::Authority | Target::Asterisk, _)
        | (Target::Origin { .. } | Target::Absolute { .. }, "CONNECT") => {
            Err(Reason::TargetMalformed)
        }
        (Target::Origin { .. } | Target::Absolute { .. }, _) => Ok(()),
    }
}

/// What becomes of a head that was refused: one of a later HTTP/1 is read as 1.1 (RFC 9110 §2.5), if that was all.
#[cold]
fn parse_version(source: &[u8], lines: usize) -> Result<RequestHead, Reason> {
    let fault = refused_version(source).ok_or(Reason::HeadMalformed)?;
    let end = memchr::memchr(b'\r', source).unwrap_or_default();
    let mut bytes = source.to_vec();
    match bytes.get_mut(..end) {
        Some([.., b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor]) => *minor = b'1',
        _ => return Err(fault),
    }
    let bytes = Bytes::from(bytes);
    let mut room = Vec::new();
    room.resize_with(lines, MaybeUninit::uninit);
    parse_into(&bytes.clone(), bytes, &mut room)
}

/// Whether the start line is good but for a version that is not 1.0 or 1.1.
fn refused_version(head: &[u8]) -> Option<Reason> {
    let line = head.get(..memchr::memchr(b'\r', head)?)?;
    let mut words = line.split(|&octet| octet == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let good = words.next().is_none()
        && method.iter().copied().all(is_token_octet)
        && !target.is_empty()
        && matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit());
    (good && version != b"HTTP/1.0" && version != b"HTTP/1.1").then_some(Reason::VersionUnsupported)
}

/// RFC 9110 §5.6.2 tchar.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0_u8;
    loop {
        table[octet as usize] = octet.is_ascii_alphanumeric()
            || matches!(
                octet,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        if octet == u8::MAX {
            break table;
        }
        octet += 1;
    }
};

pub(crate) fn is_token_octet(octet: u8) -> bool {
    TOKEN[usize::from(octet)]
}
