//! RFC 7395 on a stream.

use std::sync::Arc;

use ws_framing::{
    connection::Cause,
    handshake::client::{Endpoint, Handshake},
    xmpp::{Channel, Closed, client::Session},
};
use xmpp_endpoints::{Url, redirect::Redirect};
use xmpp_wire::StreamHeader;

use super::{
    Error, Settings,
    dial::Dialer,
    dialled::{DialledSession, End, Why},
    network::Network,
};
use crate::{Pump, websocket};

/// Connects, shakes hands and sends `<open/>`.
pub(super) async fn open<N: Network>(
    dialer: &Dialer<N>,
    url: &Url,
    settings: &Settings,
    network: N,
    seeds: [[u8; 32]; 2],
) -> Result<DialledSession<N>, Error> {
    let (stream, turn) = dialer.dial_websocket().await?;
    let endpoint =
        Endpoint::parse(&url.to_string()).map_err(|error| Error::NotXmpp(error.to_string()))?;
    let [key, masks] = seeds;
    let handshake = Handshake::new(&endpoint, settings.handshake.clone(), key);
    // The attempt as a whole has its own, shorter.
    let time = settings.planner.attempt_timeout * 2;
    let opened = websocket::open(stream, handshake, time, &network).await;
    let (upgraded, stream, unread) = opened.map_err(|error| match error {
        websocket::OpenError::Refused(refused) => refused.into(),
        websocket::OpenError::Io(error) => Error::Lost(error.to_string()),
        websocket::OpenError::Timeout => Error::TimedOut,
    })?;
    drop(turn);
    let mut config = settings.websocket.clone();
    config.channel = if url.scheme().is_secure() {
        Channel::Tls
    } else {
        Channel::Plain
    };
    let now = network.now();
    let mut machine = Session::new(Arc::new(config), masks, now);
    if let Some(agreed) = upgraded.compression {
        machine = machine.with_deflate(agreed);
    }
    let session = |machine| {
        let pump = Pump::new(machine, stream, unread, network.clone());
        DialledSession::WebSocket(Box::new(pump))
    };
    if let Some(code) = upgraded.farewell {
        machine.disconnect(code, now);
        network.spawn(session(machine).finish());
        return Err(Error::NotXmpp(
            "a WebSocket without the subprotocol xmpp".to_owned(),
        ));
    }
    let header = StreamHeader {
        to: Some(settings.planner.domain.clone()),
        from: settings.from.clone(),
        lang: settings.lang.clone(),
        ..StreamHeader::default()
    };
    if let Err(refused) = machine.open(header, now) {
        return Err(Error::NotXmpp(refused.to_string()));
    }
    Ok(session(machine))
}

/// What the end of a session says.
pub(super) fn end(closed: Closed) -> End {
    let mut redirect = closed.see_other.map(|other| Redirect::Uri(other.uri));
    let why = match (closed.error, closed.connection.cause) {
        // What we said to a server that was silent, or broke a rule, is no word of its.
        (Some(_), Cause::Timeout | Cause::Fault(_)) => {
            Why::Lost(Error::WebSocket(Box::new(closed.connection)))
        }
        (Some(error), _) => {
            redirect = redirect.or_else(|| error.see_other_host.clone().map(Redirect::Host));
            Why::Lost(Error::Stream(Box::new(error)))
        }
        (None, Cause::Ours) => Why::Ours,
        // An end without `<close/>`, or with a code that says that something is wrong, is none that the server wants.
        (None, Cause::Peer) if closed.stream_closed && closed.connection.code == 1000 => Why::Peer,
        (None, _) => Why::Lost(Error::WebSocket(Box::new(closed.connection))),
    };
    End { why, redirect }
}
