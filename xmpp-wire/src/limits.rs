/// Bounds on what a peer's XML may make us hold or walk.
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
}
