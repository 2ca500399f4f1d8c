//! Text that is known to be UTF-8, in the buffer that it came in.

use bytes::Bytes;

/// Text that is known to be UTF-8, as cheap to clone as `Bytes`.
///
/// ```
/// use bytes::Bytes;
/// use ws_framing::{NotUtf8, Utf8Bytes};
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
    /// Bytes that have been checked.
    pub(crate) fn checked(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The text. Checks the bytes again, as safe code must: prefer `as_bytes` on hot paths.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
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
