use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::{Sink, Stream};
use xmpp_wire::{Element, StreamError, StreamHeader};

use super::{Closed, Event, Peer, SendError, Transport, engine::Engine};
use crate::{Runtime, halves::halves};

/// What a session's halves share, whatever the runtime.
trait Handle: Send + Sync {
    fn accept(&self, header: StreamHeader);
    fn refuse(&self, error: StreamError);
    fn redirect(&self, uri: &str);
    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Option<Event>>;
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()>;
    fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()>;
    fn send(&self, element: Element) -> Result<(), SendError<Element>>;
    fn close(&self);
    fn fail(&self, error: StreamError);
    fn forget(&self);
}

pub(super) struct Shared<R: Runtime>(Mutex<Engine<R>>);

impl<R: Runtime> Shared<R> {
    pub(super) fn new(engine: Engine<R>) -> Self {
        Self(Mutex::new(engine))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Engine<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Runtime> Handle for Shared<R> {
    fn accept(&self, header: StreamHeader) {
        self.lock().accept(header);
    }
    fn refuse(&self, error: StreamError) {
        self.lock().refuse(error);
    }
    fn redirect(&self, uri: &str) {
        self.lock().redirect(uri);
    }
    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.lock().poll_event(cx)
    }
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.lock().poll_ready(cx)
    }
    fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.lock().poll_over(cx)
    }
    fn send(&self, element: Element) -> Result<(), SendError<Element>> {
        self.lock().send(element)
    }
    fn close(&self) {
        self.lock().close();
    }
    fn fail(&self, error: StreamError) {
        self.lock().fail(error);
    }
    fn forget(&self) {
        self.lock().forget();
    }
}

/// What a client asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Asked {
    /// `to`, the domain, normalised; `from`, `xml:lang`, `version`.
    pub header: StreamHeader,
    /// The transport that the client came over.
    pub transport: Transport,
    /// The client's address, and how its connection was protected.
    pub peer: Peer,
}

/// A client that wants a stream: accept it or refuse it. Dropping it refuses it with `internal-server-error`.
pub struct Opening {
    asked: Arc<Asked>,
    handle: Option<Arc<dyn Handle>>,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opening").field(&self.asked).finish()
    }
}

impl Opening {
    pub(super) fn new<R: Runtime>(asked: Asked, shared: Arc<Shared<R>>) -> Self {
        Self {
            asked: Arc::new(asked),
            handle: Some(shared),
        }
    }

    /// What the client asked for.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Opens the stream. What `header` lacks is filled in: `from` is the domain that was asked for, the `id` an unpredictable one. The
    /// features are the first element to send, here and after each `Restarted`.
    pub fn accept(mut self, mut header: StreamHeader) -> Session {
        header.from = header.from.or_else(|| self.asked.header.to.clone());
        let handle = self.handle.take();
        let handle = handle.unwrap_or_else(|| unreachable!("it is taken by value alone"));
        handle.accept(header);
        Session {
            sender: Sender(Arc::clone(&handle)),
            receiver: Receiver(handle),
            asked: Arc::clone(&self.asked),
        }
    }

    /// Refuses it with a stream error, such as `host-unknown`; over BOSH with the condition of the same name, where there is one.
    pub fn refuse(mut self, error: StreamError) {
        if let Some(handle) = self.handle.take() {
            handle.refuse(error);
        }
    }

    /// Sends the client elsewhere: to a URL of an endpoint (RFC 7395 §3.6.1, XEP-0124 §17.2).
    pub fn redirect(mut self, uri: &str) {
        if let Some(handle) = self.handle.take() {
            handle.redirect(uri);
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.refuse(StreamError::new("internal-server-error"));
        }
    }
}

/// A session: both halves in one. Dropping it closes it, behind what was sent; its own task sees to that.
#[derive(Debug)]
pub struct Session {
    sender: Sender,
    receiver: Receiver,
    asked: Arc<Asked>,
}

/// The half that sends.
pub struct Sender(Arc<dyn Handle>);

/// The half that listens. Dropping it closes the session: nobody would read what comes.
pub struct Receiver(Arc<dyn Handle>);

impl Session {
    /// What the client asked for when it came.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The next event; `None` behind `Closed`.
    pub async fn next(&mut self) -> Option<Event> {
        self.receiver.next().await
    }

    /// Sends an element, waiting for room. Where the future is dropped, it was not taken.
    ///
    /// # Errors
    ///
    /// Gives the element back: `Closed` (also while the client's restart is due), `Forbidden`.
    pub async fn send(&mut self, element: Element) -> Result<(), SendError<Element>> {
        self.sender.send(element).await
    }

    /// Ends the stream, behind what was sent, and waits for its end. What still comes meanwhile is dropped; to hear it, call
    /// [`Sender::close`] and go on with `next`.
    pub async fn close(&mut self) -> Option<Closed> {
        self.sender.close();
        self.closed().await
    }

    /// The same with a stream error.
    pub async fn fail(&mut self, error: StreamError) -> Option<Closed> {
        self.sender.fail(error);
        self.closed().await
    }

    async fn closed(&mut self) -> Option<Closed> {
        loop {
            match self.next().await {
                Some(Event::Closed(closed)) => return Some(closed),
                Some(_) => {}
                None => return None,
            }
        }
    }

    /// Both halves, for two tasks.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

impl Sender {
    /// Sends an element, waiting for room. Where the future is dropped, it was not taken.
    ///
    /// # Errors
    ///
    /// Gives the element back: `Closed` (also while the client's restart is due), `Forbidden`.
    pub async fn send(&mut self, element: Element) -> Result<(), SendError<Element>> {
        poll_fn(|cx| self.0.poll_ready(cx)).await;
        self.0.send(element)
    }

    /// Sends an element if there is room.
    ///
    /// # Errors
    ///
    /// Gives the element back: `Full`, `Closed`, `Forbidden`.
    pub fn try_send(&mut self, element: Element) -> Result<(), SendError<Element>> {
        self.0.send(element)
    }

    /// Starts to end the stream, behind what was sent; `Closed` comes out of the other half.
    pub fn close(&mut self) {
        self.0.close();
    }

    /// The same with a stream error.
    pub fn fail(&mut self, error: StreamError) {
        self.0.fail(error);
    }
}

impl Receiver {
    /// The next event; `None` behind `Closed`.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.0.poll_event(cx)).await
    }
}

halves!(Session);
