//! Servers that die, fall silent, or never say anything.

use std::time::Duration;

use futures_util::future::join;
use xmpp_web_driver::{
    Runtime as _, client,
    server::{self, Transport},
};

use super::{
    Place, builder, in_time, long_message, message, number, sign_in, signed_in, url, wire::Wire,
};

/// A server is killed and another started in its place: the client has back what was not acknowledged, and a new session.
pub(crate) async fn a_server_is_killed(place: &impl Place, transport: Transport) {
    let network = place.network();
    let (mut first, address) = place.serve(|_| {}).await;
    let (mut second, elsewhere) = place.serve(|_| {}).await;
    let wire = Wire::new(address);
    let client = async {
        let builder = builder(&network, &[url(transport, wire.address)])
            .configure(|settings| settings.planner.backoff = Duration::from_millis(100));
        let mut client = builder.connect().await.expect("a session");
        sign_in(&mut client).await;
        client.send(message(0)).await.expect("open");
        match client.next().await {
            Some(client::Event::Element(echo)) => assert_eq!(number(&echo), 0),
            event => panic!("{event:?}"),
        }
        wire.freeze();
        let text = "a lantern ".repeat(6_000);
        let (mut sender, mut receiver) = client.split();
        let mut taken = 0;
        // Room for a moment may come while the kernel takes more.
        for _ in 0..20 {
            while sender.try_send(long_message(taken + 1, &text)).is_ok() {
                taken += 1;
                assert!(taken < 1_000, "no bound");
            }
            let soon = network.now() + Duration::from_millis(10);
            network.sleep_until(soon).await;
        }
        wire.cut(elsewhere);
        match receiver.next().await {
            Some(client::Event::Lost(lost)) => {
                let back: Vec<usize> = lost.undelivered.iter().map(number).collect();
                let first = *back.first().expect("something was not acknowledged");
                assert_eq!(
                    back,
                    Vec::from_iter(first..=taken),
                    "the last ones, in order"
                );
                if transport == Transport::Bosh {
                    assert_eq!(first, 1, "what is not acknowledged is known");
                }
            }
            event => panic!("{event:?}"),
        }
        assert!(sender.try_send(message(0)).is_err(), "it is no session");
        loop {
            match receiver.next().await {
                Some(client::Event::Unreachable(..)) => {}
                Some(client::Event::Opened(opened)) => return assert_eq!(opened.session, 2),
                event => panic!("{event:?}"),
            }
        }
    };
    let serving = async {
        let mut session = signed_in(first.next().await.expect("a client")).await;
        match session.next().await {
            Some(server::Event::Element(message)) => session.send(message).await.expect("open"),
            event => panic!("{event:?}"),
        }
        let opening = second.next().await.expect("the client again");
        let mut session = opening.accept(xmpp_wire::StreamHeader::default());
        let features = xmpp_wire::Element::build("features", xmpp_wire::ns::STREAM).finish();
        session.send(features).await.expect("open");
        session
    };
    in_time(&network, join(client, serving)).await;
}

/// Both sides of a WebSocket that nothing comes through notice it within their deadlines.
pub(crate) async fn a_wire_falls_silent(place: &impl Place) {
    let (interval, timeout) = (Duration::from_millis(200), Duration::from_millis(300));
    let network = place.network();
    let hasten = |config: &mut ws_framing::xmpp::Config| {
        config.connection.ping_interval = Some(interval);
        config.connection.pong_timeout = timeout;
        config.connection.close_timeout = interval;
        config.close_timeout = interval;
    };
    let serving = place.serve(|settings| hasten(&mut settings.websocket));
    let (mut server, address) = serving.await;
    let wire = Wire::new(address);
    let client = async {
        let url = url(Transport::WebSocket, wire.address);
        let builder =
            builder(&network, &[url]).configure(|settings| hasten(&mut settings.websocket));
        let mut client = builder.connect().await.expect("a session");
        sign_in(&mut client).await;
        // Both sides answer pings by themselves.
        network.sleep_until(network.now() + interval * 4).await;
        wire.freeze();
        let frozen = network.now();
        match client.next().await {
            Some(client::Event::Lost(lost)) => {
                let error = lost.error.to_string();
                assert!(error.contains("1006"), "{error}");
            }
            event => panic!("{event:?}"),
        }
        network.now() - frozen
    };
    let serving = async {
        let mut session = signed_in(server.next().await.expect("a client")).await;
        match session.next().await {
            Some(server::Event::Closed(closed)) => {
                let server::Cause::Lost(error) = closed.cause else {
                    panic!("{closed:?}");
                };
                assert!(error.to_string().contains("connection-timeout"), "{error}");
            }
            event => panic!("{event:?}"),
        }
    };
    let (taken, ()) = in_time(&network, join(client, serving)).await;
    assert!(taken < Duration::from_secs(2), "{taken:?}");
}
