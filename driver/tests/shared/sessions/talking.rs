//! Clients and servers of ours over loopback sockets, on whatever runtime.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use futures_util::future::{Either, join, select};
use xmpp_web_driver::{
    Runtime,
    client::{self, Client, Network},
    server::{self, Opening, Server, Session, Transport},
};
use xmpp_wire::{Element, StreamError, StreamHeader, ns};

pub(crate) const DOMAIN: &str = "lantern.example";
/// Where listeners listen: a port that the kernel chooses.
pub(crate) const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Elements in each direction.
const MANY: usize = 10_000;
/// What a whole scenario may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same, unless it takes too long.
pub(crate) async fn in_time<T>(runtime: &impl Runtime, future: impl Future<Output = T>) -> T {
    let until = runtime.sleep_until(runtime.now() + PATIENCE);
    match select(std::pin::pin!(future), until).await {
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
    Element::build("message", ns::CLIENT)
        .attribute("id", &number.to_string())
        .child(
            Element::build("body", ns::CLIENT)
                .text("a lantern")
                .finish(),
        )
        .finish()
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
            Some(client::Event::Element(element)) if element.is("success", ns::SASL) => {
                client.restart().expect("due");
            }
            Some(client::Event::Element(features)) if features.is("features", ns::STREAM) => return,
            event => panic!("not signed in: {event:?}"),
        }
    }
}

async fn connect(network: &impl Network, url: &str) -> Client {
    let builder = client::Builder::new(DOMAIN, network.clone()).expect("a domain");
    let builder = builder.endpoint(url).expect("a URL");
    builder.connect().await.expect("a session")
}

/// Ten thousand elements in each direction at once, in order; then the client ends its stream, and the server goes down.
pub(crate) async fn many_each_way<N: Network>(
    network: N,
    mut server: Server<N>,
    address: SocketAddr,
    transport: Transport,
) {
    let client = async {
        let mut client = connect(&network, &url(transport, address)).await;
        sign_in(&mut client).await;
        let (mut sender, mut receiver) = client.split();
        let sending = async {
            for number in 0..MANY {
                sender.send(message(number)).await.expect("open");
            }
        };
        let receiving = async {
            let mut expected = 0;
            while expected < MANY {
                match receiver.next().await {
                    Some(client::Event::Element(element)) => {
                        assert_eq!(number(&element), expected);
                        expected += 1;
                    }
                    event => panic!("{event:?}"),
                }
            }
        };
        join(sending, receiving).await;
        sender.close();
        match receiver.next().await {
            Some(client::Event::Closed(closed)) => {
                assert!(matches!(closed.cause, client::Cause::Ours), "{closed:?}");
                assert!(closed.undelivered.is_empty());
            }
            event => panic!("{event:?}"),
        }
    };
    let serving = async {
        let opening = server.next().await.expect("a client");
        let asked = opening.asked();
        assert_eq!(asked.header.to.as_deref(), Some(DOMAIN));
        assert_eq!(asked.transport, transport);
        assert_eq!(asked.peer.address, Some(ANYWHERE.ip()));
        let (mut sender, mut receiver) = signed_in(opening).await.split();
        let sending = async {
            for number in 0..MANY {
                sender.send(message(number)).await.expect("open");
            }
        };
        let receiving = async {
            let mut expected = 0;
            loop {
                match receiver.next().await {
                    Some(server::Event::Element(element)) => {
                        assert_eq!(number(&element), expected);
                        expected += 1;
                    }
                    Some(server::Event::Closed(closed)) => {
                        assert!(matches!(closed.cause, server::Cause::Client), "{closed:?}");
                        assert!(closed.undelivered.is_empty());
                        break;
                    }
                    event => panic!("{event:?}"),
                }
            }
            assert_eq!(expected, MANY);
            assert!(receiver.next().await.is_none(), "nothing follows the end");
        };
        join(sending, receiving).await;
    };
    in_time(&network, join(client, serving)).await;
    server.shut_down();
    let left = in_time(&network, server.next()).await;
    assert!(left.is_none(), "{left:?}");
}

/// Clients that are refused, one that hears a stream error, and one whose session is dropped.
pub(crate) async fn refusals_and_errors<N: Network>(
    network: N,
    mut server: Server<N>,
    address: SocketAddr,
    transport: Transport,
) {
    let url = url(transport, address);
    let refused = async {
        let builder = client::Builder::new(DOMAIN, network.clone()).expect("a domain");
        let failed = builder.endpoint(&url).expect("a URL").connect().await;
        failed.expect_err("no session").to_string()
    };
    let refusing = async {
        let opening = server.next().await.expect("a client");
        opening.refuse(StreamError::new("host-unknown"));
    };
    let (said, ()) = in_time(&network, join(refused, refusing)).await;
    assert!(said.contains("host-unknown"), "{said}");

    let hearing = async {
        let mut client = connect(&network, &url).await;
        sign_in(&mut client).await;
        let mut heard = Vec::new();
        loop {
            match client.next().await {
                Some(client::Event::Element(element)) if element.is("error", ns::STREAM) => {}
                Some(client::Event::Element(element)) => heard.push(number(&element)),
                Some(client::Event::Lost(lost)) => return (heard, lost.error.to_string()),
                Some(client::Event::Closed(closed)) => return (heard, closed.cause.to_string()),
                event => panic!("{event:?}"),
            }
        }
    };
    let failing = async {
        let mut session = signed_in(server.next().await.expect("a client")).await;
        for number in 0..3 {
            session.send(message(number)).await.expect("open");
        }
        let closed = session.fail(StreamError::new("conflict")).await;
        let closed = closed.expect("an end");
        assert!(matches!(closed.cause, server::Cause::Ours), "{closed:?}");
        assert!(session.send(message(3)).await.is_err());
    };
    let ((heard, said), ()) = in_time(&network, join(hearing, failing)).await;
    assert_eq!(heard, [0, 1, 2], "what was sent goes before the error");
    assert!(said.contains("conflict"), "{said}");

    let hearing = async {
        let mut client = connect(&network, &url).await;
        sign_in(&mut client).await;
        match client.next().await {
            Some(client::Event::Element(element)) => assert_eq!(number(&element), 0),
            event => panic!("{event:?}"),
        }
        match client.next().await {
            Some(client::Event::Closed(closed)) => {
                assert!(matches!(closed.cause, client::Cause::Server), "{closed:?}");
            }
            event => panic!("{event:?}"),
        }
    };
    let dropping = async {
        let mut session = signed_in(server.next().await.expect("a client")).await;
        session.send(message(0)).await.expect("open");
    };
    in_time(&network, join(hearing, dropping)).await;
}
