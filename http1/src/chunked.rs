//! The chunked coding (RFC 9112 §7.1), decoded as it comes. Extensions and trailers are checked and skipped.

use bytes::{Buf, BytesMut};
use xmpp_machine::Proved as _;

use crate::{Limits, parse::is_token_octet, server::Reason};

/// Digits of a chunk size; more than any size needs, zeros in front included.
const SIZE_DIGITS: u8 = 16;

/// A chunked body under way.
#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    body: BytesMut,
    /// Bytes of all extensions so far.
    extensions: usize,
    /// Bytes and lines of the trailers so far.
    trailers: usize,
    trailer_lines: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Size {
        value: usize,
        digits: u8,
    },
    /// White space that only an extension may follow.
    BeforeExtension {
        size: usize,
    },
    Extension {
        size: usize,
    },
    SizeEnd {
        size: usize,
    },
    Data {
        left: usize,
    },
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
}

const SIZE: State = State::Size {
    value: 0,
    digits: 0,
};

impl Chunked {
    pub(crate) fn new() -> Self {
        Self {
            state: SIZE,
            body: BytesMut::new(),
            extensions: 0,
            trailers: 0,
            trailer_lines: 0,
        }
    }

    /// Bytes of all chunks whose sizes came.
    pub(crate) fn announced(&self) -> usize {
        let left = if let State::Data { left } = self.state {
            left
        } else {
            0
        };
        self.body.len().saturating_add(left)
    }

    /// Takes what belongs to the body off the front of `input`. Gives the body at its end. Stops before the data of a chunk that leads
    /// beyond `most`.
    pub(crate) fn decode(
        &mut self,
        input: &mut BytesMut,
        limits: &Limits,
        most: usize,
    ) -> Result<Option<BytesMut>, Reason> {
        while let Some(&octet) = input.first() {
            if self.announced() > most {
                return Ok(None);
            }
            if let State::Data { left } = self.state {
                let taken = left.min(input.len());
                self.body.extend_from_slice(input.proved(..taken));
                input.advance(taken);
                self.state = if left == taken {
                    State::DataCr
                } else {
                    State::Data { left: left - taken }
                };
                continue;
            }
            input.advance(1);
            if matches!(self.state, State::LastLf) && octet == b'\n' {
                return Ok(Some(std::mem::take(&mut self.body)));
            }
            self.state = self.step(octet, limits)?;
        }
        Ok(None)
    }

    fn step(&mut self, octet: u8, limits: &Limits) -> Result<State, Reason> {
        let next = match self.state {
            State::Size { value, digits } if octet.is_ascii_hexdigit() => {
                return self.size(value, digits, octet, limits);
            }
            State::Size { digits: 0, .. } => None,
            State::Size { value: size, .. } | State::BeforeExtension { size } => match octet {
                b'\r' if matches!(self.state, State::Size { .. }) => Some(State::SizeEnd { size }),
                b';' => Some(State::Extension { size }),
                b' ' | b'\t' => {
                    self.count_extension(limits)?;
                    Some(State::BeforeExtension { size })
                }
                _ => None,
            },
            State::Extension { size } if is_field_octet(octet) => {
                self.count_extension(limits)?;
                Some(State::Extension { size })
            }
            State::Extension { size } => (octet == b'\r').then_some(State::SizeEnd { size }),
            State::SizeEnd { size: 0 } => (octet == b'\n').then_some(State::TrailerStart),
            State::SizeEnd { size } => (octet == b'\n').then_some(State::Data { left: size }),
            State::DataCr => (octet == b'\r').then_some(State::DataLf),
            State::DataLf => (octet == b'\n').then_some(SIZE),
            State::TrailerStart if octet == b'\r' => Some(State::LastLf),
            State::TrailerStart if is_token_octet(octet) => {
                self.trailer_lines += 1;
                self.count_trailer(limits)?;
                Some(State::TrailerName)
            }
            State::TrailerName if is_token_octet(octet) => {
                self.count_trailer(limits)?;
                Some(State::TrailerName)
            }
            State::TrailerName => (octet == b':').then_some(State::TrailerValue),
            State::TrailerValue if is_field_octet(octet) => {
                self.count_trailer(limits)?;
                Some(State::TrailerValue)
            }
            State::TrailerValue => (octet == b'\r').then_some(State::TrailerLf),
            State::TrailerLf => (octet == b'\n').then_some(State::TrailerStart),
            // `decode` takes what these expect.
            State::TrailerStart | State::Data { .. } | State::LastLf => None,
        };
        next.ok_or(Reason::ChunkMalformed)
    }

    fn size(&self, value: usize, digits: u8, octet: u8, limits: &Limits) -> Result<State, Reason> {
        if digits == SIZE_DIGITS {
            return Err(Reason::ChunkMalformed);
        }
        let digit = char::from(octet).to_digit(16).unwrap_or_default() as usize;
        let value = value.saturating_mul(16).saturating_add(digit);
        if value > limits.body_bytes.saturating_sub(self.body.len()) {
            return Err(Reason::BodyTooLong);
        }
        Ok(State::Size {
            value,
            digits: digits + 1,
        })
    }

    fn count_extension(&mut self, limits: &Limits) -> Result<(), Reason> {
        self.extensions += 1;
        if self.extensions > limits.head_bytes {
            return Err(Reason::ExtensionsTooLong);
        }
        Ok(())
    }

    fn count_trailer(&mut self, limits: &Limits) -> Result<(), Reason> {
        self.trailers += 1;
        if self.trailers > limits.head_bytes || self.trailer_lines > limits.fields {
            return Err(Reason::TrailersTooLong);
        }
        Ok(())
    }
}

/// RFC 9110 §5.5: what a field value may hold.
pub(crate) fn is_field_octet(octet: u8) -> bool {
    (octet == b'\t') | ((octet >= b' ') & (octet != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(input: &str) -> Result<Option<(Vec<u8>, String)>, u16> {
        let mut input = BytesMut::from(input);
        match Chunked::new().decode(&mut input, &Limits::default(), usize::MAX) {
            Ok(Some(body)) => {
                let rest = String::from_utf8_lossy(&input).into_owned();
                Ok(Some((body.to_vec(), rest)))
            }
            Ok(None) => Ok(None),
            Err(reason) => Err(reason.status()),
        }
    }

    #[test]
    fn a_body_ends_at_its_last_octet() {
        let input = "3;a\r\nabc\r\n1\r\nd\r\n00\r\nT: 1\r\n\r\nGET";
        assert_eq!(decode(input), Ok(Some((b"abcd".to_vec(), "GET".into()))));
        for cut in 0..input.len() - 3 {
            assert_eq!(decode(&input[..cut]), Ok(None), "{cut}");
        }
    }

    #[test]
    fn a_wrong_octet_is_refused_in_every_state() {
        for input in [
            "x",
            "1 x",
            "1\0",
            "1;\0",
            "1\rx",
            "1\r\nab",
            "1\r\na\rx",
            "0\r\n:",
            "0\r\nA ",
            "0\r\nA:\0",
            "0\r\nA:\rx",
            "0\r\n\rx",
            "1 \r",
        ] {
            assert_eq!(decode(input), Err(400), "{input:?}");
        }
    }

    #[test]
    fn zeros_in_front_are_bounded() {
        assert_eq!(decode("0000000000000001\r\n"), Ok(None));
        assert_eq!(decode("00000000000000001\r\n"), Err(400));
    }

    #[test]
    fn a_size_is_refused_before_its_data() {
        assert_eq!(decode("40000"), Ok(None));
        assert_eq!(decode("40001"), Err(413));
        assert_eq!(decode("1\r\na\r\n40000"), Err(413));
    }
}
