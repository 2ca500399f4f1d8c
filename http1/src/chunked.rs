//! The chunked coding (RFC 9112 §7.1), decoded as it comes. Extensions and trailers are checked and skipped.

use bytes::{Buf, BytesMut};

use crate::{
    Limits,
    parse::{BAD_REQUEST, Fault, is_token_octet},
};

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

    /// Takes what belongs to the body off the front of `input`. Gives the body at its end.
    pub(crate) fn decode(
        &mut self,
        input: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<BytesMut>, Fault> {
        while let Some(&octet) = input.first() {
            if let State::Data { left } = self.state {
                let taken = left.min(input.len());
                self.body
                    .extend_from_slice(input.get(..taken).unwrap_or_default());
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

    fn step(&mut self, octet: u8, limits: &Limits) -> Result<State, Fault> {
        Ok(match (self.state, octet) {
            (State::Size { value, digits }, _) if octet.is_ascii_hexdigit() => {
                if digits == SIZE_DIGITS {
                    return Err(BAD_REQUEST);
                }
                let digit = (octet as char).to_digit(16).unwrap_or_default() as usize;
                let value = value.saturating_mul(16).saturating_add(digit);
                if value > limits.body_bytes.saturating_sub(self.body.len()) {
                    return Err(Fault(413));
                }
                State::Size {
                    value,
                    digits: digits + 1,
                }
            }
            (State::Size { digits: 0, .. }, _) => return Err(BAD_REQUEST),
            (State::Size { value: size, .. } | State::Extension { size }, b'\r') => {
                State::SizeEnd { size }
            }
            (State::Size { value: size, .. } | State::BeforeExtension { size }, b';') => {
                State::Extension { size }
            }
            (State::Size { value: size, .. } | State::BeforeExtension { size }, b' ' | b'\t') => {
                self.count_extension(limits)?;
                State::BeforeExtension { size }
            }
            (State::Extension { size }, _) if is_field_octet(octet) => {
                self.count_extension(limits)?;
                State::Extension { size }
            }
            (State::SizeEnd { size: 0 }, b'\n') => State::TrailerStart,
            (State::SizeEnd { size }, b'\n') => State::Data { left: size },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => SIZE,
            (State::TrailerStart, b'\r') => State::LastLf,
            (State::TrailerStart | State::TrailerName, _) if is_token_octet(octet) => {
                if matches!(self.state, State::TrailerStart) {
                    self.trailer_lines += 1;
                }
                self.count_trailer(limits)?;
                State::TrailerName
            }
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerValue, _) if is_field_octet(octet) => {
                self.count_trailer(limits)?;
                State::TrailerValue
            }
            (State::TrailerLf, b'\n') => State::TrailerStart,
            _ => return Err(BAD_REQUEST),
        })
    }

    fn count_extension(&mut self, limits: &Limits) -> Result<(), Fault> {
        self.extensions += 1;
        if self.extensions > limits.head_bytes {
            return Err(BAD_REQUEST);
        }
        Ok(())
    }

    fn count_trailer(&mut self, limits: &Limits) -> Result<(), Fault> {
        self.trailers += 1;
        if self.trailers > limits.head_bytes || self.trailer_lines > limits.fields {
            return Err(Fault(431));
        }
        Ok(())
    }
}

/// RFC 9110 §5.5: what a field value may hold.
pub(crate) fn is_field_octet(octet: u8) -> bool {
    octet == b'\t' || (octet >= b' ' && octet != 0x7f)
}
