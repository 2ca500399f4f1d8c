//! permessage-deflate on a listener that allows it (RFC 7692).

use std::time::Instant;

use bytes::BytesMut;
use ws_framing::{
    Connection,
    connection::{Action, Config, Event, Message},
    deflate,
};

use crate::support::{
    Gateway,
    certificates::file,
    http::Http,
    websocket::{Frame, WebSocket, handshake},
};

/// `\0ada\0correct horse`
const ADA: &str = "AGFkYQBjb3JyZWN0IGhvcnNl";

fn gateway(name: &str, listener: &str, websocket: &str) -> Gateway {
    let text =
        format!("[[listener]]\naddress = '127.0.0.1:0'\n{listener}\n[websocket]\n{websocket}\n");
    Gateway::run(&["--config", &file(&format!("{name}.toml"), &text)])
}

/// What is agreed to for that offer.
fn agreed(gateway: &Gateway, offer: &str) -> Option<String> {
    let fields = format!("{}Sec-WebSocket-Extensions: {offer}\r\n", handshake("xmpp"));
    let mut http = Http::connect(gateway.address);
    let answer = http.ask("GET", "/xmpp-websocket", &fields, "");
    assert_eq!(answer.status, 101);
    answer.field("Sec-WebSocket-Extensions").map(str::to_owned)
}

/// W-R-200: a listener agrees to no compression unless it is told to.
#[test]
fn compression_is_off_by_default() {
    let gateway = Gateway::start();
    assert_eq!(agreed(&gateway, "permessage-deflate"), None);
}

/// W-R-216: what a listener with compression answers, and what its configuration makes of it.
#[test]
fn a_listener_says_what_it_agrees_to() {
    let plain = gateway("deflate", "compression = true", "");
    assert_eq!(
        agreed(&plain, "permessage-deflate; client_max_window_bits").as_deref(),
        Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
    );
    let small = gateway(
        "deflate-small",
        "compression = true",
        "compression_takeover = true\ncompression_window_bits = 10",
    );
    assert_eq!(
        agreed(&small, "permessage-deflate; client_max_window_bits").as_deref(),
        Some("permessage-deflate; server_max_window_bits=10; client_max_window_bits=10")
    );
}

/// W-R-217: nothing of the sign-in is compressed, a large message behind it is.
#[test]
fn messages_are_compressed_behind_the_sign_in() {
    let gateway = gateway(
        "deflate-sign-in",
        "compression = true",
        "compression_threshold_bytes = 0",
    );
    let fields = format!(
        "{}Sec-WebSocket-Extensions: permessage-deflate\r\n",
        handshake("xmpp")
    );
    // The helpers take no compressed frame.
    let mut socket = WebSocket::open_with(Http::connect(gateway.address), &fields).sign_in(ADA);
    let said = "again and ".repeat(100);
    socket.send(&format!(
        "<message xmlns='jabber:client' to='echo@localhost' type='chat'><body>{said}</body></message>"
    ));
    let frame = socket.receive();
    let Some(Frame::Compressed(payload)) = frame else {
        panic!("{frame:?}");
    };
    assert!(payload.len() < said.len() / 2);
    let offer = deflate::Config::default();
    let response = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let agreed = deflate::confirm([response.as_bytes()], &offer);
    let agreed = agreed.expect("an answer").expect("the extension");
    let now = Instant::now();
    let mut reader = Connection::client(Config::default(), [7; 32], now).with_deflate(agreed);
    let length = u16::try_from(payload.len()).expect("short").to_be_bytes();
    let mut input = BytesMut::from(&[&[0xc1, 126], &length[..], &payload].concat()[..]);
    reader.handle_input(&mut input, now);
    match reader.poll_action() {
        Some(Action::Deliver(Event::Message(Message::Text(text)))) => {
            assert!(text.as_str().contains(&said), "{}", text.as_str());
        }
        other => panic!("{other:?}"),
    }
}
