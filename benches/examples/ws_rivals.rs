//! One WebSocket message a number of times, by ours or a rival, to be counted by valgrind:
//! `ws_rivals <ws-framing|tungstenite|tokio-websockets> <receive|send-masked> <payload bytes> <times>`.

use std::{hint::black_box, time::Instant};

use xmpp_web_benches::websocket;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, name, work, bytes, times] = arguments.as_slice() else {
        panic!("ws_rivals <peer> <receive|send-masked> <payload bytes> <times>");
    };
    let bytes: usize = bytes.parse().expect("a number of bytes");
    let times: usize = times.parse().expect("a number of times");
    let mut peer = websocket::peer(name, bytes, Instant::now()).expect("a peer");
    for _ in 0..times {
        let length = match work.as_str() {
            "receive" => peer.receive(),
            "send-masked" => peer.send(),
            other => panic!("{other}?"),
        };
        assert!(black_box(length) >= bytes, "a whole message");
    }
}
