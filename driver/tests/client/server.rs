//! The library's own server on the network in memory: BOSH and WebSocket at one address.

use std::{io, net::SocketAddr, sync::Arc};

use futures_channel::mpsc::{UnboundedReceiver, unbounded};
use futures_util::StreamExt as _;
use xmpp_web_driver::server::{Builder, Incoming, Listener, Server, Settings};

use crate::{net::Net, support::End};

/// The ends of connections that were dialled.
struct Dialled(UnboundedReceiver<End>);

impl Listener for Dialled {
    async fn accept(&mut self) -> io::Result<Incoming> {
        match self.0.next().await {
            Some(end) => Ok(Incoming::plain(
                Box::new(end),
                SocketAddr::from(([127, 0, 0, 1], 9)),
            )),
            None => std::future::pending().await,
        }
    }
}

/// A server at port 80 of `name`.
pub(crate) fn serve(net: &Net, name: &str, change: impl FnOnce(&mut Settings)) -> Server<Net> {
    let server = Builder::new(net.clone()).configure(change).start([5; 32]);
    let (dialled, ends) = unbounded();
    server.listen(Dialled(ends));
    net.serve(
        SocketAddr::new(net.host(name, 11), 80),
        Arc::new(move |end| drop(dialled.unbounded_send(end))),
    );
    server
}
