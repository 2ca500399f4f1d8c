use std::time::Instant;

use bytes::BytesMut;
use xmpp_http1::Transmit;

/// A stream machine, as the pump sees it: pure forwarding to the machine's own verbs.
pub trait Machine {
    /// What it delivers.
    type Event;
    /// Bytes came, appended to `input`.
    fn handle_input(&mut self, input: &mut BytesMut, now: Instant);
    /// The transport ended.
    fn handle_eof(&mut self, now: Instant);
    /// The transport failed: nothing more can be read or written.
    fn handle_reset(&mut self, now: Instant) {
        self.handle_eof(now);
    }
    /// A deadline may have passed.
    fn handle_timeout(&mut self, now: Instant);
    /// Whether reading is useful now.
    fn wants_input(&self) -> bool;
    /// The most bytes that one read may bring.
    fn read_bytes(&self) -> usize {
        usize::MAX
    }
    /// The next order.
    fn poll_order(&mut self) -> Option<Order<Self::Event>>;
    /// The next bytes.
    fn poll_transmit(&mut self) -> Option<Transmit>;
    /// When to call `handle_timeout` at the latest.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// The orders that stream machines give.
#[derive(Debug)]
pub enum Order<E> {
    /// Tell the application.
    Deliver(E),
    /// Stream and unread bytes belong to the next machine.
    Detach,
    /// Do the TLS handshake, then go on.
    StartTls,
    /// Write what is left, shut down, drain a little, drop.
    Close,
    /// Drop now.
    Abort,
}

/// Forwards every verb but the two whose types differ between machines.
macro_rules! forward {
    () => {
        fn handle_input(&mut self, input: &mut BytesMut, now: Instant) {
            self.handle_input(input, now);
        }
        fn handle_eof(&mut self, now: Instant) {
            self.handle_eof(now);
        }
        fn handle_timeout(&mut self, now: Instant) {
            self.handle_timeout(now);
        }
        fn wants_input(&self) -> bool {
            self.wants_input()
        }
        fn poll_timeout(&self) -> Option<Instant> {
            self.poll_timeout()
        }
    };
}

impl Machine for xmpp_http1::server::Connection {
    type Event = xmpp_http1::server::Event;
    forward!();
    fn read_bytes(&self) -> usize {
        self.read_bytes()
    }
    fn poll_order(&mut self) -> Option<Order<Self::Event>> {
        use xmpp_http1::server::Action;
        Some(match self.poll_action()? {
            Action::Deliver(event) => Order::Deliver(event),
            Action::Detach => Order::Detach,
            Action::Close => Order::Close,
            Action::Abort => Order::Abort,
        })
    }
    fn handle_reset(&mut self, now: Instant) {
        self.handle_eof(now);
        // The end of input alone lets it go on to answer, where half-closed connections are allowed.
        self.abort(now);
    }
    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.poll_transmit()
    }
}

impl Machine for xmpp_http1::client::Connection {
    type Event = xmpp_http1::client::Event;
    forward!();
    fn poll_order(&mut self) -> Option<Order<Self::Event>> {
        use xmpp_http1::client::Action;
        Some(match self.poll_action()? {
            Action::Deliver(event) => Order::Deliver(event),
            Action::Detach => Order::Detach,
            Action::Close => Order::Close,
            Action::Abort => Order::Abort,
        })
    }
    fn handle_reset(&mut self, now: Instant) {
        self.handle_reset(now);
    }
    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.poll_transmit()
    }
}

impl<E> From<ws_framing::connection::Action<E>> for Order<E> {
    fn from(action: ws_framing::connection::Action<E>) -> Self {
        use ws_framing::connection::Action;
        match action {
            Action::Deliver(event) => Self::Deliver(event),
            Action::Close => Self::Close,
            Action::Abort => Self::Abort,
        }
    }
}

impl<E> From<xmpp_stream::Action<E>> for Order<E> {
    fn from(action: xmpp_stream::Action<E>) -> Self {
        use xmpp_stream::Action;
        match action {
            Action::Deliver(event) => Self::Deliver(event),
            Action::StartTls => Self::StartTls,
            Action::Close => Self::Close,
            Action::Abort => Self::Abort,
        }
    }
}

impl Machine for ws_framing::Connection {
    type Event = ws_framing::connection::Event;
    forward!();
    fn poll_order(&mut self) -> Option<Order<Self::Event>> {
        self.poll_action().map(Order::from)
    }
    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.poll_transmit()
    }
}

impl Machine for ws_framing::xmpp::Session {
    type Event = ws_framing::xmpp::Event;
    forward!();
    fn poll_order(&mut self) -> Option<Order<Self::Event>> {
        self.poll_action().map(Order::from)
    }
    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.poll_transmit()
    }
}

impl Machine for xmpp_stream::client::Stream {
    type Event = xmpp_stream::client::Event;
    forward!();
    fn poll_order(&mut self) -> Option<Order<Self::Event>> {
        self.poll_action().map(Order::from)
    }
    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.poll_transmit().map(one_piece)
    }
}

impl Machine for xmpp_stream::server::Stream {
    type Event = xmpp_stream::server::Event;
    forward!();
    fn poll_order(&mut self) -> Option<Order<Self::Event>> {
        self.poll_action().map(Order::from)
    }
    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.poll_transmit().map(one_piece)
    }
}

impl Machine for xmpp_stream::Relay {
    type Event = xmpp_stream::relay::WebAction;
    forward!();
    fn poll_order(&mut self) -> Option<Order<Self::Event>> {
        self.poll_action().map(Order::from)
    }
    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.poll_transmit().map(one_piece)
    }
}

fn one_piece(head: bytes::Bytes) -> Transmit {
    Transmit {
        head,
        ..Transmit::default()
    }
}
