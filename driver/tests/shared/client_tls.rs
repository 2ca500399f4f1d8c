//! Clients and TLS, on whatever runtime: the server is a thread with blocking sockets, rustls, and as much of WebSocket as it takes.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha1::{Digest as _, Sha1};
use xmpp_web_driver::{
    client::{Builder, ConnectError, Error, Event, Failed, Network},
    tls::{self, Fault, Roots},
};

use super::pki::Pki;

/// What a server has seen of its client.
#[derive(Debug, Default)]
struct Seen {
    name: Option<String>,
    head: String,
    open: String,
}

/// Serves one client: handshakes, `<open/>`, features, the end.
fn serve(listener: TcpListener, config: ServerConfig) -> JoinHandle<Seen> {
    std::thread::spawn(move || {
        let (socket, _) = listener.accept().expect("a connection");
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a timeout");
        let mut seen = Seen::default();
        let connection = ServerConnection::new(Arc::new(config)).expect("a connection");
        let mut stream = StreamOwned::new(connection, socket);
        // A client that refuses our certificate ends it here.
        if talk(&mut stream, &mut seen).is_none() {
            seen.name = stream.conn.server_name().map(str::to_owned);
        }
        seen
    })
}

fn talk(stream: &mut StreamOwned<ServerConnection, TcpStream>, seen: &mut Seen) -> Option<()> {
    while !seen.head.ends_with("\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        seen.head.push(char::from(byte[0]));
    }
    seen.name = stream.conn.server_name().map(str::to_owned);
    let key = seen
        .head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))?;
    let hash = Sha1::new()
        .chain_update(key)
        .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = STANDARD.encode(hash.finalize());
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
         Sec-WebSocket-Protocol: xmpp\r\n\r\n"
    )
    .ok()?;
    let mut header = [0; 6];
    stream.read_exact(&mut header).ok()?;
    let mut payload = vec![0; usize::from(header[1] & 0x7f)];
    stream.read_exact(&mut payload).ok()?;
    for (byte, mask) in payload.iter_mut().zip(header[2..].iter().cycle()) {
        *byte ^= mask;
    }
    seen.open = String::from_utf8(payload).ok()?;
    let answers = [
        "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example2.com' id='1' version='1.0'/>",
        "<features xmlns='http://etherx.jabber.org/streams'/>",
    ];
    for answer in answers {
        let length = u8::try_from(answer.len()).expect("a short frame");
        stream.write_all(&[0x81, length]).ok()?;
        stream.write_all(answer.as_bytes()).ok()?;
    }
    stream.flush().ok()?;
    // Until the client says that it goes.
    let _ = stream.read(&mut [0; 64]);
    Some(())
}

fn listener(ip: IpAddr) -> (TcpListener, u16) {
    let listener = TcpListener::bind(SocketAddr::new(ip, 0)).expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn config(pki: &Pki, name: &str) -> ServerConfig {
    let [certificate, key] = pki.certificate(name, |_| {});
    tls::server(&certificate, &key).expect("a server")
}

fn builder<N: Network>(network: N, url: &str, roots: Roots) -> Builder<N> {
    let builder = Builder::new("example2.com", network).expect("a domain");
    builder
        .endpoint(url)
        .expect("an endpoint")
        .roots(roots)
        .resolver(|host| host.ends_with("example1.com").then(|| vec![LOOPBACK]))
}

async fn failed<N: Network>(builder: Builder<N>) -> Failed {
    match builder.connect().await {
        Err(ConnectError::Failed(failed)) => failed,
        other => panic!("{other:?}"),
    }
}

fn fault(failed: &Failed) -> &Fault {
    match failed.errors().next() {
        Some((_, Error::Tls(fault))) => fault,
        other => panic!("{other:?}"),
    }
}

/// The node proves its own name; the stream is for the domain.
pub(crate) async fn a_node_proves_its_own_name(network: impl Network) {
    let pki = Pki::new();
    let (listener, port) = listener(LOOPBACK);
    let server = serve(listener, config(&pki, "t2.example1.com"));
    let url = format!("wss://t2.example1.com:{port}/");
    let mut client = builder(network, &url, pki.roots())
        .connect()
        .await
        .expect("a session");
    let Some(Event::Opened(opened)) = client.next().await else {
        panic!("not opened");
    };
    assert_eq!(opened.header.from.as_deref(), Some("example2.com"));
    client.close().await;
    let seen = server.join().expect("no panic");
    assert_eq!(seen.name.as_deref(), Some("t2.example1.com"));
    assert!(
        seen.head
            .contains(&format!("\r\nHost: t2.example1.com:{port}\r\n")),
        "{seen:?}"
    );
    assert!(seen.open.contains("to=\"example2.com\""), "{seen:?}");
}

/// Another name's certificate is refused: the error has the name that was expected and the one that was found, over both transports.
pub(crate) async fn a_wrong_certificate_names_both(network: impl Network) {
    for scheme in ["wss", "https"] {
        // The domain's own certificate is another one's, too, where the application named the node.
        for name in ["t3.example1.com", "example2.com"] {
            let pki = Pki::new();
            let (listener, port) = listener(LOOPBACK);
            let server = serve(listener, config(&pki, name));
            let url = format!("{scheme}://t2.example1.com:{port}/");
            let failed = failed(builder(network.clone(), &url, pki.roots())).await;
            let Fault::WrongName { expected, found } = fault(&failed) else {
                panic!("{failed}");
            };
            assert_eq!(expected, "t2.example1.com");
            assert_eq!(found, &[name]);
            let text = failed.to_string();
            assert!(
                text.contains("t2.example1.com") && text.contains(name),
                "{text}"
            );
            assert_eq!(
                server.join().expect("no panic").head,
                "",
                "nothing was said"
            );
        }
    }
}

/// A CA that is not trusted, and a port that speaks no TLS.
pub(crate) async fn other_faults_are_told_apart(network: impl Network) {
    let (pki, other) = (Pki::new(), Pki::new());
    let (tls, port) = listener(LOOPBACK);
    let server = serve(tls, config(&pki, "t2.example1.com"));
    let url = format!("wss://t2.example1.com:{port}/");
    let failed_once = failed(builder(network.clone(), &url, other.roots())).await;
    assert!(
        matches!(fault(&failed_once), Fault::UnknownIssuer),
        "{failed_once}"
    );
    server.join().expect("no panic");

    let (plain, port) = listener(LOOPBACK);
    let server = std::thread::spawn(move || {
        let (mut socket, _) = plain.accept().expect("a connection");
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = socket.read(&mut [0; 1024]);
    });
    let url = format!("wss://t2.example1.com:{port}/");
    let failed_once = failed(builder(network, &url, other.roots())).await;
    assert!(
        matches!(
            fault(&failed_once),
            Fault::Handshake(_) | Fault::Connection(_)
        ),
        "{failed_once}"
    );
    server.join().expect("no panic");
}

/// Addresses of both families, which certificates can hold.
pub(crate) async fn addresses_of_both_families(network: impl Network) {
    for ip in ["127.0.0.1", "::1"] {
        let pki = Pki::new();
        let (listener, port) = listener(ip.parse().expect("an address"));
        let server = serve(listener, config(&pki, ip));
        let host = if ip.contains(':') {
            format!("[{ip}]")
        } else {
            ip.to_owned()
        };
        let url = format!("wss://{host}:{port}/");
        let client = builder(network.clone(), &url, pki.roots()).connect().await;
        client.expect("a session").close().await;
        let seen = server.join().expect("no panic");
        assert_eq!(seen.name, None, "addresses are not sent as names");
        assert!(
            seen.head.contains(&format!("Host: {host}:{port}\r\n")),
            "{seen:?}"
        );
    }
}

/// DNS, by the system's resolver.
pub(crate) async fn a_name_that_is_not_there(network: impl Network) {
    let url = "wss://nowhere.invalid/";
    let failed = failed(builder(network, url, Pki::new().roots())).await;
    assert!(
        matches!(failed.errors().next(), Some((_, Error::Name { host, .. })) if host == "nowhere.invalid"),
        "{failed}"
    );
}
