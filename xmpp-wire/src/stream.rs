use crate::{Element, StartTag};

/// The attributes of a stream header, whichever spelling carried them: `<stream:stream>` (RFC 6120 §4.7),
/// `<open/>` (RFC 7395 §3.4), or the creation of a BOSH session (XEP-0206 §3). Values are decoded (unescaped).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHeader {
    /// The sender: a server's domain, or a client's bare JID.
    pub from: Option<String>,
    /// The domain wanted, or the client's JID in a server's header.
    pub to: Option<String>,
    /// The stream's id; servers' headers only.
    pub id: Option<String>,
    /// `version` as sent; absent means 0.9 (RFC 6120 §4.7.5).
    pub version: Option<String>,
    /// `xml:lang`.
    pub lang: Option<String>,
}

impl StreamHeader {
    /// Reads the attributes of `<stream:stream>`.
    pub fn from_tag(_tag: &StartTag) -> Self {
        todo!()
    }
    /// Reads the attributes of `<open/>`.
    pub fn from_element(_element: &Element) -> Self {
        todo!()
    }
}

/// A stream error (RFC 6120 §4.9): one condition, a text for logs, an application's element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    /// The local name of the condition, such as `host-unknown`.
    pub condition: String,
    /// Text for people; never interpreted by machines.
    pub text: Option<String>,
    /// An application's element beside the condition, such as `<stanza-too-big xmlns='urn:xmpp:errors'/>`.
    pub application: Option<Element>,
}

impl StreamError {
    /// An error with a condition alone.
    pub fn new(_condition: &str) -> Self {
        todo!()
    }
    /// Adds a text.
    #[must_use]
    pub fn with_text(self, _text: &str) -> Self {
        todo!()
    }
    /// Adds an application's element.
    #[must_use]
    pub fn with_application(self, _element: Element) -> Self {
        todo!()
    }
    /// Reads `<stream:error>`; an unknown or missing condition becomes `undefined-condition` (RFC 6120 §4.9.2).
    pub fn from_element(_element: &Element) -> Self {
        todo!()
    }
    /// Writes `<stream:error xmlns:stream="..">`, spelled as W-R-309 wants, able to stand alone.
    pub fn to_element(&self) -> Element {
        todo!()
    }
}
