//! Clients and servers of ours on tokio.

#[path = "../../driver/tests/shared/sessions.rs"]
mod sessions;

use std::net::SocketAddr;

use xmpp_web_tokio::{
    Listener, Tokio, seed,
    server::{self, Server, Transport},
};

fn server() -> (Server<Tokio>, SocketAddr) {
    let listener = Listener::bind(sessions::ANYWHERE).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let server = server::builder().start(seed().expect("entropy"));
    server.listen(listener);
    (server, address)
}

/// One test for each transport.
macro_rules! scenarios {
    ($($name:ident)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn over_bosh() {
                let (server, address) = server();
                sessions::$name(Tokio::current(), server, address, Transport::Bosh).await;
            }

            #[tokio::test]
            async fn over_websocket() {
                let (server, address) = server();
                sessions::$name(Tokio::current(), server, address, Transport::WebSocket).await;
            }
        }
    )*};
}

scenarios! { many_each_way refusals_and_errors }
