/// Bounds on what a peer's XML may make us hold or walk.
///
/// ```
/// use xmpp_wire::{Element, XmlErrorKind, XmlLimits};
///
/// let limits = XmlLimits::default().with_element_bytes(10);
/// assert!(Element::parse("<a>12345</a>".into(), &limits).is_err_and(|error| error.kind == XmlErrorKind::TooBig));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct XmlLimits {
    /// Bytes of one first-level element, or of the wrapper's start tag. Default 262 144
    /// (Prosody's and ejabberd's default; RFC 6120 §13.12 sets the floor of 10 000).
    pub element_bytes: usize,
    /// Open elements at once, the root or wrapper included. Default 64.
    pub depth: usize,
    /// Attributes of one start tag, declarations included. Default 64.
    pub attributes: usize,
    /// Namespace declarations of one start tag. Default 32.
    pub declarations: usize,
}

impl Default for XmlLimits {
    fn default() -> Self {
        Self {
            element_bytes: 262_144,
            depth: 64,
            attributes: 64,
            declarations: 32,
        }
    }
}

impl XmlLimits {
    /// The same limits with another bound on an element's bytes.
    #[must_use]
    pub fn with_element_bytes(mut self, bytes: usize) -> Self {
        self.element_bytes = bytes;
        self
    }

    /// No bounds: for bytes that have passed them before.
    pub(crate) fn none() -> Self {
        Self {
            element_bytes: usize::MAX,
            depth: usize::MAX,
            attributes: usize::MAX,
            declarations: usize::MAX,
        }
    }
}
