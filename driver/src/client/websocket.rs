//! RFC 7395 on a stream.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use ws_framing::{
    CloseCode,
    connection::{Cause, SendError},
    handshake::client::{Endpoint, Handshake},
    xmpp::{Channel, Closed, Event, client::Session},
};
use xmpp_endpoints::{Url, redirect::Redirect};
use xmpp_wire::{Element, StreamHeader};

use super::{
    Error, Settings,
    dial::Dialer,
    network::{BoxStream, Network},
    web::{End, Refused, Web, WebEvent, Why},
};
use crate::{Pump, Step, websocket};

pub(super) struct WebSocket<N: Network> {
    pump: Pump<Session, BoxStream, N>,
}

impl<N: Network> WebSocket<N> {
    /// Connects, shakes hands and sends `<open/>`.
    pub(super) async fn open(
        dialer: &Dialer<N>,
        url: &Url,
        settings: &Settings,
        network: N,
        seeds: [[u8; 32]; 2],
    ) -> Result<Web<N>, Error> {
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
        let web = |machine| {
            let pump = Pump::new(machine, stream, unread, network.clone());
            Web::WebSocket(Box::new(Self { pump }))
        };
        if let Some(code) = upgraded.farewell {
            machine.disconnect(code, now);
            network.spawn(web(machine).finish());
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
        Ok(web(machine))
    }

    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<WebEvent>> {
        let Some(Step::Event(event)) = std::task::ready!(self.pump.poll_next(cx)) else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(match event {
            Event::Opened { restart: true, .. } => WebEvent::Restarted,
            Event::Opened { header, .. } => WebEvent::Opened(header),
            Event::Element(element) => WebEvent::Element(element),
            Event::Closing => WebEvent::Closing,
            Event::Writable => WebEvent::Writable,
            Event::Closed(closed) => WebEvent::Closed(end(closed)),
        }))
    }

    pub(super) fn send(&mut self, element: Element) -> Result<(), Refused> {
        let now = self.pump.now();
        let sent = self.pump.machine_mut().send(element, now);
        sent.map_err(|refused| match refused {
            SendError::Full(element) => Refused::Full(element),
            SendError::Forbidden(element) => Refused::Forbidden(element),
            SendError::Closed(_) | SendError::TooLong(_) | _ => {
                Refused::Closed(refused.into_inner())
            }
        })
    }

    pub(super) fn close(&mut self) {
        let now = self.pump.now();
        self.pump.machine_mut().close(now);
    }

    pub(super) fn abort(&mut self) {
        let now = self.pump.now();
        self.pump
            .machine_mut()
            .disconnect(CloseCode::GOING_AWAY, now);
    }

    pub(super) fn hold_input(&mut self) {
        let now = self.pump.now();
        self.pump.machine_mut().hold_input(now);
    }

    pub(super) fn release_input(&mut self) {
        let now = self.pump.now();
        self.pump.machine_mut().release_input(now);
    }
}

fn end(closed: Closed) -> End {
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
    End {
        why,
        redirect,
        undelivered: closed.undelivered,
    }
}
