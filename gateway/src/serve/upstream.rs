//! The way to a domain's server: TCP, with or without TLS, or the demonstration domain in this process.

use std::{
    future::Future,
    io::{self, IoSlice},
    net::IpAddr,
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
use xmpp_web_tokio::{Io, connect, driver, tls::ClientStream};

use super::{
    gate::TOO_MANY_FAILURES,
    logins::Logins,
    nodes::Nodes,
    proxy_protocol,
    reports::{Cause, Reports},
};
use crate::{
    config::{Places, Proof, Protection, ProxyProtocol, Server},
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
    /// Where its server may send clients.
    pub(crate) places: Arc<Places>,
    /// The configuration says that anybody is let in, with what follows.
    pub(crate) anonymous_is_known: bool,
    pub(crate) nodes: Nodes,
    pub(crate) reports: Reports,
}

/// What the stream has to do for TLS.
pub(crate) fn in_stream(server: &Server) -> client::Tls {
    match server {
        Server::Demonstration => client::Tls::None,
        Server::Tcp { tls, .. } => match tls {
            Protection::None => client::Tls::None,
            Protection::StartTls(_) => client::Tls::StartTls,
            Protection::Direct(_) => client::Tls::Direct,
        },
    }
}

impl Upstream {
    /// A connection there, with what comes first: a PROXY header, TLS.
    async fn reach(self, host: &str, port: u16, tls: Protection) -> io::Result<Stream> {
        let mut io = connect(host, port, self.timeout).await?;
        if let Some(version) = self.proxy_protocol {
            let (ours, server) = (io.0.local_addr()?, io.0.peer_addr()?);
            let header = proxy_protocol::header(version, self.client, ours, server);
            io.0.write_all(&header).await?;
        }
        match tls {
            Protection::None | Protection::StartTls(_) => Ok(Stream::Tcp(io)),
            Protection::Direct(proof) => secured(&proof, io).await,
        }
    }
}

async fn secured(proof: &Proof, io: Io<TcpStream>) -> io::Result<Stream> {
    let made = proof.connector.connect(&proof.name, io).await?;
    Ok(Stream::Tls(Box::new(made)))
}

impl driver::relay::Upstream for Upstream {
    type Stream = Stream;

    fn connect(&self) -> impl Future<Output = io::Result<Stream>> + Send + 'static {
        let upstream = self.clone();
        async move {
            match upstream.server.clone() {
                Server::Demonstration => Ok(Stream::Memory(Io(upstream.demonstration.connect()))),
                Server::Tcp { host, port, tls } => upstream.reach(&host, port, tls).await,
            }
        }
    }

    fn connect_to(
        &self,
        target: &Target,
    ) -> Option<impl Future<Output = io::Result<Stream>> + Send + 'static> {
        let Server::Tcp { tls, .. } = &self.server else {
            return None;
        };
        let (upstream, target, tls) = (self.clone(), target.clone(), tls.clone());
        self.places
            .allow(&target)
            .then_some(async move { upstream.reach(&target.host, target.port, tls).await })
    }

    fn remember(&self, id: &str, node: &Target) {
        if self.places.name(node) {
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

    fn start_tls(
        &self,
        stream: Stream,
    ) -> impl Future<Output = io::Result<Stream>> + Send + 'static {
        let server = self.server.clone();
        async move {
            match (server, stream) {
                (
                    Server::Tcp {
                        tls: Protection::StartTls(proof),
                        ..
                    },
                    Stream::Tcp(io),
                ) => secured(&proof, io).await,
                (Server::Tcp { .. } | Server::Demonstration, _) => Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "STARTTLS is not configured",
                )),
            }
        }
    }

    fn lost(&self, reason: &io::Error) {
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

/// A connection to a server.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(Io<TcpStream>),
    Tls(Box<ClientStream<TcpStream>>),
    Memory(Io<DuplexStream>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_read(cx, buf),
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
            Self::Tcp(io) => Pin::new(io).poll_write(cx, buf),
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
            Self::Tcp(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Self::Tls(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Self::Memory(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_flush(cx),
            Self::Tls(io) => Pin::new(io).poll_flush(cx),
            Self::Memory(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(io) => Pin::new(io).poll_close(cx),
            Self::Tls(io) => Pin::new(io).poll_close(cx),
            Self::Memory(io) => Pin::new(io).poll_close(cx),
        }
    }
}
