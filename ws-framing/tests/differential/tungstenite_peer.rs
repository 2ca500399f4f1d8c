//! tungstenite as the one that reads or writes. It sends no Close frame when its peer breaks a rule, and tells its application: the code is
//! the one that its error stands for.

use std::io::{self, ErrorKind, Read, Write};

use tungstenite::{
    Error, Message, WebSocket,
    protocol::{
        CloseFrame, Role,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};
use ws_conformance::Subject;

use crate::{
    Outcome,
    written::{Script, Write as Written},
};

/// What came and what was written. There is nothing more to come for now.
#[derive(Debug, Default)]
struct Wire {
    input: io::Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buf)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.output.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn socket(subject: Subject, bytes: &[u8]) -> WebSocket<Wire> {
    let wire = Wire {
        input: io::Cursor::new(bytes.to_vec()),
        output: Vec::new(),
    };
    let role = match subject {
        Subject::Server => Role::Server,
        Subject::Client => Role::Client,
    };
    WebSocket::from_raw_socket(wire, role, None)
}

pub(crate) fn read(subject: Subject, bytes: &[u8]) -> Outcome {
    let mut socket = socket(subject, bytes);
    let mut outcome = Outcome::default();
    let mut failed = None;
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => outcome.messages.push((1, text.into())),
            Ok(Message::Binary(bytes)) => outcome.messages.push((2, bytes)),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => break,
            // Behind a Close; a client still waits for the end of the transport.
            Err(Error::Protocol(tungstenite::error::ProtocolError::ReceivedAfterClosing)) => break,
            Err(error) => {
                let code = if matches!(error, Error::Utf8(_)) {
                    1007
                } else if matches!(error, Error::Capacity(_)) {
                    1009
                } else {
                    1002
                };
                failed = Some(code);
                break;
            }
        }
    }
    let _closed = socket.flush();
    outcome.note_output(subject, &socket.get_ref().output);
    outcome.close = outcome.close.or(failed);
    outcome
}

/// Writes this as `end`.
pub(crate) fn write(end: Subject, script: &Script) -> Vec<u8> {
    let mut socket = socket(end, b"");
    for one in &script.writes {
        let written = match one {
            Written::Text(text) => socket.send(Message::text(text.clone())),
            Written::Binary(bytes) => socket.send(Message::binary(bytes.clone())),
            Written::Ping(payload) => socket.send(Message::Ping(payload.clone().into())),
            Written::Fragments(parts) => (0..parts.len()).try_for_each(|at| {
                let opcode = if at == 0 {
                    Data::Binary
                } else {
                    Data::Continue
                };
                let frame = Frame::message(
                    parts[at].clone(),
                    OpCode::Data(opcode),
                    at + 1 == parts.len(),
                );
                socket.send(Message::Frame(frame))
            }),
        };
        written.expect("a message that may be sent");
    }
    if let Some((code, reason)) = &script.close {
        let frame = CloseFrame {
            code: (*code).into(),
            reason: reason.clone().into(),
        };
        socket.close(Some(frame)).expect("a Close frame");
    }
    socket.get_ref().output.clone()
}
