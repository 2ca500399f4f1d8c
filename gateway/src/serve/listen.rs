//! Listeners: bound at start, then accepting until the process goes down.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Mutex, Semaphore},
};
use xmpp_web_tokio::{Io, Listener, tls::Acceptor};

use super::{
    connection::{self, Accepted},
    gate::Gate,
    proxy_protocol,
    reports::Cause,
    route::Rules,
    shares::{Peer, Refusal},
};
use crate::config::{self, Config, Presence, ProxyHeader};

/// Connections that are told that there is no room, at once; more are closed without a word.
const TELLING: usize = 64;
/// How long one of them has to read that.
const TELLING_TIME: Duration = Duration::from_secs(1);

/// A listener that is bound.
#[derive(Debug)]
pub(crate) struct Bound {
    listener: Listener,
    address: SocketAddr,
    settings: config::Listener,
}

/// Binds all listeners, or says in words which cannot be.
pub(crate) fn bind(config: &Config) -> Result<Vec<Bound>, String> {
    let mut bound = Vec::new();
    for settings in &config.listeners {
        let wanted = settings.address;
        match Listener::bind(wanted).and_then(|listener| Ok((listener.local_addr()?, listener))) {
            Ok((address, listener)) => bound.push(Bound {
                listener,
                address,
                settings: settings.clone(),
            }),
            Err(error) => {
                let taken = error.kind() == io::ErrorKind::AddrInUse;
                match settings.presence {
                    Presence::Optional if !taken => {
                        tracing::warn!("going on without {wanted}: {error}");
                    }
                    Presence::Optional | Presence::Required => return Err(explain(wanted, &error)),
                }
            }
        }
    }
    Ok(bound)
}

/// What is wrong, and what to do about it.
fn explain(wanted: SocketAddr, error: &io::Error) -> String {
    let advice = [
        (
            io::ErrorKind::AddrInUse,
            "address in use; stop the other process or choose another with --listen ADDR",
        ),
        (
            io::ErrorKind::AddrNotAvailable,
            "this host does not have that address; choose another with --listen ADDR",
        ),
        (
            io::ErrorKind::PermissionDenied,
            "permission denied; ports below 1024 need a privilege, choose another with --listen ADDR",
        ),
    ];
    match advice.iter().find(|(kind, _)| *kind == error.kind()) {
        Some((_, advice)) => format!("cannot listen on {wanted}: {advice}"),
        // Its text names the address.
        None => error.to_string(),
    }
}

/// Accepts until the process goes down.
pub(crate) async fn serve(listener: Arc<Mutex<Bound>>, gate: Gate) {
    listener.lock().await.serve(gate).await;
}

impl Bound {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL scheme of what it speaks: `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        match self.settings.tls {
            Some(_) => "https",
            None => "http",
        }
    }

    /// Accepts until the process goes down.
    async fn serve(&mut self, gate: Gate) {
        let rules = Arc::new(Rules::new(&self.settings, &gate.config));
        let telling = Arc::new(Semaphore::new(TELLING));
        let mut shutdown = gate.shutdown.signal();
        let address = self.address;
        let mut trouble = None;
        loop {
            let report = |error: Option<&io::Error>| match error {
                Some(error) => {
                    trouble.get_or_insert_with(|| gate.troubles.begin());
                    gate.reports.note(cannot_accept(address, error), None);
                }
                None => trouble = None,
            };
            let (io, peer) = tokio::select! {
                accepted = self.listener.accept(report) => accepted,
                () = &mut shutdown => return,
            };
            let is_proxy = gate.config.proxies.contains(peer.ip());
            if self.settings.proxy_header == ProxyHeader::Required && !is_proxy {
                let cause = "connections closed without an answer: the listener has proxy_protocol = true, and the peer is not in \
                             http.trusted_proxies";
                let cause = Cause::new(cause).about("listener", &address.to_string());
                gate.reports.note(cause, Some(peer.ip()));
                continue;
            }
            let asking = if is_proxy {
                Peer::Proxy
            } else {
                Peer::Client(peer.ip())
            };
            let protected = match self.settings.channel {
                // Whoever else reaches it has no TLS.
                config::Channel::ProxyTls => is_proxy || self.settings.tls.is_some(),
                channel @ (config::Channel::Tls
                | config::Channel::Loopback
                | config::Channel::Plain) => channel.is_protected(),
            };
            match gate.admission.connection(asking).await {
                Ok(place) => {
                    let gives_way = place.gives_way();
                    let mut accepted = Accepted {
                        io,
                        peer,
                        speaker: Some(peer.ip()),
                        asking,
                        rules: Arc::clone(&rules),
                        protected,
                        place,
                    };
                    let (gate, tls) = (gate.clone(), self.settings.tls.clone());
                    let header = self.settings.proxy_header;
                    tokio::spawn(async move {
                        let serving = async {
                            if header == ProxyHeader::Required {
                                if !take_header(&mut accepted, address, &gate).await {
                                    return;
                                }
                                if let Err(refusal) = accepted.place.assign(accepted.asking) {
                                    note(refusal, accepted.speaker, &gate);
                                    return refuse(accepted.io, tls, refusal).await;
                                }
                            }
                            match tls {
                                None => connection::serve(accepted, gate).await,
                                Some(acceptor) => secured(accepted, &acceptor, gate).await,
                            }
                        };
                        tokio::select! {
                            () = serving => {}
                            () = gives_way.notified() => tracing::debug!(%peer, "connection gave way"),
                        }
                    });
                }
                Err(refusal) => {
                    note(refusal, Some(peer.ip()), &gate);
                    if let Ok(permit) = Arc::clone(&telling).try_acquire_owned() {
                        let tls = self.settings.tls.clone();
                        tokio::spawn(async move {
                            refuse(io, tls, refusal).await;
                            drop(permit);
                        });
                    }
                }
            }
        }
    }
}

/// Counts a connection that is refused.
fn note(refusal: Refusal, address: Option<IpAddr>, gate: &Gate) {
    let cause = match refusal {
        Refusal::Full => "connections refused with 503: no room; raise limits.connections",
        Refusal::Share => {
            "connections refused with 429: one address has all that it may have; raise \
             limits.connections_per_address, or name a proxy in http.trusted_proxies"
        }
    };
    gate.reports.note(Cause::new(cause), address);
}

/// Tells a client that there is no room for it.
async fn refuse(io: Io<TcpStream>, tls: Option<Acceptor>, refusal: Refusal) {
    let telling = async {
        match tls {
            None => tell(io.0, refusal).await,
            Some(acceptor) => tell(acceptor.accept(io).await?.0, refusal).await,
        }
    };
    // A peer that does not wait for the answer has its reasons.
    let _ = tokio::time::timeout(TELLING_TIME, telling).await;
}

/// Reads the PROXY header of a trusted proxy, which has as long as a request's head; says whether there is one.
async fn take_header(
    accepted: &mut Accepted<Io<TcpStream>>,
    listener: SocketAddr,
    gate: &Gate,
) -> bool {
    let mut shutdown = gate.shutdown.signal();
    let reading = proxy_protocol::read(&mut accepted.io.0);
    let read = tokio::select! {
        read = tokio::time::timeout(gate.http.head_timeout, reading) => read,
        () = &mut shutdown => return false,
    };
    match read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(client) => {
            accepted.speaker = client;
            accepted.asking = match client {
                Some(client) if !gate.config.proxies.contains(client) => Peer::Client(client),
                Some(_) | None => Peer::Proxy,
            };
            true
        }
        // What a proxy's health check or a port scan through it looks like.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(error) => {
            let cause = "connections of trusted proxies closed: no PROXY header within http.head_seconds, which the listener's \
                         proxy_protocol = true asks for; let the proxy send one (HAProxy: send-proxy-v2)";
            let cause = Cause::new(cause).about("listener", &listener.to_string());
            gate.reports
                .note(cause.because(&error.to_string()), Some(accepted.peer.ip()));
            false
        }
    }
}

/// Why no connection can be accepted, and what to do about it.
fn cannot_accept(listener: SocketAddr, error: &io::Error) -> Cause {
    let text = if is_out_of_files(error) {
        "cannot accept connections: no more files may be open; raise the limit (`ulimit -n`, or LimitNOFILE= in a systemd unit) or lower \
         limits.connections"
    } else {
        "cannot accept connections"
    };
    Cause::new(text)
        .about("listener", &listener.to_string())
        .because(&error.to_string())
}

#[cfg(unix)]
fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;

    let code = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE]
        .iter()
        .any(|errno| code == Some(errno.raw_os_error()))
}

#[cfg(not(unix))]
fn is_out_of_files(_: &io::Error) -> bool {
    false
}

/// Serves a connection behind TLS. The handshake comes in front of the first request's head, and has as long.
async fn secured(accepted: Accepted<Io<TcpStream>>, acceptor: &Acceptor, gate: Gate) {
    let Accepted {
        io,
        peer,
        speaker,
        asking,
        rules,
        protected,
        place,
    } = accepted;
    let mut shutdown = gate.shutdown.signal();
    let handshake = tokio::time::timeout(gate.http.head_timeout, acceptor.accept(io));
    let made = tokio::select! {
        made = handshake => made,
        () = &mut shutdown => return,
    };
    match made {
        Ok(Ok(io)) => {
            let accepted = Accepted {
                io,
                peer,
                speaker,
                asking,
                rules,
                protected,
                place,
            };
            connection::serve(accepted, gate).await;
        }
        // Scanners do this all day.
        Ok(Err(fault)) => tracing::debug!(%peer, %fault, "no TLS with a client"),
        Err(_) => tracing::debug!(%peer, "no TLS with a client in time"),
    }
}

/// Says that there is no room, then waits for the peer to close, so that the answer is not lost with a reset.
async fn tell(mut io: impl AsyncRead + AsyncWrite + Unpin, refusal: Refusal) -> io::Result<()> {
    let (status, text) = match refusal {
        Refusal::Full => ("503 Service Unavailable", "The gateway is full.\n"),
        Refusal::Share => (
            "429 Too Many Requests",
            "Too many connections from this address.\n",
        ),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nRetry-After: 5\r\nConnection: close\r\nAccess-Control-Allow-Origin: *\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    io.write_all(answer.as_bytes()).await?;
    io.shutdown().await?;
    let mut scratch = [0; 1_024];
    while io.read(&mut scratch).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-R-476. Loopback has no share, so that no test over sockets can use it up.
    #[tokio::test]
    async fn an_address_that_has_its_share_is_told_429_and_why() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let telling = tokio::spawn(tell(accepted, Refusal::Share));
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(
            answer,
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nConnection: close\r\n\
             Access-Control-Allow-Origin: *\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 40\r\n\r\n\
             Too many connections from this address.\n"
        );
        drop(client);
        telling.await.unwrap().unwrap();
    }
}
