//! One WebSocket text message in one frame a number of times, to be counted by valgrind:
//! `ws_frame <receive|send|send-masked> <payload bytes> <times>`.
//! The difference of two numbers of times, divided, is what one costs.
//!
//! `receive` is the server reading a masked frame, UTF-8 checked and delivered; `send` is the server's, `send-masked` the client's side.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use ws_framing::{
    Connection, Instant, Utf8Bytes,
    connection::{Action, Config, Event, Message},
};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, work, length, times] = arguments.as_slice() else {
        panic!("ws_frame <receive|send|send-masked> <payload bytes> <times>");
    };
    let length: usize = length.parse().expect("a number of bytes");
    let times: usize = times.parse().expect("a number of times");
    let payload = "<body>and so on, </body>".repeat(length / 24 + 1);
    let text = Bytes::copy_from_slice(&payload.as_bytes()[..length]);
    let text = Utf8Bytes::try_from(text).expect("UTF-8");

    let now = Instant::now();
    let mut client = Connection::client(Config::default(), [7; 32], now);
    let mut server = Connection::server(Config::default(), now);
    client.send(Message::Text(text.clone()), now).expect("room");
    let transmit = client.poll_transmit().expect("a frame");
    let frame = [transmit.head, transmit.payload].concat();
    let mut input = BytesMut::with_capacity(65536);
    for _ in 0..times {
        match work.as_str() {
            "receive" => {
                input.extend_from_slice(&frame);
                server.handle_input(&mut input, now);
                match server.poll_action() {
                    Some(Action::Deliver(Event::Message(message))) => drop(black_box(message)),
                    other => panic!("{other:?}"),
                }
            }
            "send" | "send-masked" => {
                let from = if work == "send" {
                    &mut server
                } else {
                    &mut client
                };
                from.send(Message::Text(text.clone()), now).expect("room");
                let transmit = from.poll_transmit().expect("a frame");
                drop(black_box(transmit));
            }
            other => panic!("{other}?"),
        }
    }
}
