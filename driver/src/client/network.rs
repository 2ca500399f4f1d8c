use std::{future::Future, io, net::SocketAddr};

pub use crate::{BoxStream, ByteStream};
use crate::{Runtime, tls::Handshake, websocket::Turns};

/// What a runtime has to supply for clients beside its clock: names, sockets, handshakes, entropy. The futures are dropped where nobody
/// waits for them any more, and have no deadlines of their own.
pub trait Network: Runtime {
    /// The addresses of a host, an address itself included.
    fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// A TCP connection, with Nagle's algorithm off.
    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<BoxStream>> + Send;

    /// TLS on a stream.
    fn start_tls(
        &self,
        stream: BoxStream,
        handshake: Handshake,
    ) -> impl Future<Output = io::Result<BoxStream>> + Send;

    /// The turns of all clients on this network: WebSockets to one address and port are opened one after the other (RFC 6455 §4.1).
    fn turns(&self) -> &Turns;

    /// 32 bytes of entropy.
    ///
    /// # Errors
    ///
    /// Where the system has none to give.
    fn seed(&self) -> io::Result<[u8; 32]>;
}
