//! WebSockets on smol over real sockets, from the HTTP request on.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::BytesMut;
use smol::{
    future::{self, FutureExt as _},
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use ws_framing::{
    CloseCode,
    connection::{Config, Connection, Event, Message},
    handshake::server::{self, accept},
};
use xmpp_web_smol::{
    Smol,
    driver::{Pump, Runtime as _, Step, http},
};

/// Serves one connection to its end, echoes its messages, and gives the code that closed it.
async fn serve(listener: TcpListener) -> u16 {
    let (stream, _) = listener.accept().await.expect("a connection");
    let mut connection = http::Connection::new(stream, Arc::default(), Smol);
    let request = connection.next().await.expect("a request");
    let mut config = server::Config::default();
    config.subprotocol = None;
    let accepted = accept(&request.head, request.surplus, &config).expect("a good handshake");
    let (io, unread) = connection
        .upgrade(request.id, accepted.response)
        .await
        .expect("upgraded");
    let machine = Connection::server(Config::default(), Smol.now());
    let mut pump = Pump::new(machine, io, unread, Smol);
    let mut code = 0;
    while let Some(step) = pump.next().await {
        match step {
            Step::Event(Event::Message(message)) => {
                let sent = pump.machine_mut().send(message, Smol.now());
                sent.expect("room");
            }
            Step::Event(Event::Closed(closed)) => code = closed.code,
            Step::Event(Event::Pong(_) | Event::Writable) => {}
        }
    }
    code
}

async fn client(listener: &TcpListener) -> Pump<Connection, TcpStream, Smol> {
    let address = listener.local_addr().expect("an address");
    let mut io = TcpStream::connect(address).await.expect("connected");
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    io.write_all(request.as_bytes()).await.expect("written");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        io.read_exact(&mut byte).await.expect("a byte");
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    let machine = Connection::client(Config::default(), [7; 32], Smol.now());
    Pump::new(machine, io, BytesMut::new(), Smol)
}

/// Fails a test that takes longer than it may.
fn run(test: impl Future<Output = ()>) {
    let late = async {
        smol::Timer::after(Duration::from_secs(20)).await;
        panic!("not in time");
    };
    smol::block_on(test.or(late));
}

async fn talk(listener: &TcpListener) {
    let mut pump = client(listener).await;
    for size in [0, 1, 125, 126, 5_000, 65_536, 100_000] {
        let message = Message::Text("x".repeat(size).into());
        let sent = pump.machine_mut().send(message.clone(), Smol.now());
        sent.expect("room");
        match pump.next().await {
            Some(Step::Event(Event::Message(echoed))) => assert_eq!(echoed, message),
            other => panic!("{other:?}"),
        }
    }
    pump.machine_mut()
        .close(CloseCode::NORMAL, "done", Smol.now());
    match pump.next().await {
        Some(Step::Event(Event::Closed(closed))) => assert_eq!(closed.code, 1000),
        other => panic!("{other:?}"),
    }
    assert!(pump.next().await.is_none());
}

#[test]
fn messages_come_back_on_both_families() {
    run(async {
        let mut served = 0;
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // A host without IPv6 has nothing to listen on there.
            let Ok(listener) = TcpListener::bind(address).await else {
                continue;
            };
            served += 1;
            let (code, ()) = future::zip(serve(listener.clone()), talk(&listener)).await;
            assert_eq!(code, 1000);
        }
        assert!(served >= 1);
    });
}

/// W-R-163
#[test]
fn a_client_that_vanishes_is_noticed() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("served");
        let vanishing = async { drop(client(&listener).await) };
        let (code, ()) = future::zip(serve(listener.clone()), vanishing).await;
        assert_eq!(code, 1006);
    });
}

#[test]
fn sleeps_end_at_their_time_and_tasks_run() {
    run(async {
        let (tell, told) = smol::channel::bounded(1);
        let at = Smol.now() + Duration::from_millis(50);
        Smol.spawn(async move {
            Smol.sleep_until(at).await;
            tell.send(Smol.now()).await.expect("somebody listens");
        });
        assert!(told.recv().await.expect("told") >= at);
    });
}
