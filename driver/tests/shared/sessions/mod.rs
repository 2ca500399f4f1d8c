//! Clients and servers of ours over loopback sockets, on whatever runtime.

mod cancel;
mod losing;
#[path = "../pki.rs"]
mod pki;
mod secure;
mod talking;
mod wire;

use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    pin::pin,
    time::Duration,
};

use futures_util::future::{Either, select};
use xmpp_web_driver::{
    Runtime,
    client::{self, Client, Network},
    server::{self, Opening, Server, Session, Settings, Transport},
};
use xmpp_wire::{Element, StreamHeader, ns};

pub(crate) use self::{cancel::*, losing::*, secure::*, talking::*};

const DOMAIN: &str = "lantern.example";
/// Where listeners listen: a port that the kernel chooses.
pub(crate) const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// What a whole scenario may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime, and how to listen on it.
pub(crate) trait Place {
    type Network: Network;
    fn network(&self) -> Self::Network;
    /// A server at an address of its own.
    async fn serve(
        &self,
        change: impl FnOnce(&mut Settings),
    ) -> (Server<Self::Network>, SocketAddr);
    /// The same with TLS, by a certificate and its key.
    async fn serve_tls(&self, files: &[PathBuf; 2]) -> (Server<Self::Network>, SocketAddr);
}

/// The same, unless it takes too long.
async fn in_time<T>(runtime: &impl Runtime, future: impl Future<Output = T>) -> T {
    let until = runtime.sleep_until(runtime.now() + PATIENCE);
    match select(pin!(future), until).await {
        Either::Left((value, _)) => value,
        Either::Right(_) => panic!("it takes too long"),
    }
}

fn url(transport: Transport, address: SocketAddr) -> String {
    match transport {
        Transport::Bosh => format!("http://{address}/http-bind"),
        Transport::WebSocket => format!("ws://{address}/xmpp-websocket"),
    }
}

fn message(number: usize) -> Element {
    long_message(number, "a lantern")
}

fn long_message(number: usize, text: &str) -> Element {
    let body = Element::build("body", ns::CLIENT).text(text).finish();
    let message = Element::build("message", ns::CLIENT).attribute("id", &number.to_string());
    message.child(body).finish()
}

fn number(message: &Element) -> usize {
    let id = message.attribute("id").expect("an id");
    id.parse().expect("a number")
}

/// A session whose client has signed in.
async fn signed_in(opening: Opening) -> Session {
    let mut session = opening.accept(StreamHeader::default());
    let features = || Element::build("features", ns::STREAM).finish();
    session.send(features()).await.expect("open");
    loop {
        match session.next().await {
            Some(server::Event::Element(auth)) if auth.is("auth", ns::SASL) => {
                let success = Element::build("success", ns::SASL).finish();
                session.send(success).await.expect("open");
            }
            Some(server::Event::Restarted(header)) => {
                assert_eq!(header.to.as_deref(), Some(DOMAIN));
                session.send(features()).await.expect("open");
                return session;
            }
            event => panic!("not signed in: {event:?}"),
        }
    }
}

/// The client's side of the same.
async fn sign_in(client: &mut Client) {
    let auth = Element::build("auth", ns::SASL).attribute("mechanism", "ANONYMOUS");
    client.send(auth.text("=").finish()).await.expect("open");
    loop {
        match client.next().await {
            Some(client::Event::Opened(_) | client::Event::Restarted) => {}
            Some(client::Event::Element(element)) if element.is("success", ns::SASL) => {}
            Some(client::Event::Element(features)) if features.is("features", ns::STREAM) => return,
            event => panic!("not signed in: {event:?}"),
        }
    }
}

async fn connect(network: &impl Network, url: &str) -> Client {
    let builder = builder(network, &[url.to_owned()]);
    builder.connect().await.expect("a session")
}

/// A client that is connecting to these endpoints.
fn builder<N: Network>(network: &N, urls: &[String]) -> client::Builder<N> {
    let builder = client::Builder::new(DOMAIN, network.clone()).expect("a domain");
    urls.iter().fold(builder, |builder, url| {
        builder.endpoint(url).expect("a URL")
    })
}
