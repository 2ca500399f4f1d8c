//! One web session and its stream to a server, driven together.

use std::{future::Future, io};

use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};
use ws_framing::xmpp;
use xmpp_stream::relay;
use xmpp_wire::StreamHeader;

use crate::{Runtime, bosh};

/// How to reach the server of one domain.
pub trait Upstream: Send + 'static {
    /// The byte stream.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send;
    /// Connects (with direct TLS where that is configured).
    fn connect(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// Does the TLS handshake for STARTTLS.
    fn start_tls(
        &mut self,
        stream: Self::Stream,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// What the gateway decides about a stream that a client wants to open, by its `to`.
pub enum Decision<U> {
    /// Relay it there.
    Relay(relay::Config, U),
    /// Refuse it with this stream error (`host-unknown`, `improper-addressing`, `system-shutdown`); over BOSH with the condition of the same name.
    Refuse(xmpp_wire::StreamError),
}

/// A signal that the process is going down; cheap to clone, resolves once.
pub trait Shutdown: Future<Output = ()> + Unpin + Send + 'static {}
impl<T: Future<Output = ()> + Unpin + Send + 'static> Shutdown for T {}

/// Serves one BOSH session until it is over. On `shutdown` (after `Hub::shutdown`) the stream is ended as W-R-473 says.
pub async fn serve_bosh<R: Runtime, U: Upstream>(
    _session: bosh::Session<R>,
    _decision: Decision<U>,
    _shutdown: impl Shutdown,
    _runtime: R,
) {
    todo!()
}

/// Serves one WebSocket from its 101 until it is over. `decide` is asked once, at the first `<open/>`.
pub async fn serve_ws<R: Runtime, U: Upstream, S: AsyncRead + AsyncWrite + Unpin + Send>(
    _session: xmpp::Session,
    _io: S,
    _unread: BytesMut,
    _decide: impl FnOnce(&StreamHeader) -> Decision<U> + Send,
    _shutdown: impl Shutdown,
    _runtime: R,
) {
    todo!()
}
