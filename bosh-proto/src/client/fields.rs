//! The fields of an exported session as text, `name length:bytes` and a line end each: written, and
//! read in the same order by a reader that is total and bounded.

use std::time::Duration;

use bytes::Bytes;
use xmpp_machine::Moment;
use xmpp_wire::{Element, XmlLimits};

/// The longest time, about 31 years: more is a forgery, and would overflow a clock.
const MILLIS: u64 = 1_000_000_000_000;
/// Why bytes are not an exported session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Another form, or another version of it.
    #[error("not a session of this version")]
    Version,
    /// More bytes than `Exported::MAX_BYTES`.
    #[error("larger than an exported session can be")]
    TooBig,
    /// Cut short, or a field that is not what its place wants.
    #[error("no valid {field}")]
    Field {
        /// The name of the field.
        field: &'static str,
    },
}

/// An element that stands alone. It was within the limits that it came under; the value's own size bounds it here.
pub(super) fn element(bytes: &[u8]) -> Result<Element, DecodeError> {
    let mut limits = XmlLimits::default().with_element_bytes(bytes.len());
    limits.depth = bytes.len();
    limits.attributes = bytes.len();
    limits.declarations = bytes.len();
    Element::parse(Bytes::copy_from_slice(bytes), &limits)
        .map_err(|_| DecodeError::Field { field: "element" })
}

/// Writes the fields of an exported session.
pub(super) struct Encoder {
    pub(super) out: Vec<u8>,
}

impl Encoder {
    pub(super) fn bytes(&mut self, name: &str, value: &[u8]) {
        self.out
            .extend_from_slice(format!("{name} {}:", value.len()).as_bytes());
        self.out.extend_from_slice(value);
        self.out.push(b'\n');
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.bytes(name, value.as_bytes());
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.text(name, &value.to_string());
    }

    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.text(name, if value { "yes" } else { "no" });
    }

    /// Whole milliseconds, rounded up: a deadline is never early.
    pub(super) fn time(&mut self, name: &str, value: Duration) {
        let millis = u64::try_from(value.as_nanos().div_ceil(1_000_000)).unwrap_or(MILLIS);
        self.number(name, millis.min(MILLIS));
    }

    /// A text that may be missing: `-`, or `+` and the text.
    pub(super) fn option(&mut self, name: &str, value: Option<&str>) {
        match value {
            None => self.text(name, "-"),
            Some(text) => self.text(name, &format!("+{text}")),
        }
    }

    pub(super) fn optional_number(&mut self, name: &str, value: Option<u64>) {
        self.option(name, value.map(|value| value.to_string()).as_deref());
    }

    pub(super) fn optional_time(&mut self, name: &str, value: Option<Duration>) {
        let millis = value.map(|value| {
            let millis = value.as_nanos().div_ceil(1_000_000);
            u64::try_from(millis).unwrap_or(MILLIS).min(MILLIS)
        });
        self.optional_number(name, millis);
    }

    pub(super) fn group(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        let mut inner = Self { out: Vec::new() };
        write(&mut inner);
        self.bytes(name, &inner.out);
    }

    pub(super) fn elements<'a>(&mut self, name: &str, elements: impl Iterator<Item = &'a Element>) {
        self.group(name, |out| {
            for element in elements {
                out.bytes("element", element.raw());
            }
        });
    }
}

/// Reads the fields of an exported session, in the order in which they were written.
pub(super) struct Fields<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        self.next(field).ok_or(DecodeError::Field { field })
    }

    fn next(&mut self, name: &str) -> Option<&'a [u8]> {
        let rest = self.rest.strip_prefix(name.as_bytes())?;
        let rest = rest.strip_prefix(b" ")?;
        // Twenty digits at most.
        let colon = rest.iter().take(21).position(|byte| *byte == b':')?;
        let length = std::str::from_utf8(rest.get(..colon)?).ok()?;
        let is_digits = length.bytes().all(|byte| byte.is_ascii_digit());
        let length: usize = length.parse().ok().filter(|_| is_digits)?;
        let rest = rest.get(colon + 1..)?;
        let value = rest.get(..length)?;
        self.rest = rest.get(length..)?.strip_prefix(b"\n")?;
        Some(value)
    }

    pub(super) fn end(&self, field: &'static str) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Field { field })
        }
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes(field)?).map_err(|_| DecodeError::Field { field })
    }

    pub(super) fn number(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        number(self.text(field)?).ok_or(DecodeError::Field { field })
    }

    pub(super) fn small(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        u8::try_from(self.number(field)?).map_err(|_| DecodeError::Field { field })
    }

    pub(super) fn size(&mut self, field: &'static str) -> Result<usize, DecodeError> {
        Ok(usize::try_from(self.number(field)?).unwrap_or(usize::MAX))
    }

    pub(super) fn flag(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        match self.text(field)? {
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err(DecodeError::Field { field }),
        }
    }

    pub(super) fn time(&mut self, field: &'static str) -> Result<Duration, DecodeError> {
        let millis = Some(self.number(field)?).filter(|millis| *millis <= MILLIS);
        let millis = millis.ok_or(DecodeError::Field { field })?;
        Ok(Duration::from_millis(millis))
    }

    /// A deadline, that much after the session came to rest.
    pub(super) fn moment(&mut self, field: &'static str) -> Result<Moment, DecodeError> {
        Ok(Moment::FIRST + self.time(field)?)
    }

    pub(super) fn optional_moment(
        &mut self,
        field: &'static str,
    ) -> Result<Option<Moment>, DecodeError> {
        let rest = self.optional_time(field)?;
        Ok(rest.map(|rest| Moment::FIRST + rest))
    }

    /// What the wire has in whole seconds, 65 535 at most.
    pub(super) fn seconds(&mut self, field: &'static str) -> Result<Duration, DecodeError> {
        let time = self.time(field)?;
        if time.as_secs() > u64::from(u16::MAX) || time.subsec_nanos() != 0 {
            return Err(DecodeError::Field { field });
        }
        Ok(time)
    }

    pub(super) fn option(&mut self, field: &'static str) -> Result<Option<String>, DecodeError> {
        let text = self.text(field)?;
        match text.strip_prefix('+') {
            Some(text) => Ok(Some(text.to_owned())),
            None if text == "-" => Ok(None),
            None => Err(DecodeError::Field { field }),
        }
    }

    pub(super) fn optional_number(
        &mut self,
        field: &'static str,
    ) -> Result<Option<u64>, DecodeError> {
        let Some(text) = self.option(field)? else {
            return Ok(None);
        };
        let value = number(&text).ok_or(DecodeError::Field { field })?;
        Ok(Some(value))
    }

    pub(super) fn optional_time(
        &mut self,
        field: &'static str,
    ) -> Result<Option<Duration>, DecodeError> {
        let millis = self.optional_number(field)?;
        if millis.is_some_and(|millis| millis > MILLIS) {
            return Err(DecodeError::Field { field });
        }
        Ok(millis.map(Duration::from_millis))
    }

    /// A group that is read to its end.
    pub(super) fn group<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut inner = Self {
            rest: self.bytes(field)?,
        };
        let value = read(&mut inner)?;
        inner.end(field)?;
        Ok(value)
    }

    /// A group of as many as there are.
    pub(super) fn list<T, L: Default + Extend<T>>(
        &mut self,
        field: &'static str,
        read: impl Fn(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<L, DecodeError> {
        self.group(field, |fields| {
            let mut list = L::default();
            while !fields.rest.is_empty() {
                list.extend([read(fields)?]);
            }
            Ok(list)
        })
    }

    pub(super) fn elements(&mut self, field: &'static str) -> Result<Vec<Element>, DecodeError> {
        self.list(field, |fields| element(fields.bytes("element")?))
    }
}

fn number(text: &str) -> Option<u64> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_digits)
}
