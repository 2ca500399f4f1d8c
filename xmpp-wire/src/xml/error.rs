/// Why XML was refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct XmlError {
    /// What was wrong.
    pub kind: XmlErrorKind,
    /// Bytes from the start of the document, or of the stream.
    pub offset: u64,
}

/// What was wrong with the XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlErrorKind {
    /// Not well-formed (XML 1.0), or cut short.
    #[error("not well-formed XML")]
    NotWellFormed,
    /// Not namespace-well-formed: undeclared prefix, duplicate expanded attribute, misuse of `xml`/`xmlns`.
    #[error("undeclared or misused namespace prefix")]
    Namespace,
    /// Comment, processing instruction, DTD or entity that RFC 6120 §11.1 forbids.
    #[error("XML that XMPP forbids (comment, processing instruction, DTD or entity)")]
    Restricted,
    /// An XML declaration with an encoding other than UTF-8.
    #[error("encoding other than UTF-8")]
    Encoding,
    /// Bytes that are not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// Text where only elements may stand (between stanzas, directly in `<body/>`).
    #[error("text between elements")]
    Text,
    /// More bytes than `XmlLimits::element_bytes`; or a name or reference longer than any (1 024 and 64 bytes).
    #[error("element larger than the limit")]
    TooBig,
    /// Deeper than `XmlLimits::depth`.
    #[error("elements nested deeper than the limit")]
    TooDeep,
    /// More attributes or declarations than the limits allow.
    #[error("more attributes than the limit")]
    TooManyAttributes,
}

impl XmlErrorKind {
    /// Whether an element of a server's may be mended that was refused for this.
    pub(super) fn is_mendable(self) -> bool {
        matches!(
            self,
            Self::Namespace | Self::TooBig | Self::TooDeep | Self::TooManyAttributes
        )
    }
}
