//! Clients and servers of ours on smol.

#[path = "../../driver/tests/shared/sessions/mod.rs"]
mod sessions;

use std::net::SocketAddr;

use smol::net::TcpListener;
use xmpp_web_smol::{
    Smol, seed,
    server::{Builder, Server, Settings, Tcp, Transport},
};

struct Here;

impl sessions::Place for Here {
    type Network = Smol;

    fn network(&self) -> Smol {
        Smol
    }

    async fn serve(&self, change: impl FnOnce(&mut Settings)) -> (Server<Smol>, SocketAddr) {
        let listener = TcpListener::bind(sessions::ANYWHERE).await;
        let listener = listener.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let builder = Builder::new(Smol).configure(change);
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
                smol::block_on(sessions::$name(&Here, Transport::Bosh));
            }

            #[test]
            fn over_websocket() {
                smol::block_on(sessions::$name(&Here, Transport::WebSocket));
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
    smol::block_on(sessions::a_wire_falls_silent(&Here));
}
