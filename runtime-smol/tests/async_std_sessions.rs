//! Clients and servers of ours on async-std.

#[path = "../../driver/tests/shared/sessions/mod.rs"]
mod sessions;

use std::{net::SocketAddr, path::PathBuf};

use async_std::net::TcpListener;
use xmpp_web_smol::{
    AsyncStd,
    driver::tls,
    seed,
    server::{Builder, Secure, Server, Settings, Tcp, Transport},
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

    async fn serve_tls(&self, files: &[PathBuf; 2]) -> (Server<AsyncStd>, SocketAddr) {
        let listener = TcpListener::bind(sessions::ANYWHERE).await;
        let listener = listener.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let config = tls::server(&files[0], &files[1]).expect("a configuration");
        let server = Builder::new(AsyncStd).start(seed().expect("entropy"));
        server.listen(Secure::new(Tcp(listener), config));
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
    no_future_is_polled_twice
    certificates_are_judged
    redirects_without_end
    a_server_goes_down
}

#[test]
fn a_wire_falls_silent() {
    async_std::task::block_on(sessions::a_wire_falls_silent(&Here));
}
