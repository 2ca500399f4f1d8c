//! Clients and servers of ours on async-std.

#[path = "../../driver/tests/shared/sessions/mod.rs"]
mod sessions;

use std::net::SocketAddr;

use async_std::net::TcpListener;
use xmpp_web_smol::{
    AsyncStd, seed,
    server::{Builder, Server, Settings, Tcp, Transport},
};

struct Here;

impl sessions::Place for Here {
    type Network = AsyncStd;

    fn network(&self) -> AsyncStd {
        AsyncStd
    }

    async fn serve(&self, change: impl FnOnce(&mut Settings)) -> (Server<AsyncStd>, SocketAddr) {
        let listener = TcpListener::bind(sessions::ANYWHERE).await;
        let listener = listener.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let builder = Builder::new(AsyncStd).configure(change);
        let server = builder.start(seed().expect("entropy"));
        server.listen(Tcp(listener));
        (server, address)
    }
}

/// One test for each transport.
macro_rules! scenarios {
    ($($name:ident)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn over_bosh() {
                async_std::task::block_on(sessions::$name(&Here, Transport::Bosh));
            }

            #[test]
            fn over_websocket() {
                async_std::task::block_on(sessions::$name(&Here, Transport::WebSocket));
            }
        }
    )*};
}

scenarios! {
    many_each_way
    refusals_and_errors
    who_does_not_listen_stops_the_other
    a_server_is_killed
    two_of_three_nodes_are_bad
    no_future_is_polled_twice
}

#[test]
fn a_wire_falls_silent() {
    async_std::task::block_on(sessions::a_wire_falls_silent(&Here));
}
