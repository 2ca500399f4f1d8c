//! Content codings of HTTP bodies (RFC 9110 §8.4.1), as far as BOSH speaks of them (XEP-0124 §5, §7.2).

/// A content coding.
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

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// By name, without case.
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }

    /// Their names for an attribute or a field.
    pub(crate) fn list(codings: &[Self], separator: &str) -> String {
        let names: Vec<_> = codings.iter().map(|coding| coding.as_str()).collect();
        names.join(separator)
    }
}
