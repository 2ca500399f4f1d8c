//! The way to a domain's server: TCP, with or without TLS, or the demonstration domain in this process.

use std::{
    future::Future,
    io::{self, IoSlice},
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_io::{AsyncRead, AsyncWrite};
use tokio::{
    io::{AsyncWriteExt as _, DuplexStream},
    net::TcpStream,
};
use xmpp_stream::{
    client,
    relay::{Target, Warning},
};
use xmpp_web_tokio::{Io, driver, tls::ClientStream};
use xmpp_wire::{Excess, Repair};

use super::{
    admission::Permit,
    gate::TOO_MANY_FAILURES,
    logins::Logins,
    lookups::{NonePermitted, Share},
    nodes::Nodes,
    proxy_protocol,
    redirect::{Heard, NotFollowed, Way, Where, decide},
    reports::{Cause, Reports},
};
use crate::{
    config::{Proof, Protection, ProxyProtocol, RedirectTargets, Server, Standing},
    demo::Demo,
};

/// How to reach one domain's server.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) domain: Arc<str>,
    pub(crate) server: Server,
    /// What each connection to it begins with (W-R-472) ...
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    /// ... and whose address that tells, where it is known.
    pub(crate) client: Option<IpAddr>,
    pub(crate) logins: Logins,
    pub(crate) demonstration: Demo,
    /// For the TCP connection; the stream's own deadline bounds the handshake as well.
    pub(crate) timeout: Duration,
    /// The domain's share of look-ups and dials.
    pub(crate) share: Share,
    /// Where its server may send clients.
    pub(crate) redirect_targets: Arc<RedirectTargets>,
    /// The configuration says that anybody is let in, with what follows.
    pub(crate) anonymous_is_known: bool,
    pub(crate) nodes: Nodes,
    pub(crate) reports: Reports,
    /// The session's part of the limits.
    pub(crate) permit: Permit,
}

/// Why a session that was not signed in has ended.
const NO_ROOM: &str = "sessions ended before authentication: too many bytes of clients that are not signed in; raise limits.unauthenticated_bytes";

/// What the stream has to do for TLS.
pub(crate) fn in_stream(server: &Server) -> client::Tls {
    match server {
        Server::Demonstration => client::Tls::None,
        Server::Tcp { tls, .. } => tls_in_stream(tls),
    }
}

fn tls_in_stream(protection: &Protection) -> client::Tls {
    match protection {
        Protection::None | Protection::Loopback => client::Tls::None,
        Protection::StartTls(_) => client::Tls::StartTls,
        Protection::Direct(_) => client::Tls::Direct,
    }
}

async fn secured(proof: &Proof, io: Io<TcpStream>) -> io::Result<Stream> {
    let made = proof.connector.connect(&proof.name, io).await?;
    Ok(Stream::Tls(Box::new(made)))
}

fn whereabouts(address: IpAddr) -> Where {
    if address.to_canonical().is_loopback() {
        Where::Loopback
    } else {
        Where::Remote
    }
}

impl Upstream {
    /// A connection there, with what comes first (a PROXY header, TLS), and what the stream has to do for TLS. An address without a protection is not
    /// dialled.
    async fn reach(
        &self,
        host: &str,
        port: u16,
        protection: impl Fn(IpAddr) -> Option<Protection>,
    ) -> io::Result<(Stream, client::Tls)> {
        let permits = |address| protection(address).is_some();
        let connecting = self.share.connect(host, port, self.timeout, permits);
        let mut io = connecting.await?;
        let (ours, server) = (io.0.local_addr()?, io.0.peer_addr()?);
        let address = server.ip();
        let Some(protection) = protection(address) else {
            return Err(io::ErrorKind::PermissionDenied.into());
        };
        if let Some(version) = self.proxy_protocol {
            let header = proxy_protocol::header(version, self.client, ours, server);
            io.0.write_all(&header).await?;
        }
        let in_stream = tls_in_stream(&protection);
        let proof = match protection {
            Protection::Direct(proof) => return Ok((secured(&proof, io).await?, in_stream)),
            Protection::None | Protection::Loopback => None,
            Protection::StartTls(proof) => Some(proof),
        };
        Ok((Stream::Tcp(Plain { io, address, proof }), in_stream))
    }

    /// How an address of a target is protected that was named like that.
    fn protection(&self, target: &Target, heard: Heard, address: IpAddr) -> Option<Protection> {
        let Server::Tcp { host, port, tls } = &self.server else {
            return None;
        };
        let standing = if (&*target.host, target.port) == (&**host, *port) {
            Standing::Configured
        } else {
            self.redirect_targets.standing(target)
        };
        let listed = self.redirect_targets.protection.as_ref();
        let protection = match decide(standing, heard, whereabouts(address))? {
            Way::AsConfigured => Some(tls),
            Way::AsListed => listed,
            Way::Verified => listed.filter(|way| way.is_verified()),
        };
        protection.filter(|way| way.permits(address)).cloned()
    }
}

impl driver::relay::Upstream for Upstream {
    type Stream = Stream;

    fn connect(&self) -> impl Future<Output = io::Result<Stream>> + Send + 'static {
        let upstream = self.clone();
        async move {
            match &upstream.server {
                Server::Demonstration => Ok(Stream::Memory(Io(upstream.demonstration.connect()))),
                Server::Tcp { host, port, tls } => {
                    let protection = |address| tls.permits(address).then(|| tls.clone());
                    let reached = upstream.reach(host, *port, protection).await;
                    reached.map(|(stream, _)| stream)
                }
            }
        }
    }

    fn connect_to(
        &self,
        target: &Target,
        from: Stream,
    ) -> impl Future<Output = io::Result<(Stream, client::Tls)>> + Send + 'static {
        let (upstream, target, heard) = (self.clone(), target.clone(), from.heard());
        async move {
            let protection = |address| upstream.protection(&target, heard, address);
            let Target { host, port } = &target;
            let not_followed = || {
                let target = target.clone();
                io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    NotFollowed { target, heard },
                )
            };
            // Where a loopback address is not permitted, no other one is: the name is not looked up.
            if protection(Ipv4Addr::LOCALHOST.into()).is_none() {
                return Err(not_followed());
            }
            let reached = upstream.reach(host, *port, protection).await;
            reached.map_err(|error| match error.get_ref() {
                Some(source) if source.is::<NonePermitted>() => not_followed(),
                Some(_) | None => error,
            })
        }
    }

    fn admit(&self, bytes: usize) -> bool {
        let admitted = self.permit.admit(bytes);
        if !admitted {
            self.reports.note(Cause::new(NO_ROOM), None);
        }
        admitted
    }

    fn remember(&self, id: &str, node: &Target) {
        if self.redirect_targets.standing(node) == Standing::Listed {
            self.nodes.remember(&self.domain, id, node);
        }
    }

    fn locate(&self, id: &str) -> Option<Target> {
        self.nodes.take(&self.domain, id)
    }

    fn admits_login(&self) -> bool {
        let refuses = self.logins.refuses(self.client, Instant::now());
        if refuses {
            self.reports
                .note(Cause::new(TOO_MANY_FAILURES), self.client);
        }
        !refuses
    }

    fn login_succeeded(&self, account: Option<&str>) {
        self.permit.signed_in();
        self.logins
            .succeeded(self.client, &self.domain, account, Instant::now());
    }

    fn login_failed(&self, account: Option<&str>) -> Duration {
        self.logins
            .failed(self.client, &self.domain, account, Instant::now())
    }

    fn warn(&self, warning: Warning) {
        let known = warning == Warning::Anonymous && self.anonymous_is_known;
        if !known && self.reports.first(&self.domain, warning) {
            let domain = &self.domain;
            tracing::warn!(%domain, "{warning}");
        }
    }

    fn repaired(&self, repair: Repair, from: Option<&str>) {
        let sender = from.and_then(|from| from.split('/').next());
        let sender = sender.unwrap_or("the server itself");
        let (cause, much) = mended(repair);
        let cause = Cause::new(cause)
            .about("domain", &self.domain)
            .because(&format!("from {sender}{much}"));
        self.reports.note(cause, None);
    }

    fn start_tls(
        &self,
        stream: Stream,
    ) -> impl Future<Output = io::Result<Stream>> + Send + 'static {
        let plain = match stream {
            Stream::Tcp(Plain { io, proof, .. }) => proof.map(|proof| (proof, io)),
            Stream::Tls(_) | Stream::Memory(_) => None,
        };
        async move {
            match plain {
                Some((proof, io)) => secured(&proof, io).await,
                None => Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "STARTTLS is not configured",
                )),
            }
        }
    }

    fn lost(&self, reason: &io::Error) {
        let source = reason.get_ref();
        if let Some(target) = source.and_then(|error| error.downcast_ref::<NotFollowed>()) {
            let cause = Cause::new(
                "the server sends its clients to a target that is not connected to; if it is right, list it in the domain's redirect_targets",
            );
            let cause = cause
                .about("domain", &self.domain)
                .because(&target.to_string());
            return self.reports.note(cause, None);
        }
        let server = match &self.server {
            Server::Demonstration => "this process".to_owned(),
            Server::Tcp { host, port, .. } => format!("{host}:{port}"),
        };
        let cause = Cause::new("the server was not reached, or was lost")
            .about("domain", &self.domain)
            .because(&format!("{server}: {reason}"));
        self.reports.note(cause, None);
    }
}

/// What a log says of an element of the server's that was mended, and how much there was of what.
fn mended(repair: Repair) -> (&'static str, String) {
    const TOO_LONG: &str = "the server sent a stanza with a name or a character reference that is too long; its content was dropped";
    let Repair::Emptied {
        excess,
        found,
        limit,
    } = repair
    else {
        let cause = if repair == Repair::Names {
            "the server sent a stanza with a name that is not qualified (Namespaces in XML); its content was dropped"
        } else {
            "the server sent an element that breaks Namespaces in XML; its prefixes were declared anew"
        };
        return (cause, String::new());
    };
    let (cause, unit) = match excess {
        Excess::Bytes => (
            "the server sent a stanza beyond upstream.element_bytes; its content was dropped; raise that key to let it pass",
            "bytes",
        ),
        Excess::Depth => (
            "the server sent a stanza nested deeper than limits.xml_depth; its content was dropped",
            "levels",
        ),
        Excess::Attributes => (
            "the server sent a stanza with more attributes in a tag than limits.xml_attributes; its content was dropped",
            "attributes",
        ),
        Excess::Declarations => (
            "the server sent a stanza with more namespace declarations in a tag than limits.xml_declarations; its content was dropped",
            "declarations",
        ),
        Excess::NameBytes | Excess::ReferenceBytes => (TOO_LONG, "bytes"),
        _ => (
            "the server sent a stanza beyond a limit; its content was dropped",
            "",
        ),
    };
    (cause, format!(": {found} {unit}, at most {limit} may be"))
}

/// A connection to a server.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(Plain),
    /// TLS whose certificate was verified for the domain.
    Tls(Box<ClientStream<TcpStream>>),
    Memory(Io<DuplexStream>),
}

/// A connection that has no TLS, or none yet.
#[derive(Debug)]
pub(crate) struct Plain {
    io: Io<TcpStream>,
    address: IpAddr,
    /// What the server has to prove at STARTTLS.
    proof: Option<Proof>,
}

impl Stream {
    /// What is worth a target that is named on it.
    fn heard(&self) -> Heard {
        match self {
            Self::Tls(_) => Heard::InTls,
            Self::Tcp(Plain { address, .. }) => match whereabouts(*address) {
                Where::Loopback => Heard::OnLoopback,
                Where::Remote => Heard::InPlain,
            },
            Self::Memory(_) => Heard::InPlain,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(plain) => Pin::new(&mut plain.io).poll_read(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_read(cx, buf),
            Self::Memory(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(plain) => Pin::new(&mut plain.io).poll_write(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_write(cx, buf),
            Self::Memory(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(plain) => Pin::new(&mut plain.io).poll_write_vectored(cx, bufs),
            Self::Tls(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Self::Memory(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(plain) => Pin::new(&mut plain.io).poll_flush(cx),
            Self::Tls(io) => Pin::new(io).poll_flush(cx),
            Self::Memory(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(plain) => Pin::new(&mut plain.io).poll_close(cx),
            Self::Tls(io) => Pin::new(io).poll_close(cx),
            Self::Memory(io) => Pin::new(io).poll_close(cx),
        }
    }
}
