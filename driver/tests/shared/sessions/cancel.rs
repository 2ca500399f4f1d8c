//! Futures that are dropped after each poll.

use std::{future::poll_fn, pin::pin};

use futures_util::future::{Future as _, join};
use xmpp_web_driver::{
    client,
    server::{self, Transport},
};
use xmpp_wire::{Element, StreamHeader, ns};

use super::{Place, builder, in_time, message, number, sign_in, url};

/// Elements in each direction.
const MANY: usize = 1_000;

/// Makes the future anew for each poll, and drops it behind each.
macro_rules! impatient {
    ($future:expr) => {
        poll_fn(|cx| pin!($future).poll(cx)).await
    };
}

/// Every future of both sides is dropped after each poll: nothing is lost or doubled.
pub(crate) async fn no_future_is_polled_twice(place: &impl Place, transport: Transport) {
    let network = place.network();
    let (mut server, address) = place.serve(|_| {}).await;
    let client = async {
        let builder = builder(&network, &[url(transport, address)]);
        let mut client = builder.start().expect("entropy");
        impatient!(client.opened()).expect("a session");
        sign_in(&mut client).await;
        let (mut sender, mut receiver) = client.split();
        let sending = async {
            for number in 0..MANY {
                impatient!(sender.send(message(number))).expect("open");
            }
        };
        let receiving = async {
            for expected in 0..MANY {
                match impatient!(receiver.next()) {
                    Some(client::Event::Element(element)) => assert_eq!(number(&element), expected),
                    event => panic!("{event:?}"),
                }
            }
        };
        join(sending, receiving).await;
        sender.close();
        match impatient!(receiver.next()) {
            Some(client::Event::Closed(closed)) => assert!(closed.undelivered.is_empty()),
            event => panic!("{event:?}"),
        }
    };
    let serving = async {
        let opening = impatient!(server.next()).expect("a client");
        let mut session = opening.accept(StreamHeader::default());
        let features = || Element::build("features", ns::STREAM).finish();
        impatient!(session.send(features())).expect("open");
        match impatient!(session.next()) {
            Some(server::Event::Element(auth)) => assert!(auth.is("auth", ns::SASL)),
            event => panic!("{event:?}"),
        }
        impatient!(session.send(Element::build("success", ns::SASL).finish())).expect("open");
        match impatient!(session.next()) {
            Some(server::Event::Restarted(_)) => {}
            event => panic!("{event:?}"),
        }
        impatient!(session.send(features())).expect("open");
        let (mut sender, mut receiver) = session.split();
        let sending = async {
            for number in 0..MANY {
                impatient!(sender.send(message(number))).expect("open");
            }
        };
        let receiving = async {
            for expected in 0..MANY {
                match impatient!(receiver.next()) {
                    Some(server::Event::Element(element)) => assert_eq!(number(&element), expected),
                    event => panic!("{event:?}"),
                }
            }
            match impatient!(receiver.next()) {
                Some(server::Event::Closed(closed)) => assert!(closed.undelivered.is_empty()),
                event => panic!("{event:?}"),
            }
        };
        join(sending, receiving).await;
    };
    in_time(&network, join(client, serving)).await;
}
