//! A small XMPP server for the domain `localhost`, with TLS in one of the ways that servers have, right and wrong.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring};

use super::{PATIENCE, certificates::Identity};

/// What the server does about TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// STARTTLS as it should be.
    StartTls,
    /// STARTTLS without the feature.
    Unannounced,
    /// STARTTLS with a stream and features in plain text right behind `<proceed/>`.
    Injected,
    /// `<proceed/>`, and not another word.
    Silent,
    /// Knows no STARTTLS, and refuses it.
    Refused,
    /// TLS from the first byte.
    Direct,
}

/// The server. Its threads end with their connections.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    plain: Arc<Mutex<String>>,
    alpn: Arc<Mutex<Option<Vec<u8>>>>,
}

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='localhost' id='a-stream' version='1.0'>";
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const FAILURE: &str = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>";
const LOGIN: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>";

fn features(content: &str) -> String {
    format!("{HEADER}<stream:features>{content}</stream:features>")
}

impl Server {
    pub(crate) fn start(way: Way, identity: Identity) -> Self {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate], identity.key)
            .map(|mut config| {
                config.alpn_protocols = vec![b"xmpp-client".to_vec()];
                Arc::new(config)
            })
            .expect("a certificate");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = Self {
            address: listener.local_addr().expect("an address"),
            plain: Arc::default(),
            alpn: Arc::default(),
        };
        let (plain, alpn) = (Arc::clone(&server.plain), Arc::clone(&server.alpn));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (plain, alpn) = (Arc::clone(&plain), Arc::clone(&alpn));
                let config = Arc::clone(&config);
                thread::spawn(move || {
                    // A gateway that goes away is what some tests are about.
                    let _ = serve(stream, way, config, &plain, &alpn);
                });
            }
        });
        server
    }

    /// What came without TLS, on all connections.
    pub(crate) fn plain(&self) -> String {
        self.plain.lock().expect("no panic").clone()
    }

    /// The protocol that the last handshake agreed on.
    pub(crate) fn alpn(&self) -> Option<Vec<u8>> {
        self.alpn.lock().expect("no panic").clone()
    }
}

fn serve(
    mut stream: TcpStream,
    way: Way,
    config: Arc<ServerConfig>,
    plain: &Mutex<String>,
    alpn: &Mutex<Option<Vec<u8>>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    if way != Way::Direct {
        note_until(&mut stream, "<stream:stream", plain)?;
        let offer = match way {
            Way::StartTls | Way::Injected | Way::Silent => format!("{STARTTLS}{LOGIN}"),
            Way::Unannounced | Way::Refused | Way::Direct => LOGIN.to_owned(),
        };
        stream.write_all(features(&offer).as_bytes())?;
        note_until(&mut stream, "<starttls", plain)?;
        let answer = match way {
            Way::Injected => {
                let injected = LOGIN.replace("PLAIN", "X-INJECTED");
                format!("{PROCEED}{}", features(&injected))
            }
            Way::Refused => FAILURE.to_owned(),
            Way::StartTls | Way::Unannounced | Way::Silent | Way::Direct => PROCEED.to_owned(),
        };
        stream.write_all(answer.as_bytes())?;
        if matches!(way, Way::Refused | Way::Silent) {
            // Whatever still comes is noted, until the gateway leaves.
            let mut bytes = [0; 1024];
            loop {
                let count = stream.read(&mut bytes)?;
                if count == 0 {
                    return Ok(());
                }
                let text = String::from_utf8_lossy(&bytes[..count]);
                plain.lock().expect("no panic").push_str(&text);
            }
        }
    }
    let mut connection = ServerConnection::new(config).expect("a connection");
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    *alpn.lock().expect("no panic") = connection.alpn_protocol().map(<[u8]>::to_vec);
    session(&mut StreamOwned::new(connection, stream))
}

/// Reads to the end of that tag, and notes what it reads.
fn note_until(stream: &mut TcpStream, wanted: &str, plain: &Mutex<String>) -> std::io::Result<()> {
    let mut seen = String::new();
    while !(seen.contains(wanted) && seen.ends_with('>')) {
        let read = read_some(stream)?;
        plain.lock().expect("no panic").push_str(&read);
        seen.push_str(&read);
    }
    Ok(())
}

fn read_some(stream: &mut impl Read) -> std::io::Result<String> {
    let mut bytes = [0; 4096];
    let count = stream.read(&mut bytes)?;
    if count == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&bytes[..count]).into_owned())
}

/// A stream behind TLS: PLAIN with any password, a resource, and an echo.
fn session(stream: &mut (impl Read + Write)) -> std::io::Result<()> {
    let mut signed_in = false;
    let mut read = String::new();
    loop {
        read.push_str(&read_some(stream)?);
        while let Some((element, rest)) = next(&read) {
            let answer = if element.contains("<stream:stream") {
                features(if signed_in {
                    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
                } else {
                    LOGIN
                })
            } else if element.starts_with("<auth") {
                signed_in = true;
                "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned()
            } else if element.starts_with("<iq") {
                "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>ada@localhost/tls</jid></bind></iq>".to_owned()
            } else if element.starts_with("<message") {
                element.replace(" to=", " from=\"echo@localhost/tls\" was=")
            } else {
                stream.write_all(b"</stream:stream>")?;
                return stream.flush();
            };
            read = rest;
            stream.write_all(answer.as_bytes())?;
            stream.flush()?;
        }
    }
}

/// The first element (or stream tag), and what is behind it.
fn next(read: &str) -> Option<(String, String)> {
    let ends = [
        ("<auth", "</auth>"),
        ("<iq", "</iq>"),
        ("<message", "</message>"),
        ("</stream:stream", ">"),
    ];
    let end = match ends.iter().find(|(start, _)| read.starts_with(start)) {
        Some((_, end)) => read.find(end)? + end.len(),
        None => {
            let tag = read.find("<stream:stream")?;
            tag + read[tag..].find('>')? + 1
        }
    };
    let (element, rest) = read.split_at(end);
    Some((element.to_owned(), rest.to_owned()))
}
