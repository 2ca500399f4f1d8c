//! A peer that sends more than is good for a server.

use std::{io::Write, net::TcpStream};

use ws_conformance::{Case, Frame, Play, Request, Script, Subject};

use super::{as_client, conversation, head, patient};
use crate::example::Example;

/// The Close frame is there to read though the peer writes on, and the end of the transport behind it is no reset.
pub(crate) fn a_farewell_reaches_a_peer_that_writes_on(server: &str) {
    let mut server = Example::start(server, &["127.0.0.1:0"]);
    let address = server.address();
    let case = Case::new("1009", "17 MiB announced, 3 MiB sent", || {
        let frame = Frame::text(vec![b'x'; 17 << 20]);
        Script::new().part(frame, 0, 3 << 20).fails(1009)
    });
    let mut stream = TcpStream::connect(address).expect("a connection");
    patient(&stream).expect("options");
    assert_eq!(head::ask(&mut stream, address, None), Ok(None));
    let mut play = Play::new(&case, Subject::Server);
    let pieces = play
        .advance()
        .expect("nothing is due")
        .expect("an exchange");
    for piece in pieces {
        stream.write_all(&piece).expect("room until all is sent");
    }
    conversation::hear(&mut play, &mut stream).expect("the Close frame");
    stream
        .shutdown(std::net::Shutdown::Write)
        .expect("still a connection");
    assert_eq!(conversation::at_end(&mut stream), Ok(()));
    assert!(play.is_closed());
}

/// Sixty messages that came in one read, a thousand times smaller than they are, come back one and all.
pub(crate) fn many_inflated_messages_come_back(server: &str) {
    const REQUESTS: &[Request] = &[Request {
        no_context_takeover: false,
        window_bits: None,
    }];
    let mut server = Example::start(server, &["127.0.0.1:0"]);
    let case = Case::new("inflated", "60 messages of 100 kB in one segment", || {
        let text = bytes::Bytes::from(vec![b'x'; 100_000]);
        let sent = (0..60).fold(Script::new(), |script, _| {
            script.compressed(1, text.clone(), None)
        });
        (0..60)
            .fold(sent, |script, _| script.text(text.clone()))
            .close()
    });
    let played = as_client(&case.with_deflate(REQUESTS), server.address());
    assert_eq!(played, Ok(()));
}
