//! Clients and servers of ours on async-std.

#[path = "../../driver/tests/shared/sessions.rs"]
mod sessions;

use std::net::SocketAddr;

use async_std::net::TcpListener;
use xmpp_web_smol::{
    AsyncStd, seed,
    server::{Builder, Server, Tcp, Transport},
};

async fn server() -> (Server<AsyncStd>, SocketAddr) {
    let listener = TcpListener::bind(sessions::ANYWHERE)
        .await
        .expect("a listener");
    let address = listener.local_addr().expect("an address");
    let server = Builder::new(AsyncStd).start(seed().expect("entropy"));
    server.listen(Tcp(listener));
    (server, address)
}

/// One test for each transport.
macro_rules! scenarios {
    ($($name:ident)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn over_bosh() {
                async_std::task::block_on(async {
                    let (server, address) = server().await;
                    sessions::$name(AsyncStd, server, address, Transport::Bosh).await;
                });
            }

            #[test]
            fn over_websocket() {
                async_std::task::block_on(async {
                    let (server, address) = server().await;
                    sessions::$name(AsyncStd, server, address, Transport::WebSocket).await;
                });
            }
        }
    )*};
}

scenarios! { many_each_way refusals_and_errors }
