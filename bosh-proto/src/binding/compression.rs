//! Coded bodies of requests and answers (XEP-0124 §5; B-R-011, B-R-013).

use std::io::{self, Read, Write as _};

use bytes::Bytes;
use flate2::{
    Compression,
    read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};
use xmpp_http1::RequestHead;

use crate::Coding;

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    TooLarge,
    Malformed,
}

/// Decodes a body, whose size is bounded on both sides: what would be longer than `limit` is not kept.
pub(super) fn decode(coding: Coding, body: &[u8], limit: usize) -> Result<Bytes, Unreadable> {
    match coding {
        Coding::Gzip => read(MultiGzDecoder::new(body), limit),
        // RFC 1950 §2.2: method 8, and a check over the first two bytes.
        Coding::Deflate => match body {
            [method, flags, ..]
                if method & 0x0f == 8
                    && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0 =>
            {
                read(ZlibDecoder::new(body), limit)
            }
            _ => read(DeflateDecoder::new(body), limit),
        },
    }
}

fn read(decoder: impl Read, limit: usize) -> Result<Bytes, Unreadable> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut decoded = Vec::new();
    decoder
        .take(most)
        .read_to_end(&mut decoded)
        .map_err(|_| Unreadable::Malformed)?;
    if decoded.len() > limit {
        return Err(Unreadable::TooLarge);
    }
    Ok(decoded.into())
}

/// Encodes a body.
pub(super) fn encode(coding: Coding, body: &[u8]) -> io::Result<Bytes> {
    let room = Vec::with_capacity(body.len() / 2);
    let coded = match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(room, Compression::fast());
            encoder.write_all(body)?;
            encoder.finish()?
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(room, Compression::fast());
            encoder.write_all(body)?;
            encoder.finish()?
        }
    };
    Ok(coded.into())
}

/// The coding that a client prefers among `offered` (RFC 9110 §12.5.3); `None` where it names none of them.
pub(super) fn accepted(head: &RequestHead, offered: &[Coding]) -> Option<Coding> {
    let mut best: Option<(u16, Coding)> = None;
    for item in head.list("accept-encoding") {
        let Some((coding, weight)) = std::str::from_utf8(item).ok().and_then(weighed) else {
            continue;
        };
        let is_better = best.is_none_or(|(other, _)| weight > other);
        if weight > 0 && is_better && offered.contains(&coding) {
            best = Some((weight, coding));
        }
    }
    best.map(|(_, coding)| coding)
}

/// A coding and its weight in thousandths.
fn weighed(item: &str) -> Option<(Coding, u16)> {
    let (name, parameter) = item.split_once(';').unwrap_or((item, ""));
    let coding = Coding::parse(name)?;
    let parameter = parameter.trim();
    if parameter.is_empty() {
        return Some((coding, 1_000));
    }
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let fraction = format!("{fraction:0<3}");
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    let fraction: u16 = fraction.get(..3)?.parse().ok()?;
    Some((coding, (whole * 1_000 + fraction).min(1_000)))
}

#[cfg(test)]
mod tests {
    use xmpp_http1::Version;

    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for coding in Coding::ALL {
            for body in [b"".as_slice(), b"<body/>", &[b'x'; 100_000]] {
                let coded = encode(coding, body).unwrap();
                assert_eq!(decode(coding, &coded, 100_000).as_deref(), Ok(body));
            }
        }
    }

    /// Some send raw streams as `deflate`.
    #[test]
    fn a_raw_stream_is_read_as_deflate() {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"<body xmlns='x'/>").unwrap();
        let raw = encoder.finish().unwrap();
        assert_eq!(
            decode(Coding::Deflate, &raw, 100).as_deref(),
            Ok(b"<body xmlns='x'/>".as_slice())
        );
    }

    #[test]
    fn what_is_cut_or_broken_is_malformed() {
        for coding in Coding::ALL {
            let coded = encode(coding, &[b'x'; 1000]).unwrap();
            let cut = &coded[..coded.len() - 1];
            assert_eq!(decode(coding, cut, 1000), Err(Unreadable::Malformed));
            assert_eq!(decode(coding, b"<body/>", 1000), Err(Unreadable::Malformed));
            assert_eq!(decode(coding, &coded, 999), Err(Unreadable::TooLarge));
            assert!(decode(coding, &coded, 1000).is_ok());
        }
    }

    #[test]
    fn weights_decide() {
        let offered = Coding::ALL;
        for (field, coding) in [
            ("gzip", Some(Coding::Gzip)),
            ("deflate, gzip", Some(Coding::Deflate)),
            ("deflate;q=0.5, gzip;q=0.501", Some(Coding::Gzip)),
            ("gzip;q=0, deflate", Some(Coding::Deflate)),
            ("X-GZIP ; Q=1", Some(Coding::Gzip)),
            ("gzip;q=0", None),
            ("gzip;q=0.000", None),
            ("gzip;level=9", None),
            ("br, *", None),
            ("identity", None),
            ("", None),
        ] {
            let head =
                RequestHead::new("POST", "/", Version::Http11).with_field("Accept-Encoding", field);
            assert_eq!(accepted(&head, &offered), coding, "{field}");
        }
        let head =
            RequestHead::new("POST", "/", Version::Http11).with_field("Accept-Encoding", "gzip");
        assert_eq!(accepted(&head, &[Coding::Deflate]), None);
    }
}
