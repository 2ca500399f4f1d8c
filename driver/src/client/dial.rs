//! From an endpoint to a byte stream: addresses in the manner of RFC 8305, a proxy, TLS.

use std::{
    future::{Future, poll_fn},
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, Stream as _};
use xmpp_endpoints::{Candidate, Identity, Url};

use super::{
    Error, Settings,
    error::packed,
    network::{BoxStream, Network},
};
use crate::{
    alarm::Alarm,
    post::{Connect, Refused},
    proxy::{self, Credentials, Target},
    tls::{Alpn, Expected, Fault, Handshake, Name},
    websocket::{Turn, Turns},
};

/// After this time without an answer the next address is tried beside the silent one (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// A proxy on the way to every endpoint. Names are resolved there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Http,
    Socks5,
}

impl Proxy {
    /// One that is asked by HTTP's CONNECT (RFC 9110 §9.3.6).
    pub fn http(host: &str, port: u16) -> Self {
        Self::new(Kind::Http, host, port)
    }

    /// One of SOCKS 5 (RFC 1928).
    pub fn socks5(host: &str, port: u16) -> Self {
        Self::new(Kind::Socks5, host, port)
    }

    fn new(kind: Kind, host: &str, port: u16) -> Self {
        Self {
            kind,
            host: host.to_owned(),
            port,
            credentials: None,
        }
    }

    /// With what it wants to know of its user.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }
}

/// Makes streams to one endpoint.
#[derive(Clone, Debug)]
pub(super) struct Dialer<N> {
    network: N,
    settings: Arc<Settings>,
    url: Url,
    address: Option<IpAddr>,
    /// Absent where the URL's scheme has no TLS. One for all connections of a session: it resumes TLS sessions.
    handshake: Option<Handshake>,
}

impl<N: Network> Dialer<N> {
    /// For a candidate, at one of its addresses where it comes with some.
    pub(super) fn new(
        network: N,
        settings: Arc<Settings>,
        candidate: &Candidate,
        address: Option<IpAddr>,
    ) -> Result<Self, Error> {
        Ok(Self {
            handshake: handshake(&settings, &candidate.url, &candidate.identity)?,
            network,
            settings,
            url: candidate.url.clone(),
            address,
        })
    }

    /// The stream: it has proved who it is where there is TLS.
    pub(super) async fn dial(&self) -> Result<BoxStream, Error> {
        Ok(self.dial_in(None).await?.0)
    }

    /// The same in turn with other WebSockets to the same address and port (RFC 6455 §4.1). The turn is kept until the opening handshake has
    /// come to its end.
    pub(super) async fn dial_websocket(&self) -> Result<Dialed, Error> {
        self.dial_in(Some(self.network.turns())).await
    }

    async fn dial_in(&self, turns: Option<&Turns>) -> Result<Dialed, Error> {
        let (host, port) = (self.url.host(), self.url.port());
        let (stream, turn) = match &self.settings.proxy {
            None => self.connect(host, port, self.address, turns).await?,
            Some(way) => {
                // The proxy looks the name up, so that each name counts as a host of its own.
                let turn = match turns {
                    Some(turns) => Some(turns.wait(format!("{host}:{port}")).await),
                    None => None,
                };
                let (stream, _) = self.connect(&way.host, way.port, None, None).await?;
                let named = self.address.map(|address| address.to_string());
                let target = Target::new(named.as_deref().unwrap_or(host), port)?;
                let (credentials, network) = (way.credentials.as_ref(), self.network.clone());
                let time = self.settings.proxy_timeout;
                let stream = match way.kind {
                    Kind::Http => {
                        let made =
                            proxy::http::connect(stream, &target, credentials, time, network);
                        Box::new(made.await?) as BoxStream
                    }
                    Kind::Socks5 => {
                        let made =
                            proxy::socks5::connect(stream, &target, credentials, time, network);
                        Box::new(made.await?) as BoxStream
                    }
                };
                (stream, turn)
            }
        };
        let stream = match &self.handshake {
            None => stream,
            Some(handshake) => {
                let made = self.network.start_tls(stream, handshake.clone()).await;
                made.map_err(Fault::from)?
            }
        };
        Ok((stream, turn))
    }

    async fn connect(
        &self,
        host: &str,
        port: u16,
        address: Option<IpAddr>,
        turns: Option<&Turns>,
    ) -> Result<Dialed, Error> {
        let addresses = match address {
            Some(address) => vec![SocketAddr::new(address, port)],
            None => self.resolve(host, port).await?,
        };
        race(&self.network, addresses, turns)
            .await
            .map_err(|error| Error::Connect {
                authority: format!("{host}:{port}"),
                error,
            })
    }

    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let error = |error| Error::Name {
            host: host.to_owned(),
            error,
        };
        let known = self.settings.resolver.as_ref();
        let addresses = match known.and_then(|known| known.0(host)) {
            Some(known) => known
                .into_iter()
                .map(|address| SocketAddr::new(address, port))
                .collect(),
            None => self.network.resolve(host, port).await.map_err(error)?,
        };
        if addresses.is_empty() {
            return Err(error(io::ErrorKind::NotFound.into()));
        }
        Ok(addresses)
    }
}

impl<N: Network> Connect for Dialer<N> {
    type Stream = BoxStream;

    async fn connect(&self) -> Result<BoxStream, Refused> {
        self.dial().await.map_err(packed)
    }
}

fn handshake(
    settings: &Settings,
    url: &Url,
    identity: &Identity,
) -> Result<Option<Handshake>, Error> {
    if !url.scheme().is_secure() {
        return Ok(None);
    }
    let name = |name: &str| Name::new(name).map_err(|error| Error::NotXmpp(error.to_string()));
    let mut expected = Expected::sending(name(&identity.sni)?);
    for one in &identity.names {
        expected = expected.or(name(one)?);
    }
    for pin in &identity.pins {
        expected = expected.or_pinned(*pin);
    }
    Ok(Some(settings.roots()?.handshake(Alpn::Http11, expected)?))
}

type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<Dialed>> + Send + 'a>>;

/// A stream, and the turn in which it was dialled.
pub(super) type Dialed = (BoxStream, Option<Turn>);

/// The first connection that comes about. The families take turns, IPv6 first (RFC 8305 §4).
async fn race<N: Network>(
    network: &N,
    addresses: Vec<SocketAddr>,
    turns: Option<&Turns>,
) -> io::Result<Dialed> {
    let connect = async |address| {
        let turn = match turns {
            Some(turns) => Some(turns.wait(address).await),
            None => None,
        };
        Ok((network.connect(address).await?, turn))
    };
    let mut left = in_turns(addresses).into_iter().peekable();
    let mut under_way: FuturesUnordered<Connecting<'_>> = FuturesUnordered::new();
    let mut alarm = Alarm::new();
    let mut next = network.now();
    let mut start = true;
    let mut failed: Option<io::Error> = None;
    poll_fn(|cx| {
        loop {
            if std::mem::take(&mut start)
                && let Some(address) = left.next()
            {
                under_way.push(Box::pin(connect(address)));
                next = network.now() + STAGGER;
            }
            match Pin::new(&mut under_way).poll_next(cx) {
                Poll::Ready(Some(Ok(stream))) => return Poll::Ready(Ok(stream)),
                Poll::Ready(Some(Err(error))) => {
                    // "Refused" is said only where all refused.
                    let keep = failed.as_ref().is_some_and(|failed| {
                        failed.kind() != io::ErrorKind::ConnectionRefused
                            && error.kind() == io::ErrorKind::ConnectionRefused
                    });
                    if !keep {
                        failed = Some(error);
                    }
                    start = true;
                }
                Poll::Ready(None) if left.peek().is_none() => {
                    let failed = failed.take();
                    return Poll::Ready(Err(
                        failed.unwrap_or_else(|| io::ErrorKind::NotFound.into())
                    ));
                }
                Poll::Ready(None) => start = true,
                Poll::Pending => {
                    if left.peek().is_none() || !alarm.poll(cx, network, next) {
                        return Poll::Pending;
                    }
                    start = true;
                }
            }
        }
    })
    .await
}

/// IPv6 and IPv4 one after the other, each in the resolver's order.
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
    let (mut six, mut four) = (six.into_iter(), four.into_iter());
    let mut order = Vec::new();
    loop {
        let pair = [six.next(), four.next()];
        if pair.iter().all(Option::is_none) {
            return order;
        }
        order.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let addresses = ["1.1.1.1:1", "1.1.1.2:1", "1.1.1.3:1", "[::1]:1", "[::2]:1"];
        let order = in_turns(addresses.iter().map(|text| text.parse().unwrap()).collect());
        let order: Vec<String> = order.iter().map(ToString::to_string).collect();
        assert_eq!(
            order,
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "1.1.1.3:1"]
        );
    }
}
