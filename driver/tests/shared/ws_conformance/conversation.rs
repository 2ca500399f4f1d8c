//! A case's bytes over a socket.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
};

use ws_conformance::{Frame, Play, Reader, Subject};

/// Plays all of it.
pub(crate) fn converse(play: &mut Play, stream: &mut TcpStream) -> Result<(), String> {
    while let Some(pieces) = play.advance().map_err(|wrong| wrong.to_string())? {
        for piece in pieces {
            // A subject that has failed the connection need not take what comes behind; its Close frame must still be there to read.
            if let Err(error) = stream.write_all(&piece) {
                let gone = matches!(
                    error.kind(),
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
                );
                if !gone {
                    return Err(format!("writing: {error}"));
                }
            }
        }
        hear(play, stream)?;
    }
    Ok(())
}

/// Reads until every answer that is due has come, or the end.
pub(crate) fn hear(play: &mut Play, stream: &mut TcpStream) -> Result<(), String> {
    let mut buffer = vec![0; 1 << 16];
    while !play.is_answered() {
        let count = stream
            .read(&mut buffer)
            .map_err(|error| format!("reading: {error}"))?;
        if count == 0 {
            break;
        }
        play.handle_answer(&buffer[..count])
            .map_err(|wrong| wrong.to_string())?;
    }
    Ok(())
}

/// Nothing comes any more, and the subject has ended the transport.
pub(crate) fn at_end(stream: &mut TcpStream) -> Result<(), String> {
    match stream.read(&mut [0; 16]) {
        Ok(0) => Ok(()),
        Ok(count) => Err(format!("{count} bytes behind the Close frame")),
        // What was sent to it behind its Close was not read by it.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(()),
        Err(error) => Err(format!("waiting for the end: {error}")),
    }
}

/// Sends one text to a client, and closes.
pub(crate) fn tell(stream: &mut TcpStream, text: &str) -> Result<(), String> {
    let mut bytes = Vec::new();
    Frame::text(text.to_owned()).write(Subject::Client, &mut bytes);
    Frame::close(1000, b"").write(Subject::Client, &mut bytes);
    stream
        .write_all(&bytes)
        .map_err(|error| error.to_string())?;
    // It echoes nothing, and answers the Close.
    let mut reader = Reader::new(Subject::Client);
    let mut buffer = [0; 64];
    loop {
        if let Some(frame) = reader.next_frame().map_err(|wrong| wrong.to_string())? {
            return match frame.first {
                0x88 => Ok(()),
                other => Err(format!("a frame that begins {other:x}")),
            };
        }
        match stream
            .read(&mut buffer)
            .map_err(|error| error.to_string())?
        {
            0 => return Err("no Close frame".to_owned()),
            count => reader.handle_input(&buffer[..count]),
        }
    }
}
