//! A session over either transport, in one small vocabulary.

use std::task::{Context, Poll};

use bosh_proto::server::{self as bosh, Accept};
use ws_framing::{connection, xmpp};
use xmpp_stream::relay;
use xmpp_wire::{Element, StreamError, StreamHeader};

use super::{Cause, Closed, Error};
use crate::{BoxStream, Pump, Runtime, Step, bosh::Session};

/// What a session tells.
pub(super) enum WebEvent {
    /// A WebSocket's first `<open/>`.
    Opened(StreamHeader),
    Restarted(StreamHeader),
    Element(Element),
    Writable,
    /// The client ends its stream: the answer is `close`.
    Closing,
    Closed(End),
}

/// Why something was not taken; it comes back.
pub(super) enum Refused<T> {
    /// `WebEvent::Writable` follows.
    Full(T),
    Closed(T),
    Forbidden(T),
}

pub(super) enum Web<R: Runtime> {
    WebSocket(Box<Pump<xmpp::server::Session, BoxStream, R>>),
    Bosh(Box<Session<R>>),
}

impl<R: Runtime> Web<R> {
    /// `None` when everything has been said and done.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<WebEvent>> {
        match self {
            Self::WebSocket(pump) => {
                let Some(Step::Event(event)) = std::task::ready!(pump.poll_next(cx)) else {
                    return Poll::Ready(None);
                };
                Poll::Ready(Some(match event {
                    xmpp::Event::Opened {
                        header,
                        restart: false,
                    } => WebEvent::Opened(header),
                    xmpp::Event::Opened { header, .. } => WebEvent::Restarted(header),
                    xmpp::Event::Element(element) => WebEvent::Element(element),
                    xmpp::Event::Writable => WebEvent::Writable,
                    xmpp::Event::Closing => WebEvent::Closing,
                    xmpp::Event::Closed(closed) => {
                        WebEvent::Closed(End::WebSocket(Box::new(closed)))
                    }
                }))
            }
            Self::Bosh(session) => loop {
                let Some(event) = std::task::ready!(session.poll_next(cx)) else {
                    return Poll::Ready(None);
                };
                return Poll::Ready(Some(match event {
                    bosh::Event::Element(element) => WebEvent::Element(element),
                    bosh::Event::Restarted(header) => WebEvent::Restarted(header),
                    bosh::Event::Writable => WebEvent::Writable,
                    bosh::Event::Closed(closed) => WebEvent::Closed(End::Bosh(closed)),
                    bosh::Event::Opening(_) | bosh::Event::Paused(_) => continue,
                }));
            },
        }
    }

    /// Answers the client's header. To a restart over BOSH there is no such answer.
    pub(super) fn open(&mut self, header: StreamHeader) -> Result<(), Refused<StreamHeader>> {
        match self {
            Self::WebSocket(pump) => {
                let now = pump.now();
                pump.machine_mut().open(header, now).map_err(refused)
            }
            Self::Bosh(session) => {
                let key = session.key();
                let accept = Accept { header };
                session
                    .hub()
                    .with(|manager, now| manager.accept(key, accept, now));
                Ok(())
            }
        }
    }

    pub(super) fn send(&mut self, element: Element) -> Result<(), Refused<Element>> {
        match self {
            Self::WebSocket(pump) => {
                let now = pump.now();
                pump.machine_mut().send(element, now).map_err(refused)
            }
            Self::Bosh(session) => {
                let key = session.key();
                let sent = session
                    .hub()
                    .with(|manager, now| manager.send(key, element, now));
                sent.map_err(|error| match error {
                    bosh::SendError::Full(element) => Refused::Full(element),
                    bosh::SendError::Closed(_) | _ => Refused::Closed(error.into_inner()),
                })
            }
        }
    }

    pub(super) fn close(&mut self) {
        match self {
            Self::WebSocket(pump) => {
                let now = pump.now();
                pump.machine_mut().close(now);
            }
            Self::Bosh(session) => {
                let key = session.key();
                session
                    .hub()
                    .with(|manager, now| manager.close(key, None, None, now));
            }
        }
    }

    /// Ends a stream that is open, with an error.
    pub(super) fn fail(&mut self, error: StreamError) {
        match self {
            Self::WebSocket(pump) => {
                let now = pump.now();
                relay::ws::refuse(pump.machine_mut(), error, now);
            }
            Self::Bosh(session) => {
                let key = session.key();
                let error = error.to_element();
                session
                    .hub()
                    .with(|manager, now| manager.close(key, None, Some(error), now));
            }
        }
    }

    /// Refuses a stream that is not open yet.
    pub(super) fn refuse(&mut self, error: StreamError) {
        match self {
            Self::WebSocket(_) => self.fail(error),
            Self::Bosh(session) => {
                let key = session.key();
                let condition = Some(relay::bosh::refusal(&error));
                session
                    .hub()
                    .with(|manager, now| manager.close(key, condition, None, now));
            }
        }
    }

    pub(super) fn redirect(&mut self, uri: &str) {
        match self {
            Self::WebSocket(pump) => {
                let now = pump.now();
                pump.machine_mut().redirect(uri, now);
            }
            Self::Bosh(session) => {
                let key = session.key();
                session
                    .hub()
                    .with(|manager, now| manager.redirect(key, uri, now));
            }
        }
    }

    /// The server goes down. A hub tells its sessions by itself.
    pub(super) fn shut_down(&mut self) {
        if let Self::WebSocket(_) = self {
            self.fail(StreamError::new("system-shutdown"));
        }
    }

    pub(super) fn hold_input(&mut self) {
        match self {
            Self::WebSocket(pump) => {
                let now = pump.now();
                pump.machine_mut().hold_input(now);
            }
            Self::Bosh(session) => {
                let key = session.key();
                session
                    .hub()
                    .with(|manager, now| manager.hold_input(key, now));
            }
        }
    }

    pub(super) fn release_input(&mut self) {
        match self {
            Self::WebSocket(pump) => {
                let now = pump.now();
                pump.machine_mut().release_input(now);
            }
            Self::Bosh(session) => {
                let key = session.key();
                session
                    .hub()
                    .with(|manager, now| manager.release_input(key, now));
            }
        }
    }
}

fn refused<T>(error: connection::SendError<T>) -> Refused<T> {
    match error {
        connection::SendError::Full(given) => Refused::Full(given),
        connection::SendError::Forbidden(given) => Refused::Forbidden(given),
        connection::SendError::Closed(_) | connection::SendError::TooLong(_) | _ => {
            Refused::Closed(error.into_inner())
        }
    }
}

/// Who began to end a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Ours,
    Client,
}

/// How a session ended, in its transport's words.
pub(super) enum End {
    WebSocket(Box<xmpp::Closed>),
    Bosh(bosh::Closed),
}

impl End {
    /// The same for the application; `first` began it, if anybody did.
    pub(super) fn into_closed(self, first: Option<Side>) -> Closed {
        let (cause, undelivered) = match self {
            Self::WebSocket(closed) => {
                let cause = match (first, closed.error, closed.connection.cause) {
                    (Some(Side::Ours), _, connection::Cause::Ours | connection::Cause::Peer) => {
                        Cause::Ours
                    }
                    (Some(Side::Client) | None, Some(error), _) => {
                        Cause::Lost(Error::Stream(Box::new(error)))
                    }
                    (Some(Side::Client), None, _) if closed.stream_closed => Cause::Client,
                    _ => Cause::Lost(Error::WebSocket(Box::new(closed.connection))),
                };
                (cause, closed.undelivered)
            }
            Self::Bosh(closed) => {
                let cause = match closed.cause {
                    bosh::Cause::Ours | bosh::Cause::Shutdown => Cause::Ours,
                    bosh::Cause::Terminated => Cause::Client,
                    bosh::Cause::NotAuthorized => {
                        let error = StreamError::new("not-authorized");
                        Cause::Lost(Error::Stream(Box::new(error)))
                    }
                    cause @ (bosh::Cause::Fault(_)
                    | bosh::Cause::AuthTimeout
                    | bosh::Cause::Inactive
                    | _) => Cause::Lost(Error::Bosh(cause, closed.reason)),
                };
                (cause, closed.undelivered)
            }
        };
        Closed { cause, undelivered }
    }
}
