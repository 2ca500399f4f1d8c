//! BOSH over real sockets: sessions whose application echoes what it gets.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use xmpp_web_tokio::{
    Listener, Tokio,
    driver::{
        bosh::{Channel, ConnectionId, Hub, Request, Session},
        http::{Connection, Response},
    },
    seed,
};

/// Accepts a session and sends back every element.
async fn echo(mut session: Session<Tokio>) {
    use bosh_proto::server::{Accept, Event};
    let key = session.key();
    let features = xmpp_wire::Element::build("stream:features", xmpp_wire::ns::STREAM).finish();
    session
        .hub()
        .with(|manager, now| {
            manager.accept(key, Accept::default(), now);
            manager.send(key, features, now)
        })
        .expect("room for the features");
    while let Some(event) = session.next().await {
        if let Event::Element(element) = event {
            session
                .hub()
                .with(|manager, now| manager.send(key, element, now))
                .expect("room for an echo");
        }
    }
}

/// Serves on a free port; gives its address and the hub.
fn serve(address: SocketAddr) -> Option<(SocketAddr, Hub<Tokio>)> {
    let runtime = Tokio::current();
    let mut config = bosh_proto::server::Config::default();
    // On a busy machine an echo may take longer than the default.
    config.linger = Duration::from_secs(2);
    let (hub, mut sessions) = Hub::new(Arc::new(config), seed().expect("entropy"), runtime.clone());
    tokio::spawn(async move {
        while let Some(session) = sessions.next().await {
            tokio::spawn(echo(session));
        }
    });
    let mut listener = Listener::bind(address).ok()?;
    let address = listener.local_addr().ok()?;
    let accepting = hub.clone();
    tokio::spawn(async move {
        for id in 0.. {
            let (stream, peer) = listener.accept(|error| panic!("{error:?}")).await;
            let (hub, runtime) = (accepting.clone(), runtime.clone());
            tokio::spawn(async move {
                let mut connection = Connection::new(stream, Arc::default(), runtime);
                while let Some(request) = connection.next().await {
                    let exchange = Request {
                        body: request.body,
                        connection: ConnectionId(id),
                        address: Some(peer.ip()),
                        channel: Channel::Plain,
                    };
                    connection.exchange(request.id, &hub, exchange, |answer| {
                        Response::new(answer.status).with_body(answer.content_type, answer.body)
                    });
                }
            });
        }
    });
    Some((address, hub))
}

async fn post(stream: &mut TcpStream, body: &str) {
    let request = format!(
        "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("written");
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut chunk))
            .await
            .expect("in time")
            .expect("read");
        assert_ne!(count, 0, "closed early: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "))
                .expect("a length");
            if body.len() == length.parse::<usize>().expect("a number") {
                return body.to_owned();
            }
        }
    }
}

fn attribute(body: &str, name: &str) -> String {
    let from = body.find(&format!(" {name}='")).expect("the attribute") + name.len() + 3;
    body[from..].split('\'').next().expect("its end").to_owned()
}

async fn session(address: SocketAddr) {
    let mut first = TcpStream::connect(address).await.expect("connected");
    post(&mut first, "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' rid='1000' to='localhost' wait='5' hold='1' ver='1.11' xmpp:version='1.0'/>").await;
    let created = answer(&mut first).await;
    assert!(created.contains("<stream:features"), "{created}");
    let sid = attribute(&created, "sid");
    let body = |rid: u32, inside: &str| {
        format!(
            "<body xmlns='http://jabber.org/protocol/httpbind' rid='{rid}' sid='{sid}'>{inside}</body>"
        )
    };
    post(&mut first, &body(1001, "")).await;
    let mut second = TcpStream::connect(address).await.expect("connected");
    for rid in 0..20 {
        // The echo leaves on the held request; this one is held in its place.
        let (held, free) = if rid % 2 == 0 {
            (&mut first, &mut second)
        } else {
            (&mut second, &mut first)
        };
        post(
            free,
            &body(
                1002 + rid,
                &format!("<message xmlns='jabber:client' id='{rid}'/>"),
            ),
        )
        .await;
        let echoed = answer(held).await;
        assert!(
            echoed.contains(&format!("<message xmlns='jabber:client' id='{rid}'/>")),
            "{echoed}"
        );
    }
    post(
        &mut second,
        &body(1022, "").replace("rid=", "type='terminate' rid="),
    )
    .await;
    assert!(answer(&mut first).await.contains("type='terminate'"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_echo_on_both_families_and_end() {
    let mut served = 0;
    for address in ["127.0.0.1:0", "[::1]:0"] {
        // A host without IPv6 has nothing to listen on there.
        let Some((address, hub)) = serve(address.parse().expect("an address")) else {
            continue;
        };
        served += 1;
        let clients: Vec<_> = (0..8).map(|_| tokio::spawn(session(address))).collect();
        for client in clients {
            client.await.expect("the client passed");
        }
        tokio::time::timeout(Duration::from_secs(5), async {
            while hub.sessions() != 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("every session ended");
    }
    assert!(served >= 1);
}

#[tokio::test]
async fn an_idle_request_is_answered_after_its_wait() {
    let (address, _hub) = serve("127.0.0.1:0".parse().expect("an address")).expect("served");
    let mut stream = TcpStream::connect(address).await.expect("connected");
    post(&mut stream, "<body xmlns='http://jabber.org/protocol/httpbind' rid='7' to='localhost' wait='1' hold='1' ver='1.11'/>").await;
    let sid = attribute(&answer(&mut stream).await, "sid");
    let asked = std::time::Instant::now();
    post(
        &mut stream,
        &format!("<body xmlns='http://jabber.org/protocol/httpbind' rid='8' sid='{sid}'/>"),
    )
    .await;
    let body = answer(&mut stream).await;
    assert_eq!(body, "<body xmlns='http://jabber.org/protocol/httpbind'/>");
    assert!(
        asked.elapsed() >= Duration::from_millis(990),
        "{:?}",
        asked.elapsed()
    );
}
