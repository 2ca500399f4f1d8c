//! Clients and servers of ours on tokio.

#[path = "../../driver/tests/shared/sessions/mod.rs"]
mod sessions;

use std::{net::SocketAddr, path::PathBuf};

use xmpp_web_tokio::{
    Listener, Tokio, seed,
    server::{self, Server, Settings, Transport},
    tls::Acceptor,
};

struct Here;

impl sessions::Place for Here {
    type Network = Tokio;

    fn network(&self) -> Tokio {
        Tokio::current()
    }

    async fn serve(&self, change: impl FnOnce(&mut Settings)) -> (Server<Tokio>, SocketAddr) {
        let listener = Listener::bind(sessions::ANYWHERE).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let builder = server::builder().configure(change);
        let server = builder.start(seed().expect("entropy"));
        server.listen(listener);
        (server, address)
    }

    async fn serve_tls(&self, files: &[PathBuf; 2]) -> (Server<Tokio>, SocketAddr) {
        let listener = Listener::bind(sessions::ANYWHERE).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let acceptor = Acceptor::from_files(&files[0], &files[1]).expect("an acceptor");
        let server = server::builder().start(seed().expect("entropy"));
        server.listen(server::Secure(listener, acceptor));
        (server, address)
    }
}

/// One test for each transport.
macro_rules! scenarios {
    ($($name:ident)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn over_bosh() {
                sessions::$name(&Here, Transport::Bosh).await;
            }

            #[tokio::test]
            async fn over_websocket() {
                sessions::$name(&Here, Transport::WebSocket).await;
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

#[tokio::test]
async fn a_wire_falls_silent() {
    sessions::a_wire_falls_silent(&Here).await;
}
