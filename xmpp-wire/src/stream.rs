//! What RFC 6120 streams say of themselves, in whichever spelling a binding carries it.

use std::borrow::Cow;

use crate::{Element, NestedElement, StartTag, ns};

/// The attributes of a stream header, whichever spelling carried them: `<stream:stream>` (RFC 6120 §4.7),
/// `<open/>` (RFC 7395 §3.4), or the creation of a BOSH session (XEP-0206 §3). Values are decoded.
///
/// ```
/// use xmpp_wire::{Element, StreamHeader, ns};
///
/// let open = Element::build("open", ns::FRAMING).attribute("to", "example.com").attribute("version", "1.0").finish();
/// let header = StreamHeader::from_element(&open);
/// assert_eq!(header.to.as_deref(), Some("example.com"));
/// assert_eq!(header.id, None);
/// ```
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
    /// The stream's default language (`xml:lang`).
    pub lang: Option<String>,
}

impl StreamHeader {
    /// Reads the attributes of `<stream:stream>`.
    pub fn from_tag(tag: &StartTag) -> Self {
        Self::read(
            |name| tag.attribute(name),
            tag.attribute_ns("lang", ns::XML),
        )
    }

    /// Reads the attributes of `<open/>`.
    pub fn from_element(element: &NestedElement) -> Self {
        Self::read(
            |name| element.attribute(name),
            element.attribute_ns("lang", ns::XML),
        )
    }

    fn read<'a>(
        attribute: impl Fn(&str) -> Option<Cow<'a, str>>,
        lang: Option<Cow<'_, str>>,
    ) -> Self {
        let owned = |name| attribute(name).map(Cow::into_owned);
        Self {
            from: owned("from"),
            to: owned("to"),
            id: owned("id"),
            version: owned("version"),
            lang: lang.map(Cow::into_owned),
        }
    }
}

/// A stream error (RFC 6120 §4.9): one condition, a text for logs, an application's element.
///
/// ```
/// use xmpp_wire::{StreamError, ns};
///
/// let error = StreamError::new("host-unknown").with_text("no such domain here");
/// let element = error.to_element();
/// assert!(element.is("error", ns::STREAM));
/// assert_eq!(StreamError::from_element(&element), error);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    /// The local name of the condition, such as `host-unknown`.
    pub condition: String,
    /// Text for people; never interpreted by machines.
    pub text: Option<String>,
    /// An application's element beside the condition, such as `<stanza-too-big xmlns='urn:xmpp:errors'/>`.
    pub application: Option<Element>,
    /// Where `see-other-host` leads (RFC 6120 §4.9.3.19): a host, perhaps with a port; of no other condition.
    pub see_other_host: Option<String>,
}

/// The conditions of RFC 6120 §4.9.3.
const CONDITIONS: [&str; 25] = [
    "bad-format",
    "bad-namespace-prefix",
    "conflict",
    "connection-timeout",
    "host-gone",
    "host-unknown",
    "improper-addressing",
    "internal-server-error",
    "invalid-from",
    "invalid-id",
    "invalid-namespace",
    "invalid-xml",
    "not-authorized",
    "not-well-formed",
    "policy-violation",
    "remote-connection-failed",
    "reset",
    "resource-constraint",
    "restricted-xml",
    "see-other-host",
    "system-shutdown",
    "undefined-condition",
    "unsupported-encoding",
    "unsupported-stanza-type",
    "unsupported-version",
];

impl StreamError {
    /// An error with a condition alone.
    pub fn new(condition: &str) -> Self {
        Self {
            condition: condition.to_owned(),
            text: None,
            application: None,
            see_other_host: None,
        }
    }

    /// Adds a text.
    #[must_use]
    pub fn with_text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// Adds an application's element.
    #[must_use]
    pub fn with_application(mut self, element: Element) -> Self {
        self.application = Some(element);
        self
    }

    /// Reads `<stream:error>`; an unknown or missing condition becomes `undefined-condition` (RFC 6120 §4.9.2).
    pub fn from_element(element: &NestedElement) -> Self {
        let mut error = Self::new("undefined-condition");
        for child in element.children() {
            let name = child.name();
            if name.namespace != ns::STREAM_ERRORS {
                error.application = error.application.or_else(|| Some(child.standalone()));
            } else if name.local == "text" {
                error.text = Some(child.text());
            } else if let Some(condition) = CONDITIONS
                .iter()
                .find(|&&condition| condition == name.local)
            {
                error.condition = (*condition).to_owned();
                error.see_other_host = Some(child.text().trim().to_owned())
                    .filter(|host| *condition == "see-other-host" && !host.is_empty());
            }
        }
        error
    }

    /// Writes `<stream:error xmlns:stream="..">`, able to stand alone. A condition that RFC 6120 does not know becomes
    /// `undefined-condition`.
    pub fn to_element(&self) -> Element {
        let condition = CONDITIONS
            .iter()
            .find(|&&condition| condition == self.condition)
            .unwrap_or(&"undefined-condition");
        let host = self.see_other_host.as_deref();
        let host = host.filter(|_| *condition == "see-other-host");
        let condition = Element::build(condition, ns::STREAM_ERRORS).text(host.unwrap_or_default());
        let mut error = Element::build("stream:error", ns::STREAM).child(condition.finish());
        if let Some(text) = &self.text {
            let text = Element::build("text", ns::STREAM_ERRORS)
                .attribute("xml:lang", "en")
                .text(text);
            error = error.child(text.finish());
        }
        if let Some(application) = &self.application {
            error = error.child(application.clone());
        }
        error.finish()
    }
}
