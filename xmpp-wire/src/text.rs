//! Text that was proved to be UTF-8, in the buffer that it came in.

use bytes::Bytes;

/// Bytes that were proved to be UTF-8, as cheap to clone as `Bytes`.
///
/// ```
/// use bytes::Bytes;
/// use xmpp_wire::{NotUtf8, Utf8Bytes};
///
/// assert_eq!(Utf8Bytes::from("é").as_str(), "é");
/// assert_eq!(Utf8Bytes::try_from(Bytes::from_static(b"\xff")), Err(NotUtf8));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Utf8Bytes(Bytes);

/// Bytes that were to be text and are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not UTF-8")]
pub struct NotUtf8;

impl Utf8Bytes {
    /// Takes bytes that the caller has proved to be UTF-8, for parsers that look at each byte themselves. Others fail in a build with debug
    /// assertions, and read as empty text in one without.
    pub fn checked(bytes: Bytes) -> Self {
        debug_assert!(
            std::str::from_utf8(&bytes).is_ok(),
            "bytes that were proved are not UTF-8"
        );
        Self(bytes)
    }

    /// The text. Reads all of it, as safe code must: prefer `as_bytes` on hot paths.
    pub fn as_str(&self) -> &str {
        proved_str(&self.0)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The bytes, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&'static str> for Utf8Bytes {
    fn from(text: &'static str) -> Self {
        Self(text.into())
    }
}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = NotUtf8;

    fn try_from(bytes: Bytes) -> Result<Self, NotUtf8> {
        match std::str::from_utf8(&bytes) {
            Ok(_) => Ok(Self(bytes)),
            Err(_) => Err(NotUtf8),
        }
    }
}

/// A part of proved text as `str`. Safe code must look at the bytes to name them so: only what is handed out comes here, never a whole element.
pub(crate) fn proved_str(bytes: &[u8]) -> &str {
    let text = std::str::from_utf8(bytes);
    debug_assert!(text.is_ok(), "bytes that were proved are not UTF-8");
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(debug_assertions)]
    #[test]
    fn bytes_that_are_wrongly_called_checked_are_noticed() {
        let wrong = || Utf8Bytes::checked(Bytes::from_static(b"\xff"));
        assert!(std::panic::catch_unwind(wrong).is_err());
    }
}
