//! Many tasks that send through one WebSocket.

use std::collections::VecDeque;

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use ws_conformance::{Frame, Reader, Subject};
use ws_framing::{
    CloseCode,
    connection::{Binary, Config, Connection, Event, Message, SendError},
};
use xmpp_web_tokio::{
    Io, Tokio,
    driver::{Pump, Runtime as _, Step},
};

const SENDERS: u8 = 4;
const MESSAGES: usize = 60;
const PINGS: u16 = 300;

/// Its sender throughout, its number first.
fn message(sender: u8, number: usize) -> Vec<u8> {
    let size = 2 + (usize::from(sender) * 7919 + number * 4327) % 30_000;
    let mut bytes = vec![sender; size];
    bytes[0] = number as u8;
    bytes
}

/// Its number, and more of it.
fn ping(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let mut payload = vec![low; 2 + usize::from(number) % 124];
    payload[..2].copy_from_slice(&[high, low]);
    payload
}

/// W-R-125: frames of several senders and the pongs between them are whole, and each sender's are
/// in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_senders_never_interleave() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let peer = tokio::spawn(peer(listener));
    let (sender, messages) = mpsc::channel(4);
    for one in 0..SENDERS {
        let sender = sender.clone();
        tokio::spawn(async move {
            for number in 0..MESSAGES {
                let sent = sender.send(message(one, number)).await;
                sent.expect("the pump still runs");
            }
        });
    }
    drop(sender);
    let io = TcpStream::connect(address).await.expect("connected");
    pump(io, messages).await;
    let (messages, pongs) = peer.await.expect("no panic");
    assert!(pongs > 0);
    let mut next = [0; SENDERS as usize];
    for bytes in messages {
        let number = usize::from(bytes[0]);
        let sender = bytes[1];
        assert_eq!(bytes, message(sender, number));
        assert_eq!(number, next[usize::from(sender)]);
        next[usize::from(sender)] += 1;
    }
    assert_eq!(next, [MESSAGES; SENDERS as usize]);
}

/// Sends what the tasks have, as long as they have any, and closes.
async fn pump(io: TcpStream, mut messages: mpsc::Receiver<Vec<u8>>) {
    let runtime = Tokio::current();
    let mut config = Config::default();
    config.control_rate = None;
    config.outbox_bytes = 100_000;
    config.binary = Binary::Accepted;
    let machine = Connection::server(config, runtime.now());
    let mut pump = Pump::new(machine, Io(io), BytesMut::new(), runtime);
    let mut waiting: VecDeque<Message> = VecDeque::new();
    let mut open = true;
    loop {
        tokio::select! {
            message = messages.recv(), if open && waiting.is_empty() => match message {
                Some(bytes) => waiting.push_back(Message::Binary(bytes.into())),
                None => open = false,
            },
            step = pump.next() => match step {
                Some(Step::Event(Event::Closed(closed))) => assert_eq!(closed.code, 1000),
                Some(_) => {}
                None => return,
            },
        }
        let now = pump.now();
        while let Some(message) = waiting.pop_front() {
            if let Err(SendError::Full(message)) = pump.machine_mut().send(message, now) {
                waiting.push_front(message);
                break;
            }
        }
        if !open && waiting.is_empty() {
            pump.machine_mut().close(CloseCode::NORMAL, "", now);
        }
    }
}

/// Pings all the time, and reads little by little: the messages, and how many pongs came.
async fn peer(listener: TcpListener) -> (Vec<Vec<u8>>, u32) {
    let (stream, _) = listener.accept().await.expect("a connection");
    let (mut from, mut to) = stream.into_split();
    let pings = tokio::spawn(async move {
        for number in 0..PINGS {
            let mut bytes = Vec::new();
            Frame::ping(ping(number)).write(Subject::Server, &mut bytes);
            to.write_all(&bytes).await.expect("room");
            tokio::task::yield_now().await;
        }
        to
    });
    let mut reader = Reader::new(Subject::Server);
    let (mut messages, mut pongs, mut last) = (Vec::new(), 0, None);
    let mut buffer = [0; 1000];
    loop {
        while let Some(frame) = reader.next_frame().expect("a frame that may be sent") {
            match frame.first {
                0x82 => messages.push(frame.payload.to_vec()),
                0x8a => {
                    // Where many wait, only the latest is answered (RFC 6455 §5.5.3).
                    let number = frame.payload.first_chunk().expect("a number");
                    let number = u16::from_be_bytes(*number);
                    assert_eq!(frame.payload, ping(number));
                    assert!(last.replace(number).is_none_or(|last| last < number));
                    pongs += 1;
                }
                0x88 => {
                    let mut to = pings.await.expect("no panic");
                    let mut bytes = Vec::new();
                    Frame::close(1000, b"").write(Subject::Server, &mut bytes);
                    to.write_all(&bytes).await.expect("room");
                    return (messages, pongs);
                }
                other => panic!("a frame that begins {other:x}"),
            }
        }
        let count = from.read(&mut buffer).await.expect("bytes");
        assert!(count > 0, "the end without a Close frame");
        reader.handle_input(&buffer[..count]);
    }
}
