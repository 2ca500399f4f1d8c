//! Sessions as their application has them: an opening, then events in order.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bosh_proto::{
    Condition,
    server::{Event, Opening, SessionKey},
};
use futures_channel::mpsc;
use futures_util::StreamExt as _;

use super::hub::{Hub, WeakHub};
use crate::Runtime;

/// Room for events that a session keeps while it is idle.
const KEPT: usize = 8;

/// Events on their way to a session's application. It has no bound of its own: the manager leaves requests unanswered while its
/// input is held (`hold_input`), so that no more comes in than the session's window of requests can carry.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<InboxState>,
}

#[derive(Default)]
struct InboxState {
    events: VecDeque<Event>,
    reader: Option<Waker>,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an event; gives the reader that waits for it, to be woken without any lock.
    pub(super) fn push(&self, event: Event) -> Option<Waker> {
        let mut state = self.lock();
        state.events.push_back(event);
        state.reader.take()
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Event> {
        let mut state = self.lock();
        match state.events.pop_front() {
            Some(event) => {
                if state.events.is_empty() && state.events.capacity() > KEPT {
                    state.events = VecDeque::new();
                }
                Poll::Ready(event)
            }
            None => {
                match &mut state.reader {
                    Some(reader) => reader.clone_from(cx.waker()),
                    reader @ None => *reader = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
        }
    }
}

/// A session that nobody has taken yet.
pub(super) struct Opened {
    pub(super) key: SessionKey,
    pub(super) opening: Opening,
    pub(super) events: Arc<Inbox>,
}

/// The sessions that clients open. Once it is dropped, sessions are refused.
pub struct Sessions<R> {
    incoming: mpsc::UnboundedReceiver<Opened>,
    hub: WeakHub<R>,
}

impl<R> fmt::Debug for Sessions<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl<R: Runtime> Sessions<R> {
    pub(super) fn new(incoming: mpsc::UnboundedReceiver<Opened>, hub: WeakHub<R>) -> Self {
        Self { incoming, hub }
    }

    /// The next session that a client opened; `None` after the hub is gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<Session<R>> {
        let Opened {
            key,
            opening,
            events,
        } = self.incoming.next().await?;
        Some(Session {
            hub: self.hub.upgrade()?,
            key,
            opening,
            events,
            over: false,
        })
    }
}

/// One session: its opening, and its events in order. Dropping it closes the session with `internal-server-error`.
pub struct Session<R: Runtime> {
    hub: Hub<R>,
    key: SessionKey,
    opening: Opening,
    events: Arc<Inbox>,
    /// `Closed` was taken.
    over: bool,
}

impl<R: Runtime> fmt::Debug for Session<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl<R: Runtime> Session<R> {
    /// The session's key in the manager.
    pub fn key(&self) -> SessionKey {
        self.key
    }

    /// What the client asked for.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The hub that the session lives in.
    pub fn hub(&self) -> &Hub<R> {
        &self.hub
    }

    /// The next event; `None` after `Closed`. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same for hand-written futures.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.over {
            return Poll::Ready(None);
        }
        self.events.poll_next(cx).map(|event| {
            self.over = matches!(event, Event::Closed(_));
            Some(event)
        })
    }
}

impl<R: Runtime> Drop for Session<R> {
    fn drop(&mut self) {
        if !self.over {
            let condition = Some(Condition::InternalServerError);
            self.hub
                .with(|manager, now| manager.close(self.key, condition, None, now));
        }
    }
}
