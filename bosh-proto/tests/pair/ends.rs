//! What the applications at both ends said and heard, and how it is spelled.

use bytes::Bytes;
use xmpp_wire::{Element, XmlLimits};

/// What an end was told.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// Elements taken by `send`.
    pub(crate) sent: Vec<String>,
    /// Elements delivered.
    pub(crate) received: Vec<String>,
    pub(crate) events: Vec<String>,
    pub(crate) undelivered: Vec<String>,
    /// Milliseconds.
    pub(crate) closed: Option<u64>,
}

impl End {
    pub(crate) fn close(&mut self, at: u64, cause: String, undelivered: Vec<Element>) {
        assert_eq!(self.closed, None, "closed twice");
        self.closed = Some(at);
        self.events.push(format!("closed {cause}"));
        self.undelivered = undelivered.iter().map(text).collect();
    }
}

pub(crate) fn message(id: &str) -> String {
    format!("<message xmlns='jabber:client' id='{id}'><body>x</body></message>")
}

pub(crate) fn element(xml: &str) -> Element {
    Element::parse(
        Bytes::copy_from_slice(xml.as_bytes()),
        &XmlLimits::default(),
    )
    .expect("an element")
}

/// A body without what all have.
pub(crate) fn short(body: &Bytes) -> String {
    String::from_utf8_lossy(body)
        .replace("xmlns='http://jabber.org/protocol/httpbind' ", "")
        .replace("<message xmlns='jabber:client' id=", "<m ")
        .replace("><body>x</body></message>", "/>")
}

pub(crate) fn text(element: &Element) -> String {
    String::from_utf8(element.raw().to_vec()).expect("UTF-8")
}
