//! What may be compressed (RFC 7692 §8; W-R-217): nothing until the client is authenticated and has
//! its resource, because SASL's messages hold secrets, and text that others choose would be beside
//! them.

use xmpp_wire::{Element, ns};

use super::{Role, Session, WebSocket, session::Auth};
use crate::connection::Compression;

#[cfg(feature = "deflate")]
impl<R: Role> Session<R> {
    /// The same session, with what the handshake agreed on compression. Messages leave plain until
    /// the client is authenticated and has bound its resource, or resumed an earlier session; what
    /// the peer compresses is read at any time.
    #[must_use]
    pub fn with_deflate(mut self, agreed: crate::deflate::Agreed) -> Self {
        self.websocket = self.websocket.with_deflate(agreed);
        self.websocket.set_compression(Compression::Withheld);
        self.sign_in = SignIn::UnderWay;
        self
    }
}

impl<R: Role, W: WebSocket> Session<R, W> {
    /// SASL has succeeded: messages may be as long as is configured.
    pub(super) fn mark_authenticated(&mut self) {
        self.auth = Auth::Done;
        self.websocket
            .set_message_bytes(self.config.connection.message_bytes);
    }

    /// An element of the server's has passed.
    pub(super) fn note_bound(&mut self, element: &Element) {
        if self.sign_in == SignIn::UnderWay && self.auth == Auth::Done && is_bound(element) {
            self.sign_in = SignIn::Over;
            self.websocket.set_compression(Compression::Allowed);
        }
    }
}

/// Whether secrets may still be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignIn {
    UnderWay,
    /// Over, or nobody has to know.
    Over,
}

/// Whether the server says by this that the client has its resource.
fn is_bound(element: &Element) -> bool {
    let name = element.name();
    match (name.local, name.namespace) {
        ("iq", ns::CLIENT) => {
            element.attribute("type").as_deref() == Some("result")
                && element.child("bind", ns::BIND).is_some()
        }
        ("success", ns::SASL2) => {
            element.child("bound", ns::BIND2).is_some()
                || element.child("resumed", ns::SM).is_some()
        }
        ("resumed", ns::SM) => true,
        _ => false,
    }
}
