//! What the application does with the engine: it takes events, sends, and ends it all.

use std::{
    mem,
    task::{Context, Poll},
};

use xmpp_wire::Element;

use super::{Current, Engine};
use crate::client::{Cause, Closed, Event, Failed, NotDue, SendError, network::Network};

impl<N: Network> Engine<N> {
    pub(in crate::client) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let Some(event) = self.events.pop_front() else {
            if self.over {
                return Poll::Ready(None);
            }
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        self.bytes -= event.bytes();
        if let Event::Opened(opened) = &event {
            self.heard_of = opened.session;
            self.wake_writers();
        }
        if self.held
            && self.events.len() <= self.settings.inbox_events / 2
            && self.bytes <= self.settings.inbox_bytes / 2
        {
            self.release();
        }
        Poll::Ready(Some(event))
    }

    fn release(&mut self) {
        self.held = false;
        if let Some(current) = &mut self.current {
            current
                .session
                .tell(|session, now| session.release_input(now));
            self.wake_task();
        }
    }

    /// Whether the first event has come, and that is `Opened`.
    pub(in crate::client) fn poll_opened(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Option<Failed>>> {
        match self.events.front() {
            Some(Event::Closed(_)) => {}
            Some(Event::Unreachable(..)) | None => {
                self.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Some(_) => return Poll::Ready(Ok(())),
        }
        Poll::Ready(Err(match self.events.pop_front() {
            Some(Event::Closed(Closed {
                cause: Cause::Failed(failed),
                ..
            })) => Some(failed),
            _ => None,
        }))
    }

    /// The session that the application means, if there is one. The first one needs no introduction.
    fn target(&mut self) -> Option<&mut Current<N>> {
        let known = self.sessions == 1 || self.heard_of == self.sessions;
        self.current.as_mut().filter(|_| known && !self.closing)
    }

    pub(in crate::client) fn send(&mut self, element: Element) -> Result<(), SendError<Element>> {
        let Some(current) = self.target() else {
            return Err(SendError::Closed(element));
        };
        if current.parked.is_some() {
            return Err(SendError::Full(element));
        }
        match current
            .session
            .tell(|session, now| session.send(element, now))
        {
            Ok(()) => {}
            Err(SendError::Full(element)) => current.parked = Some(element),
            Err(refused) => return Err(refused),
        }
        self.wake_task();
        Ok(())
    }

    /// Whether `send` would not say `Full`.
    pub(in crate::client) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.target().is_none_or(|current| current.parked.is_none()) {
            return Poll::Ready(());
        }
        if !self
            .writers
            .iter()
            .any(|writer| writer.will_wake(cx.waker()))
        {
            self.writers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    pub(in crate::client) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.over {
            return Poll::Ready(());
        }
        if !self
            .writers
            .iter()
            .any(|writer| writer.will_wake(cx.waker()))
        {
            self.writers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The sessions below restart by themselves.
    pub(in crate::client) fn restart(&mut self) -> Result<(), NotDue> {
        match self.target() {
            Some(current) if current.restarts => Ok(()),
            Some(_) | None => Err(NotDue),
        }
    }

    pub(in crate::client) fn close(&mut self) {
        if self.over || mem::replace(&mut self.closing, true) {
            return;
        }
        match &mut self.current {
            Some(current) => {
                current.session.tell(|session, now| session.close(now));
                if mem::take(&mut self.held) {
                    current
                        .session
                        .tell(|session, now| session.release_input(now));
                }
            }
            None => {
                self.planner.close(self.network.now());
                let undelivered = self.gone.take().map(|gone| gone.undelivered);
                self.end(Cause::Ours, undelivered.unwrap_or_default());
            }
        }
        self.wake_writers();
        self.wake_task();
    }

    /// Nobody listens any more: everything that comes is dropped.
    pub(in crate::client) fn forget(&mut self) {
        self.close();
        self.forgotten = true;
        self.events.clear();
        self.bytes = 0;
    }
}
