//! The PROXY protocol: from trusted proxies in front, and towards servers.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use crate::support::{
    Gateway,
    bosh::{Bosh, creation},
    certificates::{Authority, file, params},
    http::{self, Http, dial},
    scripted::{self, Scripted, features, mechanisms},
    websocket::{WebSocket, handshake},
};

/// `\0ada\0correct horse`
const ADA: &str = "AGFkYQBjb3JyZWN0IGhvcnNl";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// What a client writes that wants another's address.
const LIES: &str = "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9;proto=http\r\nX-Real-IP: 203.0.113.9\r\n\
                    CF-Connecting-IP: 203.0.113.9\r\nX-Forwarded-Proto: http\r\n";

/// A gateway whose only listener expects a header from 127.0.0.1.
fn behind_proxy(name: &str, listener: &str, more: &str) -> Gateway {
    let text = format!(
        "[[listener]]\naddress = '127.0.0.1:0'\nproxy_protocol = true\n{listener}\n[http]\n{more}\n"
    );
    Gateway::run(&["--config", &file(&format!("{name}.toml"), &text)])
}

const TRUSTED: &str = "trusted_proxies = ['127.0.0.1']";

/// v2, TCP over IPv4, from that address.
fn header(last: u8) -> Vec<u8> {
    let addresses = [192, 0, 2, last, 127, 0, 0, 1, 0x12, 0x34, 0x14, 0xa0];
    [V2, b"\x21\x11\0\x0c", &addresses].concat()
}

/// A connection of the proxy's that begins with these bytes.
fn through(gateway: &Gateway, header: &[u8]) -> TcpStream {
    let mut stream = dial(gateway.address);
    stream.write_all(header).expect("it reads");
    stream
}

fn http_through(gateway: &Gateway, header: &[u8]) -> Http {
    Http::on(Box::new(through(gateway, header)), gateway.address)
}

/// W-R-031: both versions, both transports; no field of the client's changes its address or its channel.
#[test]
fn a_header_tells_the_address_and_fields_do_not() {
    for (name, keys) in [
        ("told-fields", "client_scheme = 'x-forwarded-proto'"),
        ("told", "client_address = 'proxy-protocol'"),
    ] {
        let gateway = behind_proxy(name, "", &format!("{TRUSTED}\n{keys}"));
        let v6 = b"PROXY TCP6 2001:db8::17 ::1 4711 5280\r\n";
        for (header, address) in [(header(77), "192.0.2.77"), (v6.to_vec(), "2001:db8::17")] {
            let mut http = http_through(&gateway, &header);
            let answer = http.ask("POST", "/http-bind", LIES, &creation("localhost"));
            assert!(answer.body.contains(">PLAIN<"), "{}", answer.body);
            gateway.logs_line(&["transport=\"bosh\"", &format!("source={address}")]);
            let fields = format!("{}{LIES}", handshake("xmpp"));
            let socket = WebSocket::open_with(http_through(&gateway, &header), &fields);
            socket.sign_in(ADA).echo("through a proxy");
            gateway.logs_line(&["transport=\"websocket\"", &format!("source={address}")]);
        }
        assert!(!gateway.log().contains("203.0.113.9"), "{}", gateway.log());
    }
}

/// A proxy that tells no address: nobody else does.
#[test]
fn a_header_without_an_address_tells_none() {
    let gateway = behind_proxy("untold", "", TRUSTED);
    let local = [V2, b"\x20\0\0\0"].concat();
    for header in [b"PROXY UNKNOWN\r\n".as_slice(), &local] {
        let mut http = http_through(&gateway, header);
        let answer = http.ask("POST", "/http-bind", LIES, &creation("localhost"));
        assert!(answer.body.contains(">PLAIN<"), "{}", answer.body);
    }
    gateway.logs("source=unknown");
    assert!(!gateway.log().contains("203.0.113.9"), "{}", gateway.log());
}

/// A header that names a trusted proxy: its fields are believed, as if it were the peer.
#[test]
fn a_proxy_behind_a_balancer_speaks_for_its_clients() {
    let gateway = behind_proxy(
        "chain",
        "",
        "trusted_proxies = ['127.0.0.1', '192.0.2.0/24']\nclient_scheme = 'x-forwarded-proto'",
    );
    let fields = "X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\nX-Forwarded-Proto: http\r\n";
    let mut http = http_through(&gateway, &header(77));
    let answer = http.ask("POST", "/http-bind", fields, &creation("localhost"));
    assert!(!answer.body.contains(">PLAIN<"), "{}", answer.body);
    gateway.logs("source=198.51.100.7");
}

/// TLS begins behind the header.
#[test]
fn tls_works_behind_a_header() {
    let authority = Authority::new("behind-header");
    let identity = authority.sign(&params("localhost"));
    let tls = format!(
        "tls = {{ certificate = '{}', key = '{}' }}",
        identity.certificate_file, identity.key_file
    );
    let gateway = behind_proxy("header-tls", &tls, TRUSTED);
    let https = || authority.https_on(through(&gateway, &header(77)), gateway.address);
    Bosh::signed_in_on(https(), ADA).echo("by https");
    WebSocket::signed_in_on(https(), ADA).echo("by wss");
    gateway.logs("source=192.0.2.77");
}

/// Whatever the gateway says before it closes.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // Closed, with a reset or without.
    let _ = stream.read_to_end(&mut rest);
    rest
}

/// W-R-031: who is no trusted proxy is not served there, with a header or without.
#[test]
fn others_are_refused() {
    let gateway = behind_proxy("others", "", "trusted_proxies = ['127.0.0.2']");
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for start in [[header(77), request.to_vec()].concat(), request.to_vec()] {
        let mut stream = dial(gateway.address);
        let _ = stream.write_all(&start);
        assert!(rest(stream).is_empty());
    }
    gateway.logs("the peer is not in http.trusted_proxies");
    assert!(!gateway.log().contains("192.0.2.77"), "{}", gateway.log());
}

/// A proxy that sends none, half of one or junk is closed; the time for it is http.head_seconds.
#[test]
fn what_is_no_header_in_time_is_closed() {
    let gateway = behind_proxy("late", "", &format!("{TRUSTED}\nhead_seconds = 1"));
    let half = header(77);
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
    let long = [V2, b"\x21\x00\xff\xff"].concat();
    for start in [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".as_slice(),
        &endless,
        &long,
        &half[..20],
        b"",
    ] {
        let started = Instant::now();
        let stream = through(&gateway, start);
        assert!(rest(stream).is_empty());
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    gateway.logs("no PROXY header within http.head_seconds");
    let mut http = http_through(&gateway, &half);
    assert_eq!(http.ask("GET", "/healthz", "", "").body, "ok\n");
}

/// W-R-476: the share of connections is that of the address behind the header.
#[test]
fn connections_count_against_the_address_behind_the_header() {
    let text = format!(
        "[[listener]]\naddress = '127.0.0.1:0'\nproxy_protocol = true\n[http]\n{TRUSTED}\n[limits]\nconnections_per_address = 1\n"
    );
    let gateway = Gateway::run(&["--config", &file("header-share.toml", &text)]);
    let mut first = http_through(&gateway, &header(77));
    assert_eq!(first.ask("GET", "/healthz", "", "").status, 200);
    let mut second = http_through(&gateway, &header(77));
    assert_eq!(second.receive().status, 429);
    let mut other = http_through(&gateway, &header(78));
    assert_eq!(other.ask("GET", "/healthz", "", "").status, 200);
}

/// A gateway for `localhost` behind a server at that address, with 127.0.0.1 as a proxy that tells its clients' addresses.
fn before_server(name: &str, server: std::net::SocketAddr, domain: &str) -> Gateway {
    let text = format!(
        "[[listener]]\naddress = '127.0.0.1:0'\n[domain.localhost]\nupstream = '{server}'\n{domain}\n[http]\n{TRUSTED}\n"
    );
    Gateway::run(&["--config", &file(&format!("{name}.toml"), &text)])
}

/// W-R-472: a header is the first that a server hears, with the address of the session's client.
#[test]
fn a_server_is_told_the_address_first() {
    let server = Scripted::start(|peer| {
        peer.until("<stream:stream ")?;
        peer.until(">")?;
        let mechanisms = mechanisms(&["PLAIN"]);
        peer.say(&format!(
            "{}{}",
            scripted::header("told"),
            features(&mechanisms)
        ))
    });
    let gateway = before_server("tells-v1", server.address, "proxy_protocol = 'v1'");
    let port = server.address.port();
    let client = "X-Forwarded-For: 203.0.113.9, 192.0.2.77\r\n";
    let answer = http::ask(
        gateway.address,
        "POST",
        "/http-bind",
        client,
        &creation("localhost"),
    );
    assert!(answer.body.contains("<mechanism"), "{}", answer.body);
    let fields = format!("{}X-Forwarded-For: 2001:db8::17\r\n", handshake("xmpp"));
    drop(WebSocket::open_with(
        Http::connect(gateway.address),
        &fields,
    ));
    drop(WebSocket::open_with(
        Http::connect(gateway.address),
        &handshake("xmpp"),
    ));
    let heard = server.heard();
    let starts = [
        (
            "PROXY TCP4 192.0.2.77 127.0.0.1 ",
            format!(" {port}\r\n<?xml "),
        ),
        ("PROXY TCP6 2001:db8::17 :: ", format!(" {port}\r\n<?xml ")),
        ("PROXY UNKNOWN", "\r\n<?xml ".to_owned()),
    ];
    assert_eq!(heard.len(), starts.len());
    for (heard, (start, end)) in heard.iter().zip(&starts) {
        let rest = heard.strip_prefix(start).expect("the addresses");
        let (source, _) = rest.split_once(end.as_str()).expect("the server's port");
        assert!(source.is_empty() || source.parse::<u16>().is_ok_and(|port| port > 0));
    }
}

/// W-R-472: the header comes before TLS too.
#[test]
fn a_header_to_a_server_comes_before_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let authority = Authority::new("header-direct");
    let domain = format!(
        "proxy_protocol = 'v2'\ntls = 'direct'\nca = '{}'",
        authority.file
    );
    let gateway = before_server("tells-v2", address, &domain);
    let mut http = Http::connect(gateway.address);
    let client = "X-Forwarded-For: 192.0.2.77\r\n";
    http.send("POST", "/http-bind", client, &creation("localhost"));
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut start = [0; 29];
    stream.read_exact(&mut start).expect("a header and a byte");
    let [high, low] = address.port().to_be_bytes();
    let gateways = stream.peer_addr().expect("an address").port();
    let [first, second] = gateways.to_be_bytes();
    let addresses = [192, 0, 2, 77, 127, 0, 0, 1, first, second, high, low];
    // 0x16: a TLS handshake.
    assert_eq!(
        start.to_vec(),
        [V2, b"\x21\x11\0\x0c", &addresses, &[0x16]].concat()
    );
}
