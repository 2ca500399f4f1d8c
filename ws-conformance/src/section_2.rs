//! 2: pings and pongs (RFC 6455 §5.5.2, §5.5.3).

use bytes::Bytes;

use crate::{Case, Chop, Frame, Script};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("2.1", "empty ping", || {
            Script::new().send(Frame::ping("")).pong("").close()
        }),
        Case::new("2.2", "ping with text", || {
            let payload = "are you there?";
            Script::new()
                .send(Frame::ping(payload))
                .pong(payload)
                .close()
        }),
        Case::new("2.3", "ping with bytes that are not text", || {
            let payload = Bytes::from_static(&[0x00, 0xff, 0xfe, 0xc0, 0x80, 0xf5]);
            Script::new()
                .send(Frame::ping(payload.clone()))
                .pong(payload)
                .close()
        }),
        Case::new("2.4", "ping of 125 bytes", || {
            let payload = Bytes::from(vec![0xfe; 125]);
            Script::new()
                .send(Frame::ping(payload.clone()))
                .pong(payload)
                .close()
        }),
        Case::new("2.5", "ping of 126 bytes", || {
            Script::new().send(Frame::ping(vec![0xfe; 126])).fails(1002)
        }),
        Case::new("2.6", "ping of 125 bytes, byte by byte", || {
            let payload = Bytes::from(vec![0xfe; 125]);
            Script::new()
                .send(Frame::ping(payload.clone()))
                .pong(payload)
                .close()
                .chop(Chop::Octets(1))
        }),
        Case::new("2.7", "empty pong that nobody asked for", || {
            Script::new().send(Frame::pong("")).silence().close()
        }),
        Case::new("2.8", "pong that nobody asked for", || {
            Script::new()
                .send(Frame::pong("unsolicited"))
                .silence()
                .close()
        }),
        Case::new("2.9", "pong that nobody asked for, then a ping", || {
            Script::new()
                .send(Frame::pong("unsolicited"))
                .send(Frame::ping("asked"))
                .pong("asked")
                .close()
        }),
        Case::new("2.10", "ten pings", || ten().close()),
        Case::new("2.11", "ten pings, byte by byte", || {
            ten().close().chop(Chop::Octets(1))
        }),
    ]
}

/// Each is answered, in order, though the latest alone would do.
fn ten() -> Script {
    let payloads: Vec<Bytes> = (0..10)
        .map(|number| format!("ping {number}").into())
        .collect();
    let script = Script::new().send_all(payloads.iter().cloned().map(Frame::ping));
    payloads.into_iter().fold(script, Script::pong)
}
