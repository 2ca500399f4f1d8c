//! A session's own state: its transport, and the events that wait for the application. It lives behind a mutex that is never held across a
//! wait: the session's task polls it, the application's calls change it and wake the task.

use std::{
    collections::VecDeque,
    mem,
    task::{Context, Poll, Waker},
};

use xmpp_stream::session;
use xmpp_wire::{Element, StreamError, StreamHeader};

use super::{Closed, Event, SendError, builder::Inbox, closed::Side};
use crate::{
    BoxStream, Runtime,
    accepted::{AcceptedSession, End},
};

/// Turns of one poll, so that other tasks have theirs.
const TURNS: u32 = 64;

/// Taken from the application, and waiting for room.
enum Parked {
    Header(StreamHeader),
    Element(Element),
}

/// What ends a stream, behind what was sent.
enum Farewell {
    Close,
    Fail(StreamError),
}

pub(super) struct Engine<R: Runtime> {
    session: AcceptedSession<BoxStream, R>,
    inbox: Inbox,
    /// Our header, for the answers to restarts; none before the application accepts.
    header: Option<StreamHeader>,
    events: VecDeque<Event>,
    bytes: usize,
    held: bool,
    parked: Option<Parked>,
    /// Waits until nothing is parked.
    farewell: Option<Farewell>,
    first: Option<Side>,
    /// The application dropped its receiver.
    forgotten: bool,
    over: bool,
    task: Option<Waker>,
    reader: Option<Waker>,
    writers: Vec<Waker>,
}

impl<R: Runtime> Engine<R> {
    pub(super) fn new(session: AcceptedSession<BoxStream, R>, inbox: Inbox) -> Self {
        Self {
            session,
            inbox,
            header: None,
            events: VecDeque::new(),
            bytes: 0,
            held: false,
            parked: None,
            farewell: None,
            first: None,
            forgotten: false,
            over: false,
            task: None,
            reader: None,
            writers: Vec::new(),
        }
    }

    /// Until everything has been said and done.
    pub(super) fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.task = Some(cx.waker().clone());
        for _ in 0..TURNS {
            match self.session.poll_event(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Ready(Some(event)) => self.handle(event),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn handle(&mut self, event: session::Event<End>) {
        match event {
            session::Event::Element(element) => self.deliver(Event::Element(element)),
            session::Event::Restarted(header) => {
                if let Some(ours) = self.header.clone() {
                    self.open(ours);
                }
                self.deliver(Event::Restarted(header));
            }
            session::Event::Writable => self.writable(),
            session::Event::Closing => {
                self.first.get_or_insert(Side::Client);
                self.session.tell(|session, now| session.close(now));
                self.wake_writers();
            }
            session::Event::Closed(closed) => self.end(closed),
            session::Event::Opened(_) => {}
        }
    }

    fn open(&mut self, header: StreamHeader) {
        let parked = self
            .session
            .tell(|session, now| match session.open(header, now) {
                Err(SendError::Full(header)) => Some(Parked::Header(header)),
                Ok(()) | Err(_) => None,
            });
        self.parked = parked.or_else(|| self.parked.take());
    }

    /// There is room for what was parked, and then for more.
    fn writable(&mut self) {
        match self.parked.take() {
            Some(Parked::Header(header)) => self.open(header),
            Some(Parked::Element(element)) => {
                let sent = self.session.tell(|session, now| session.send(element, now));
                if let Err(refused) = sent {
                    self.parked = Some(Parked::Element(refused.into_inner()));
                }
            }
            None => {}
        }
        if self.parked.is_none() {
            self.say_farewell();
            self.wake_writers();
        }
    }

    fn say_farewell(&mut self) {
        match self.farewell.take() {
            Some(Farewell::Close) => self.session.tell(|session, now| session.close(now)),
            Some(Farewell::Fail(error)) => {
                self.session.tell(|session, now| session.fail(error, now))
            }
            None => {}
        }
    }

    fn end(&mut self, closed: session::Closed<End>) {
        self.over = true;
        let mut closed = Closed::new(closed, self.first);
        if let Some(Parked::Element(element)) = self.parked.take() {
            closed.undelivered.push(element);
        }
        self.deliver(Event::Closed(closed));
        self.wake_writers();
    }

    /// An event for the application. Beyond the inbox's bounds nothing more is read; what was read already still comes.
    fn deliver(&mut self, event: Event) {
        if self.forgotten {
            return;
        }
        self.bytes += event.bytes();
        self.events.push_back(event);
        if !self.held && (self.events.len() >= self.inbox.events || self.bytes >= self.inbox.bytes)
        {
            self.held = true;
            self.session.tell(|session, now| session.hold_input(now));
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn wake_writers(&mut self) {
        for writer in self.writers.drain(..) {
            writer.wake();
        }
    }

    fn wake_task(&self) {
        if let Some(task) = &self.task {
            task.wake_by_ref();
        }
    }

    /// The server goes down.
    pub(super) fn shut_down(&mut self) {
        self.first.get_or_insert(Side::Ours);
        self.session
            .tell(|session, now| session.shut_down(false, now));
        self.wake_writers();
    }
}

/// What the application does.
impl<R: Runtime> Engine<R> {
    pub(super) fn accept(&mut self, header: StreamHeader) {
        // Each stream has an id of its own.
        let next = StreamHeader {
            id: None,
            ..header.clone()
        };
        self.header = Some(next);
        self.open(header);
        self.wake_task();
    }

    pub(super) fn refuse(&mut self, error: StreamError) {
        self.first.get_or_insert(Side::Ours);
        self.session.tell(|session, now| session.refuse(error, now));
        self.forget();
    }

    pub(super) fn redirect(&mut self, uri: &str) {
        self.first.get_or_insert(Side::Ours);
        self.session.tell(|session, now| session.redirect(uri, now));
        self.forget();
    }

    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let Some(event) = self.events.pop_front() else {
            if self.over {
                return Poll::Ready(None);
            }
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        self.bytes -= event.bytes();
        if self.held
            && self.events.len() <= self.inbox.events / 2
            && self.bytes <= self.inbox.bytes / 2
        {
            self.held = false;
            self.session.tell(|session, now| session.release_input(now));
            self.wake_task();
        }
        Poll::Ready(Some(event))
    }

    pub(super) fn send(&mut self, element: Element) -> Result<(), SendError<Element>> {
        if self.over || self.first.is_some() {
            return Err(SendError::Closed(element));
        }
        if self.parked.is_some() {
            return Err(SendError::Full(element));
        }
        match self.session.tell(|session, now| session.send(element, now)) {
            Ok(()) => {}
            Err(SendError::Full(element)) => self.parked = Some(Parked::Element(element)),
            Err(refused) => return Err(refused),
        }
        self.wake_task();
        Ok(())
    }

    /// Whether `send` would not say `Full`.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.parked.is_none() || self.over || self.first.is_some() {
            return Poll::Ready(());
        }
        self.wait_to_write(cx)
    }

    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.over {
            return Poll::Ready(());
        }
        self.wait_to_write(cx)
    }

    fn wait_to_write(&mut self, cx: &Context<'_>) -> Poll<()> {
        let waker = cx.waker();
        if !self.writers.iter().any(|writer| writer.will_wake(waker)) {
            self.writers.push(waker.clone());
        }
        Poll::Pending
    }

    pub(super) fn close(&mut self) {
        self.leave(Farewell::Close);
    }

    pub(super) fn fail(&mut self, error: StreamError) {
        self.leave(Farewell::Fail(error));
    }

    fn leave(&mut self, farewell: Farewell) {
        if self.over || self.first.is_some() {
            return;
        }
        self.first = Some(Side::Ours);
        self.farewell = Some(farewell);
        if self.parked.is_none() {
            self.say_farewell();
        }
        self.wake_writers();
        self.wake_task();
    }

    /// Nobody listens any more: everything that comes is dropped.
    pub(super) fn forget(&mut self) {
        self.close();
        self.forgotten = true;
        self.events.clear();
        self.bytes = 0;
        if mem::take(&mut self.held) {
            self.session.tell(|session, now| session.release_input(now));
        }
        self.wake_task();
    }
}
