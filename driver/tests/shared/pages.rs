//! The programs on the crates' pages, run: the server's and the client's, over both transports.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use crate::example::Example;

/// A port that was free a moment ago: the page's program does not say where it listens.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

/// Runs the client at the server.
pub(crate) fn a_client_signs_in_and_hears_itself(server: &str, client: &str) {
    let address = free_address();
    let _server = Example::start(server, &[&address.to_string()]);
    let listens = || TcpStream::connect(address).is_ok();
    let waited = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(50));
        listens()
    });
    assert!(waited, "{server} does not listen at {address}");
    for url in [
        format!("ws://{address}/xmpp-websocket"),
        format!("http://{address}/http-bind"),
    ] {
        let said = Example::start(client, &[&url]).output();
        assert_eq!(said.trim(), "a lantern", "{url}");
    }
}
