//! HAProxy's PROXY protocol, v1 and v2: read from trusted proxies in front of a listener (W-R-031), written to servers (W-R-472).
//!
//! A header from a proxy is read to its last byte and no further, so that TLS or HTTP goes on behind it. One that tells no address of a client
//! (`LOCAL`, `UNKNOWN`, a UNIX socket, datagrams) is a proxy that does not tell.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::config::ProxyProtocol;

/// Longest header of v2 that is read: addresses and some extensions, such as the names in a client's certificate.
const HEADER_BYTES: usize = 4_096;
/// Longest header of v1, by its specification.
const LINE_BYTES: usize = 107;
/// What is read first: no header of either version is shorter.
const SHORTEST: usize = 15;

/// Reads a header; gives the client's address where it tells one.
pub(crate) async fn read(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut header = vec![0; SHORTEST];
    io.read_exact(&mut header).await?;
    if header.starts_with(v2::PROTOCOL_PREFIX) {
        header.push(io.read_u8().await?);
        let length = match header.as_slice() {
            [.., high, low] => usize::from(u16::from_be_bytes([*high, *low])),
            _ => 0,
        };
        if header.len() + length > HEADER_BYTES {
            return Err(wrong("the header is longer than 4096 bytes"));
        }
        let known = header.len();
        header.resize(known + length, 0);
        io.read_exact(header.get_mut(known..).unwrap_or_default())
            .await?;
        client_of_v2(&header)
    } else if header.starts_with(v1::PROTOCOL_PREFIX.as_bytes()) {
        while !header.ends_with(b"\n") {
            if header.len() >= LINE_BYTES {
                return Err(wrong("the first line is longer than 107 bytes"));
            }
            header.push(io.read_u8().await?);
        }
        client_of_v1(&header)
    } else {
        Err(wrong("the connection does not begin with a header"))
    }
}

fn client_of_v2(header: &[u8]) -> io::Result<Option<IpAddr>> {
    let header = v2::Header::try_from(header).map_err(|error| wrong(&error.to_string()))?;
    let address = match (header.command, header.protocol, header.addresses) {
        (v2::Command::Proxy, v2::Protocol::Stream, v2::Addresses::IPv4(addresses)) => {
            Some(IpAddr::V4(addresses.source_address))
        }
        (v2::Command::Proxy, v2::Protocol::Stream, v2::Addresses::IPv6(addresses)) => {
            Some(IpAddr::V6(addresses.source_address))
        }
        _ => None,
    };
    Ok(address.map(|address| address.to_canonical()))
}

fn client_of_v1(header: &[u8]) -> io::Result<Option<IpAddr>> {
    let header = v1::Header::try_from(header).map_err(|error| wrong(&error.to_string()))?;
    let address = match header.addresses {
        v1::Addresses::Tcp4(addresses) => Some(IpAddr::V4(addresses.source_address)),
        v1::Addresses::Tcp6(addresses) => Some(IpAddr::V6(addresses.source_address)),
        v1::Addresses::Unknown => None,
    };
    Ok(address.map(|address| address.to_canonical()))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// The header for a connection between these two ends on behalf of that client. A session has many connections from its client or none, so the
/// source port is that of our own end: it is unique, and servers log it (Prosody's mod_net_proxy refuses 0). Where the server is of the other
/// family, its address is left unspecified.
pub(crate) fn header(
    version: ProxyProtocol,
    client: Option<IpAddr>,
    ours: SocketAddr,
    server: SocketAddr,
) -> Vec<u8> {
    let client = client.map(|client| client.to_canonical());
    let (source, port) = (ours.port(), server.port());
    match (version, client, server.ip().to_canonical()) {
        (ProxyProtocol::V1, None, _) => b"PROXY UNKNOWN\r\n".to_vec(),
        (ProxyProtocol::V1, Some(IpAddr::V4(client)), server) => {
            let server = v4(server);
            format!("PROXY TCP4 {client} {server} {source} {port}\r\n").into_bytes()
        }
        (ProxyProtocol::V1, Some(IpAddr::V6(client)), server) => {
            let server = v6(server);
            format!("PROXY TCP6 {client} {server} {source} {port}\r\n").into_bytes()
        }
        // Command LOCAL, unspecified family.
        (ProxyProtocol::V2, None, _) => [v2::PROTOCOL_PREFIX, &[0x20, 0x00, 0, 0]].concat(),
        // Command PROXY; TCP over IPv4, TCP over IPv6; and the length of what follows.
        (ProxyProtocol::V2, Some(IpAddr::V4(client)), server) => [
            v2::PROTOCOL_PREFIX,
            &[0x21, 0x11, 0, 12],
            &client.octets(),
            &v4(server).octets(),
            &source.to_be_bytes(),
            &port.to_be_bytes(),
        ]
        .concat(),
        (ProxyProtocol::V2, Some(IpAddr::V6(client)), server) => [
            v2::PROTOCOL_PREFIX,
            &[0x21, 0x21, 0, 36],
            &client.octets(),
            &v6(server).octets(),
            &source.to_be_bytes(),
            &port.to_be_bytes(),
        ]
        .concat(),
    }
}

fn v4(address: IpAddr) -> Ipv4Addr {
    match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED,
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn server(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn ours() -> SocketAddr {
        server("127.0.0.1:4660")
    }

    /// Reads from these bytes; gives what is left too.
    async fn take(bytes: &[u8]) -> io::Result<(Option<IpAddr>, Vec<u8>)> {
        let mut rest = bytes;
        let client = read(&mut rest).await?;
        Ok((client, rest.to_vec()))
    }

    /// W-R-472: the bytes of both versions, for both families.
    #[test]
    fn headers_are_written_as_the_specification_has_them() {
        let (four, six) = (Some(ip("192.0.2.1")), Some(ip("2001:db8::17")));
        let (server4, server6) = (server("127.0.0.1:5222"), server("[::1]:5222"));
        let text = |client, server| {
            String::from_utf8(header(ProxyProtocol::V1, client, ours(), server)).expect("text")
        };
        assert_eq!(
            text(four, server4),
            "PROXY TCP4 192.0.2.1 127.0.0.1 4660 5222\r\n"
        );
        assert_eq!(
            text(four, server6),
            "PROXY TCP4 192.0.2.1 0.0.0.0 4660 5222\r\n"
        );
        assert_eq!(
            text(six, server6),
            "PROXY TCP6 2001:db8::17 ::1 4660 5222\r\n"
        );
        assert_eq!(
            text(six, server4),
            "PROXY TCP6 2001:db8::17 :: 4660 5222\r\n"
        );
        assert_eq!(text(None, server4), "PROXY UNKNOWN\r\n");
        let mapped = Some(ip("::ffff:192.0.2.1"));
        assert_eq!(text(mapped, server4), text(four, server4));

        let bytes = |client, server| header(ProxyProtocol::V2, client, ours(), server);
        assert_eq!(
            bytes(four, server4),
            [
                V2,
                b"\x21\x11\0\x0c\xc0\0\x02\x01\x7f\0\0\x01\x12\x34\x14\x66"
            ]
            .concat()
        );
        let client = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x17";
        let one = b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01";
        assert_eq!(
            bytes(six, server6),
            [V2, b"\x21\x21\0\x24", client, one, b"\x12\x34\x14\x66"].concat()
        );
        assert_eq!(bytes(None, server6), [V2, b"\x20\0\0\0"].concat());
        assert_eq!(bytes(mapped, server4), bytes(four, server4));
    }

    /// W-R-031: what is written is read again, cut anywhere, and nothing behind it is taken.
    #[tokio::test]
    async fn headers_are_read_to_their_last_byte() {
        let clients = [None, Some(ip("192.0.2.1")), Some(ip("2001:db8::17"))];
        for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
            for client in clients {
                for server in [server("127.0.0.1:5222"), server("[::1]:443")] {
                    let header = header(version, client, ours(), server);
                    let all = [header.as_slice(), b"\r\nGET / HTTP/1.1"].concat();
                    let (found, rest) = take(&all).await.expect("a header");
                    assert_eq!(found, client);
                    assert_eq!(rest, b"\r\nGET / HTTP/1.1");
                    for cut in 0..header.len() {
                        let error = take(&header[..cut]).await.expect_err("half a header");
                        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{cut}");
                    }
                }
            }
        }
    }

    /// Forms that other proxies write: extensions, LOCAL with addresses, UNIX sockets, datagrams, IPv4 in IPv6.
    #[tokio::test]
    async fn other_forms_tell_an_address_or_none() {
        let four = b"\xc0\0\x02\x01\x7f\0\0\x01\x12\x34\x14\x66";
        for (start, addresses, client) in [
            (
                b"\x21\x11\0\x0f",
                [four.as_slice(), b"\x04\0\0"].concat(),
                Some("192.0.2.1"),
            ),
            (b"\x20\x11\0\x0c", four.to_vec(), None),
            (b"\x21\x12\0\x0c", four.to_vec(), None),
            (b"\x21\x31\0\xd8", vec![0; 216], None),
            (b"\x21\x00\0\x03", vec![0; 3], None),
        ] {
            let header = [V2, start, &addresses, b"rest"].concat();
            let (found, rest) = take(&header).await.expect("a header");
            assert_eq!(found, client.map(ip), "{start:x?}");
            assert_eq!(rest, b"rest");
        }
        for (line, client) in [
            ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", Some("192.0.2.1")),
            ("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
        ] {
            let (found, _) = take(line.as_bytes()).await.expect("a header");
            assert_eq!(found, client.map(ip), "{line}");
        }
    }

    /// Headers with bytes changed, in all ways that a small generator finds: read or refused.
    #[tokio::test]
    async fn damaged_headers_are_read_or_refused() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % u64::try_from(below).expect("small")).expect("small")
        };
        let whole = [
            header(ProxyProtocol::V1, Some(ip("192.0.2.1")), ours(), ours()),
            header(ProxyProtocol::V1, Some(ip("2001:db8::17")), ours(), ours()),
            header(ProxyProtocol::V1, None, ours(), ours()),
            header(ProxyProtocol::V2, Some(ip("192.0.2.1")), ours(), ours()),
            header(ProxyProtocol::V2, Some(ip("2001:db8::17")), ours(), ours()),
        ];
        for round in 0..20_000 {
            let mut bytes = whole[round % whole.len()].clone();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                bytes[at] = [0, 0x0a, 0x0d, 0x20, 0x80, 0xff, b'1', b':'][random(8)];
            }
            bytes.extend_from_slice(&[0; 64]);
            // Whatever comes of it.
            let _ = take(&bytes).await;
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE_BYTES));
        let longest = u16::try_from(HEADER_BYTES - 16)
            .expect("short")
            .to_be_bytes();
        let over = u16::try_from(HEADER_BYTES - 15)
            .expect("short")
            .to_be_bytes();
        for bytes in [
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03aaaaaaaaaa".to_vec(),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 1 65536\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1\n 127.0.0.1 1 2\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n".to_vec(),
            b"PROXY TCP5 192.0.2.1 127.0.0.1 1 2\r\n".to_vec(),
            b"PROXY  TCP4 192.0.2.1 127.0.0.1 1 2\r\n".to_vec(),
            b"PROXYTCP4 192.0.2.1 127.0.0.1 1 2\r\n".to_vec(),
            long.into_bytes(),
            // Another version, an unknown command, addresses that are cut short, too much.
            [V2, b"\x31\x11\0\x0c", &[0; 12]].concat(),
            [V2, b"\x22\x11\0\x0c", &[0; 12]].concat(),
            [V2, b"\x21\x11\0\x0b", &[0; 11]].concat(),
            [V2, b"\x21\x00", &over, &[0; HEADER_BYTES]].concat(),
        ] {
            let error = take(&bytes).await.expect_err("no header");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{bytes:x?}");
        }
        let all = [V2, b"\x21\x00", &longest, &[0; HEADER_BYTES - 16]].concat();
        assert_eq!(take(&all).await.expect("a header"), (None, Vec::new()));
    }
}
