//! What a session carries, and how it ends.

use std::time::Duration;

use futures_util::future::join;
use xmpp_web_driver::{
    Runtime as _,
    client::{self, Network},
    server::{self, Transport},
};
use xmpp_wire::{StreamError, ns};

use super::{
    ANYWHERE, DOMAIN, Place, builder, connect, in_time, long_message, message, number, sign_in,
    signed_in, url,
};

/// Elements in each direction.
const MANY: usize = 10_000;

/// Ten thousand elements in each direction at once, in order; then the client ends its stream, and the server goes down.
pub(crate) async fn many_each_way(place: &impl Place, transport: Transport) {
    let network = place.network();
    let (mut server, address) = place.serve(|_| {}).await;
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
pub(crate) async fn refusals_and_errors(place: &impl Place, transport: Transport) {
    let network = place.network();
    let (mut server, address) = place.serve(|_| {}).await;
    let url = url(transport, address);
    let refused = async {
        let failed = builder(&network, std::slice::from_ref(&url))
            .connect()
            .await;
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

/// Elements of 16 KiB that a server's application does not take, and then a client's: they stop at what buffers hold, and then all arrive.
pub(crate) async fn who_does_not_listen_stops_the_other(place: &impl Place, transport: Transport) {
    const MIB: usize = 1024 * 1024;
    // Two inboxes and outboxes, and of a WebSocket what kernels keep for a connection on loopback too.
    let (long, most) = match transport {
        Transport::Bosh => (500, 3 * MIB),
        Transport::WebSocket => (1_500, 20 * MIB),
    };
    let network = place.network();
    let (mut server, address) = place.serve(|_| {}).await;
    let text = "x".repeat(16 * 1024);
    let connecting = async {
        let mut client = connect(&network, &url(transport, address)).await;
        sign_in(&mut client).await;
        client
    };
    let accepting = async { signed_in(server.next().await.expect("a client")).await };
    let (mut client, mut session) = in_time(&network, join(connecting, accepting)).await;

    let sent = std::cell::Cell::new(0);
    let sending = async {
        while sent.get() < long {
            let sending = client.send(long_message(sent.get(), &text));
            sending.await.expect("open");
            sent.set(sent.get() + 1);
        }
    };
    let receiving = async {
        settled(&network, &sent).await;
        assert!(sent.get() * text.len() < most, "{} taken", sent.get());
        for expected in 0..long {
            match session.next().await {
                Some(server::Event::Element(element)) => assert_eq!(number(&element), expected),
                event => panic!("{event:?}"),
            }
        }
    };
    in_time(&network, join(sending, receiving)).await;

    sent.set(0);
    let sending = async {
        while sent.get() < long {
            let sending = session.send(long_message(sent.get(), &text));
            sending.await.expect("open");
            sent.set(sent.get() + 1);
        }
    };
    let receiving = async {
        settled(&network, &sent).await;
        assert!(sent.get() * text.len() < most, "{} taken", sent.get());
        for expected in 0..long {
            match client.next().await {
                Some(client::Event::Element(element)) => assert_eq!(number(&element), expected),
                event => panic!("{event:?}"),
            }
        }
    };
    in_time(&network, join(sending, receiving)).await;
}

/// Waits until nothing more is sent.
async fn settled(network: &impl Network, sent: &std::cell::Cell<usize>) {
    let mut last = usize::MAX;
    while last != sent.get() {
        last = sent.get();
        network
            .sleep_until(network.now() + Duration::from_millis(100))
            .await;
    }
}

/// A server goes down: each side hears why, and the server is done soon.
pub(crate) async fn a_server_goes_down(place: &impl Place, transport: Transport) {
    let network = place.network();
    let (mut server, address) = place.serve(|_| {}).await;
    let connecting = async {
        let mut client = connect(&network, &url(transport, address)).await;
        sign_in(&mut client).await;
        client
    };
    let accepting = async { signed_in(server.next().await.expect("a client")).await };
    let (mut client, mut session) = in_time(&network, join(connecting, accepting)).await;
    session.send(message(0)).await.expect("open");
    let begun = network.now();
    server.shut_down();
    let hearing = async {
        let mut heard = Vec::new();
        loop {
            match client.next().await {
                Some(client::Event::Element(element)) if element.is("error", ns::STREAM) => {}
                Some(client::Event::Element(element)) => heard.push(number(&element)),
                Some(client::Event::Lost(lost)) => return (heard, lost.error.to_string()),
                event => panic!("{event:?}"),
            }
        }
    };
    let serving = async {
        let closed = match session.next().await {
            Some(server::Event::Closed(closed)) => closed,
            event => panic!("{event:?}"),
        };
        assert!(matches!(closed.cause, server::Cause::Ours), "{closed:?}");
        assert!(session.send(message(1)).await.is_err(), "it is over");
        assert!(server.next().await.is_none(), "nobody is let in");
        let mut back = closed.undelivered;
        // The features may not be acknowledged yet.
        back.retain(|element| element.is("message", ns::CLIENT));
        back.iter().map(number).collect::<Vec<_>>()
    };
    let ((heard, why), back) = in_time(&network, join(hearing, serving)).await;
    assert!(heard == [0] || back == [0], "it is not lost without a word");
    let names = ["system-shutdown", "SystemShutdown"];
    assert!(names.iter().any(|name| why.contains(name)), "{why}");
    assert!(network.now() - begun < Duration::from_secs(5), "at once");
}
