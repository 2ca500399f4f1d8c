use std::convert::Infallible;

use bytes::BytesMut;

use crate::{Instant, Transmit};

/// A state machine on a byte stream. Its rules, which `contract::check` holds it to:
///
/// 1. After any calls, [`poll_action`](Self::poll_action) is asked until it is `None`, then
///    [`poll_timeout`](Self::poll_timeout). Calls may be batched before that. Bytes are taken one
///    [`poll_transmit`](Self::poll_transmit) at a time, as the socket takes them, and actions are
///    asked for again behind each, also behind the one that gave nothing: that is when a machine
///    learns that its bytes have left.
/// 2. No input panics, overflows, or grows memory past the limits. A peer's fault becomes its
///    farewell on the wire, the event that says the end, and `Close`, in that order.
/// 3. The end is delivered once, then comes `Close` or `Abort`, and nothing behind it. A flush that
///    outlives its deadline becomes `Abort`.
/// 4. `now` need not be exact; going backwards is clamped. A late or extra `handle_timeout` is
///    harmless.
/// 5. `handle_timeout(t)` at `t = poll_timeout()` makes progress: the next deadline is later, or
///    absent, or an action is due.
/// 6. The same calls with the same times give the same actions and bytes.
/// 7. Chunking is invisible: bytes cut anywhere give the same actions and the same output bytes.
pub trait Machine {
    /// The events that the machine delivers to the application.
    type Event;
    /// Why the machine hands its stream over; [`Infallible`] if it never does.
    type Handover;

    /// Takes bytes that were read, which are at the end of `input`. What the machine leaves there
    /// is offered again, with what comes behind it, whenever the machine has been told or asked
    /// something since and [`wants_input`](Self::wants_input).
    fn handle_input(&mut self, input: &mut BytesMut, now: Instant);
    /// The peer ended its direction of the stream.
    fn handle_eof(&mut self, now: Instant);
    /// The stream failed: nothing more can be read or written.
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
    /// The next action, in order; `None` if there is nothing to do now.
    fn poll_action(&mut self) -> Option<Action<Self::Event, Self::Handover>>;
    /// The next bytes to write.
    fn poll_transmit(&mut self) -> Option<Transmit>;
    /// When to call `handle_timeout` at the latest.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// What a machine on a byte stream asks for, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<E, H = Infallible> {
    /// Tell the application.
    Deliver(E),
    /// Write what is left; then the stream, and the bytes that were read and not taken, belong to
    /// somebody else, for good (an HTTP upgrade) or until the machine is told (STARTTLS).
    Handover(H),
    /// Write what is left, shut the stream down, and drop it.
    Close,
    /// Drop the stream now.
    Abort,
}

impl<E, H> Action<E, H> {
    /// The same action with another event.
    pub fn map<F>(self, change: impl FnOnce(E) -> F) -> Action<F, H> {
        match self {
            Self::Deliver(event) => Action::Deliver(change(event)),
            Self::Handover(handover) => Action::Handover(handover),
            Self::Close => Action::Close,
            Self::Abort => Action::Abort,
        }
    }
}

/// Implements [`Machine`] by the type's own methods of the same names, so that nobody must import
/// the trait to drive one machine.
///
/// `machine!(Session, Event, Infallible)`, or `machine!([R: Role] Session<R>, Event, Infallible)`
/// for a generic type; `also handle_reset, read_bytes` names the methods that the trait would
/// otherwise provide.
#[macro_export]
macro_rules! machine {
    ([$($generics:tt)*] $type:ty, $event:ty, $handover:ty $(, also $($also:ident),+)?) => {
        impl<$($generics)*> $crate::Machine for $type {
            type Event = $event;
            type Handover = $handover;
            fn handle_input(&mut self, input: &mut ::bytes::BytesMut, now: $crate::Instant) {
                self.handle_input(input, now);
            }
            fn handle_eof(&mut self, now: $crate::Instant) {
                self.handle_eof(now);
            }
            fn handle_timeout(&mut self, now: $crate::Instant) {
                self.handle_timeout(now);
            }
            fn wants_input(&self) -> bool {
                self.wants_input()
            }
            fn poll_action(&mut self) -> Option<$crate::Action<$event, $handover>> {
                self.poll_action()
            }
            fn poll_transmit(&mut self) -> Option<$crate::Transmit> {
                self.poll_transmit().map(::core::convert::Into::into)
            }
            fn poll_timeout(&self) -> Option<$crate::Instant> {
                self.poll_timeout()
            }
            $($($crate::machine!(@also $also);)+)?
        }
    };
    (@also handle_reset) => {
        fn handle_reset(&mut self, now: $crate::Instant) {
            self.handle_reset(now);
        }
    };
    (@also read_bytes) => {
        fn read_bytes(&self) -> usize {
            self.read_bytes()
        }
    };
    ($type:ty, $event:ty, $handover:ty $(, also $($also:ident),+)?) => {
        $crate::machine!([] $type, $event, $handover $(, also $($also),+)?);
    };
}
