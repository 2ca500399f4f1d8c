//! Content codings of HTTP bodies (RFC 9110 §8.4.1), as far as BOSH speaks of them (XEP-0124 §5, §7.2).

/// A content coding that bodies may be compressed with.
///
/// ```
/// use bosh_proto::Coding;
///
/// assert_eq!(Coding::parse("x-gzip"), Some(Coding::Gzip));
/// assert_eq!(Coding::Deflate.as_str(), "deflate");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// gzip (RFC 1952).
    Gzip,
    /// The zlib format (RFC 1950); a raw stream (RFC 1951), which some send under that name, is read too.
    Deflate,
}

impl Coding {
    /// Every coding, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Gzip, Self::Deflate];

    /// The name in `Content-Encoding`, `Accept-Encoding` and `accept`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// Reads a name, without regard to case; `x-gzip` is `gzip`.
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }

    /// What the elements of a `Content-Encoding` field say of a body (RFC 9110 §8.4).
    ///
    /// Clients write other things there: libpurple its content type, others a charset (B-R-006). What is no coding's name says nothing.
    #[cfg(feature = "binding")]
    pub(crate) fn of_content<'a>(named: impl Iterator<Item = &'a [u8]>) -> Content {
        let mut content = Content::Plain;
        for name in named.filter_map(|name| std::str::from_utf8(name).ok()) {
            let is_registered = REGISTERED
                .iter()
                .any(|known| name.trim().eq_ignore_ascii_case(known));
            content = match (content, Self::parse(name)) {
                (Content::Plain, Some(coding)) => Content::Coded(coding),
                (_, Some(_)) => Content::Unknown,
                (_, None) if is_registered => Content::Unknown,
                (content, None) => content,
            };
        }
        content
    }

    /// The names of codings, joined for an attribute or a field.
    pub(crate) fn list(codings: &[Self], separator: &str) -> String {
        let names: Vec<_> = codings.iter().map(|coding| coding.as_str()).collect();
        names.join(separator)
    }
}

/// How a body is coded, by its `Content-Encoding`.
#[cfg(feature = "binding")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Not at all, as far as it says.
    Plain,
    /// In one coding that is known.
    Coded(Coding),
    /// In several, or in one that is not known.
    Unknown,
}

/// The codings of IANA's registry (HTTP Content Coding Registry) beside those above and `identity`.
#[cfg(feature = "binding")]
const REGISTERED: [&str; 9] = [
    "aes128gcm",
    "br",
    "compress",
    "dcb",
    "dcz",
    "exi",
    "pack200-gzip",
    "x-compress",
    "zstd",
];
