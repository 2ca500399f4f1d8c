//! One connection's task: it takes a job, carries it, and makes a place for the next one.

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bosh_proto::binding::client as binding;
use futures_channel::oneshot;
use futures_io::{AsyncRead, AsyncWrite};
use xmpp_http1::client::{Cause, Closed, Connection, Event, Reason, Response};

use super::{
    Failure, Reply, Unreadable,
    pool::{Job, Permit, UNSENT},
};
use crate::{Pump, Runtime, Step};

pub(super) struct Carrier<S, R: Runtime> {
    pump: Pump<Connection, S, R>,
    state: State,
    dress: Arc<binding::Config>,
    /// Given up when the connection takes no more requests, though it may take a moment to end.
    permit: Option<Permit>,
}

enum State {
    Idle(oneshot::Receiver<Job>),
    Busy(oneshot::Sender<Result<Reply, Failure>>),
    Ending,
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Runtime> Carrier<S, R> {
    pub(super) fn new(
        pump: Pump<Connection, S, R>,
        jobs: oneshot::Receiver<Job>,
        permit: Permit,
        dress: Arc<binding::Config>,
    ) -> Self {
        Self {
            pump,
            state: State::Idle(jobs),
            dress,
            permit: Some(permit),
        }
    }

    /// Until the connection is over.
    pub(super) async fn run(mut self) {
        poll_fn(|cx| self.poll_run(cx)).await;
    }

    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.poll_client(cx);
            match self.pump.poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Step::Event(Event::Response(response)))) => self.answer(response),
                Poll::Ready(Some(Step::Event(Event::Closed(closed)))) => self.closed(&closed),
                // A POST asks for no other protocol.
                Poll::Ready(Some(Step::Handover(_)) | None) => {
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Takes the next job, or sees that nobody wants the answer any more.
    fn poll_client(&mut self, cx: &mut Context<'_>) {
        let now = self.pump.now();
        match &mut self.state {
            State::Idle(jobs) => {
                let Poll::Ready(job) = Pin::new(jobs).poll(cx) else {
                    return;
                };
                self.state = State::Ending;
                let Ok(job) = job else {
                    self.pump.machine_mut().close(now);
                    return;
                };
                match self.pump.machine_mut().send(job.request, now) {
                    Ok(_) => {
                        self.state = State::Busy(job.answer);
                        // Registers for the end of the wait, too.
                        self.poll_client(cx);
                    }
                    Err(error) => {
                        tracing::debug!(%error, "an idle connection had ended");
                        tell(job.answer, Err(UNSENT));
                    }
                }
            }
            State::Busy(answer) => {
                if answer.poll_canceled(cx).is_ready() {
                    self.state = State::Ending;
                    self.pump.machine_mut().abort(now);
                }
            }
            State::Ending => {}
        }
    }

    fn answer(&mut self, response: Response) {
        let State::Busy(answer) = std::mem::replace(&mut self.state, State::Ending) else {
            return;
        };
        let status = response.head.status();
        let reply = match binding::content(&self.dress, &response.head, response.body) {
            Ok(body) => Ok(Reply { status, body }),
            Err(Unreadable::TooLarge) => Err(Failure::TooLarge),
            Err(unreadable) => Err(Failure::Unreadable(unreadable)),
        };
        if self.pump.machine().is_idle() {
            let (place, jobs) = oneshot::channel();
            self.state = State::Idle(jobs);
            if let Some(permit) = &self.permit {
                permit.release(place);
            }
        }
        tell(answer, reply);
    }

    fn closed(&mut self, closed: &Closed) {
        tracing::debug!(cause = ?closed.cause, reason = ?closed.reason, "connection closed");
        self.permit = None;
        match std::mem::replace(&mut self.state, State::Ending) {
            State::Idle(mut jobs) => {
                // A job may have come at the same time.
                jobs.close();
                if let Ok(Some(job)) = jobs.try_recv() {
                    tell(job.answer, Err(UNSENT));
                }
            }
            State::Busy(answer) => tell(answer, Err(failure(closed))),
            State::Ending => {}
        }
    }
}

/// Whoever asked may have stopped waiting.
fn tell(answer: oneshot::Sender<Result<Reply, Failure>>, result: Result<Reply, Failure>) {
    if answer.send(result).is_err() {
        tracing::debug!("an answer that nobody waits for");
    }
}

fn failure(closed: &Closed) -> Failure {
    let progress = closed.unanswered.map(|unanswered| unanswered.progress);
    match (closed.cause, progress) {
        // Whatever the reason: nothing left.
        (_, Some(crate::post::Progress::Unsent)) => UNSENT,
        (Cause::Timeout, Some(progress)) => Failure::Timeout(progress),
        (Cause::Fault, progress) => match closed.reason {
            Some(Reason::BodyTooLong) => Failure::TooLarge,
            Some(reason) => Failure::NotHttp(reason),
            None => Failure::Lost(progress),
        },
        (_, progress) => Failure::Lost(progress),
    }
}
