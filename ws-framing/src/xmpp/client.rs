//! The client's end: it opens, restarts after a success of SASL, and reads what a server says (RFC
//! 7395 §3.4, §3.7).

use std::sync::Arc;

use bytes::Bytes;
use xmpp_machine::{Moment, SendError};
use xmpp_wire::{Element, StreamHeader, XmlError, XmlLimits, ns};

use super::{
    Channel, Config, Event, Messages, Role, SeeOther, WebSocket, content, framing,
    receive::speaks_1_0,
    role::Rules,
    session::{Auth, Phase},
};
use crate::{Connection, Instant, Reason, connection::Cause};

/// A client's end of a stream. `open` comes first.
///
/// ```
/// use bytes::BytesMut;
/// use ws_framing::{Instant, connection::Action, xmpp::{Config, Event, client, server}};
/// use xmpp_wire::StreamHeader;
///
/// let now = Instant::now();
/// let mut server = server::Session::new(Config::default(), [7; 32], now);
/// assert!(server.poll_transmit().is_none(), "a server waits for <open/>");
///
/// let mut client = client::Session::new(Config::default(), [8; 32], now);
/// let header = StreamHeader { to: Some("a.example".to_owned()), ..StreamHeader::default() };
/// client.open(header, now)?;
/// let open = client.poll_transmit().expect("<open/>");
/// server.handle_input(&mut BytesMut::from(&[&open.head[..], &open.payload[..]].concat()[..]), now);
/// assert!(matches!(server.poll_action(), Some(Action::Deliver(Event::Opened { restart: false, .. }))));
/// # Ok::<(), ws_framing::connection::SendError<StreamHeader>>(())
/// ```
pub type Session<W = Connection> = super::Session<Client, W>;

/// What only a client's session knows.
#[derive(Debug, Default)]
pub struct Client {
    /// The header of our `<open/>`.
    header: Option<Box<StreamHeader>>,
    /// An element was refused because the stream restarts; `Writable` is due behind its features.
    refused: bool,
    /// Where the server sent us.
    see_other: Option<Box<SeeOther>>,
}

/// How far a client's stream has come.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// `<open/>` was sent; the answer is awaited.
    OpenSent {
        /// Whether it restarts the stream.
        restart: bool,
    },
    /// It was answered; the features have not come.
    AwaitingFeatures,
    /// The features have come; elements go both ways.
    Running,
}

impl Session {
    /// A client's end of a WebSocket whose handshake is done. `seed`: the keys of its masks. An
    /// `Arc` shares the configuration between sessions.
    pub fn new(config: impl Into<Arc<Config>>, seed: [u8; 32], now: Instant) -> Self {
        let config = config.into();
        let connection = Connection::client(config.connection.clone(), seed, now);
        Self::with_role(Client::default(), connection, config)
    }
}

impl Session<Messages> {
    /// A client's end of a WebSocket that somebody else runs.
    pub fn over_messages(config: impl Into<Arc<Config>>, now: Instant) -> Self {
        let config = config.into();
        let messages = Messages::new(&config, now);
        Self::with_role(Client::default(), messages, config)
    }
}

impl<W: WebSocket> Session<W> {
    /// Opens the stream, once: sends `<open/>` to the domain `to`. The language defaults to the
    /// configured one, `from` is left out on a channel that others can read (RFC 6120 §4.7.1), `id`
    /// always, `version` is 1.0. The server's `<open/>` becomes `Event::Opened`, its features an
    /// element.
    ///
    /// # Errors
    ///
    /// `Closed` where that has been done; `Forbidden` where `to` is no domain.
    #[expect(
        clippy::result_large_err,
        reason = "the header comes back as it was given"
    )]
    pub fn open(
        &mut self,
        header: StreamHeader,
        now: Instant,
    ) -> Result<(), SendError<StreamHeader>> {
        let now = self.read_clock(now);
        if !matches!(self.phase, Phase::Unopened) {
            return Err(SendError::Closed(header));
        }
        if !header.to.as_deref().is_some_and(framing::is_domain) {
            return Err(SendError::Forbidden(header));
        }
        let header = StreamHeader {
            from: header.from.filter(|_| self.config.channel == Channel::Tls),
            id: None,
            version: Some("1.0".to_owned()),
            lang: header.lang.or_else(|| Some(self.config.lang.clone())),
            ..header
        };
        self.send_open(&header, false, now);
        self.role.header = Some(Box::new(header));
        Ok(())
    }

    /// Sends a new `<open/>` after a success of RFC 6120's SASL, with the first one's header:
    /// nobody sends `<close/>` (RFC 7395 §3.7). SASL2 has no restart. RFC 6120 §6.4.6 leaves no
    /// choice and no time for anything in between.
    fn restart(&mut self, now: Moment) {
        if let Some(header) = self.role.header.take() {
            self.send_open(&header, true, now);
            self.role.header = Some(header);
        }
    }

    fn send_open(&mut self, header: &StreamHeader, restart: bool, now: Moment) {
        self.websocket.send_last(framing::open(header));
        self.negotiation = self.config.features_timeout.map(|timeout| now + timeout);
        self.held_since = self.held_since.map(|_| now);
        self.phase = Phase::Streaming(Step::OpenSent { restart });
    }

    fn note_success(&mut self, element: &Element, now: Moment) {
        let is_negotiating = matches!(
            self.phase,
            Phase::Streaming(Step::AwaitingFeatures | Step::Running)
        );
        if self.auth == Auth::Done || !is_negotiating {
            return;
        }
        if element.is("success", ns::SASL) {
            self.mark_authenticated();
            self.restart(now);
        } else if element.is("success", ns::SASL2) {
            self.mark_authenticated();
        }
    }
}

impl Role for Client {}

impl Rules for Client {
    type Step = Step;

    /// What a server sends was written by its users, and must not end the session.
    fn parse(message: Bytes, limits: &XmlLimits) -> Result<Element, XmlError> {
        Element::parse_from_server(message, limits)
    }

    fn handle_open<W: WebSocket>(session: &mut Session<W>, element: &Element, now: Moment) {
        match session.phase {
            Phase::Streaming(Step::OpenSent { restart }) => {
                let header = StreamHeader::from_element(element);
                if !speaks_1_0(&header) {
                    return session.fail_for_reason(Reason::UnsupportedVersion, now);
                }
                session.phase = Phase::Streaming(Step::AwaitingFeatures);
                session.deliver(Event::Opened { header, restart });
            }
            // It crossed our `<close/>`.
            Phase::CloseSent { .. } => {}
            Phase::Unopened
            | Phase::Streaming(_)
            | Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => session.fail_for_reason(Reason::SecondOpen, now),
        }
    }

    /// What may come when is the application's to judge: it knows what it asked for.
    fn handle_element<W: WebSocket>(session: &mut Session<W>, element: Element, now: Moment) {
        if let Phase::Streaming(Step::OpenSent { .. }) = session.phase {
            return session.fail_for_reason(Reason::RestartExpected, now);
        }
        if element.is("features", ns::STREAM) {
            if let Phase::Streaming(Step::AwaitingFeatures) = session.phase {
                session.negotiation = None;
                session.phase = Phase::Streaming(Step::Running);
            }
            session.deliver(Event::Element(element.strip_starttls()));
            if std::mem::take(&mut session.role.refused) {
                session.deliver(Event::Writable);
            }
            return;
        }
        match content::check_namespace(element, session.config.namespaces) {
            Ok(element) => {
                session.note_success(&element, now);
                session.note_bound(&element);
                session.deliver(Event::Element(element));
            }
            Err(reason) => session.fail_for_reason(reason, now),
        }
    }

    fn note_redirect<W: WebSocket>(session: &mut Session<W>, close: &Element) {
        let judge =
            |uri: &str| SeeOther::judge(uri, session.config.channel, session.config.redirects);
        session.role.see_other = close
            .attribute("see-other-uri")
            .map(|uri| Box::new(judge(&uri)));
    }

    /// The application hears of it now, not when nobody has taken a farewell either; and the
    /// session may still be resumed.
    fn handle_silence<W: WebSocket>(session: &mut Session<W>, reason: Reason, _: Moment) {
        session.reason.get_or_insert(reason);
        session.drop_silent_peer(Cause::Timeout, "the server is silent");
    }

    fn take_redirect(&mut self) -> Option<SeeOther> {
        self.see_other.take().map(|other| *other)
    }

    fn is_awaiting_answer(step: Step) -> bool {
        matches!(step, Step::OpenSent { restart: false })
    }

    fn may_owe_elements(step: Step) -> bool {
        !matches!(step, Step::OpenSent { .. })
    }

    fn may_send(step: Step) -> bool {
        matches!(step, Step::AwaitingFeatures | Step::Running)
    }

    /// While the stream restarts, until its new features have come, as over BOSH (B-X-020).
    fn must_wait<W: WebSocket>(session: &mut Session<W>) -> bool {
        let is_restarting = match session.phase {
            Phase::Streaming(Step::OpenSent { restart }) => restart,
            Phase::Streaming(Step::AwaitingFeatures) => session.auth == Auth::Done,
            Phase::Streaming(Step::Running)
            | Phase::Unopened
            | Phase::CloseSent { .. }
            | Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => false,
        };
        session.role.refused |= is_restarting;
        is_restarting
    }

    fn overdue(_: Option<Step>) -> Reason {
        Reason::FeaturesTimeout
    }
}
