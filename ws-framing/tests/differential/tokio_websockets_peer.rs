//! tokio-websockets as the one that reads or writes, polled by hand: nothing here has to wait.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_websockets::{ClientBuilder, CloseCode, Config, Message, ServerBuilder, WebSocketStream};
use ws_conformance::Subject;

use crate::{
    Outcome,
    written::{Script, Write},
};

/// What came and what was written. There is nothing more to come for now.
#[derive(Debug, Default)]
struct Wire {
    input: Vec<u8>,
    output: Vec<u8>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.input.is_empty() {
            return Poll::Pending;
        }
        let count = self.input.len().min(buf.remaining());
        buf.put_slice(&self.input[..count]);
        self.input.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.output.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn stream(subject: Subject, bytes: &[u8], config: Config) -> WebSocketStream<Wire> {
    let wire = Wire {
        input: bytes.to_vec(),
        output: Vec::new(),
    };
    match subject {
        Subject::Server => ServerBuilder::new().config(config).serve(wire),
        Subject::Client => ClientBuilder::new().config(config).take_over(wire),
    }
}

pub(crate) fn read(subject: Subject, bytes: &[u8]) -> Outcome {
    let mut stream = stream(subject, bytes, Config::default());
    let mut context = Context::from_waker(Waker::noop());
    let mut outcome = Outcome::default();
    // An error is followed by the flush of its Close frame, then by the end.
    while let Poll::Ready(Some(next)) = stream.poll_next_unpin(&mut context) {
        let Ok(message) = next else { continue };
        let payload = message.as_payload().to_vec().into();
        if message.is_text() {
            outcome.messages.push((1, payload));
        } else if message.is_binary() {
            outcome.messages.push((2, payload));
        }
    }
    assert!(stream.poll_flush_unpin(&mut context).is_ready());
    outcome.note_output(subject, &stream.get_ref().output);
    outcome
}

/// Writes this as `end`, in frames of at most `frame_bytes`.
pub(crate) fn write(end: Subject, script: &Script, frame_bytes: usize) -> Vec<u8> {
    let mut stream = stream(end, b"", Config::default().frame_size(frame_bytes));
    let mut context = Context::from_waker(Waker::noop());
    let mut send = |message| {
        assert!(stream.poll_ready_unpin(&mut context).is_ready());
        stream
            .start_send_unpin(message)
            .expect("a message that may be sent");
        assert!(stream.poll_flush_unpin(&mut context).is_ready());
    };
    for one in &script.writes {
        send(match one {
            Write::Text(text) => Message::text(text.clone()),
            Write::Binary(bytes) => Message::binary(bytes.clone()),
            Write::Ping(payload) => Message::ping(payload.clone()),
            Write::Fragments(parts) => Message::binary(parts.concat()),
        });
    }
    if let Some((code, reason)) = &script.close {
        let code = CloseCode::try_from(*code).expect("a code");
        send(Message::close(Some(code), reason));
    }
    stream.get_ref().output.clone()
}
