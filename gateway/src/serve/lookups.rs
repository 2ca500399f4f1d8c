//! Name look-ups and dials, a share of them for each domain, so that the trouble of one does not stop the others.
//!
//! - A name is looked up once for all who wait for it. Its addresses are kept for 30 s, a failure for 5 s.
//! - At most 4 look-ups of a domain are in flight, and 64 of all domains: the system's resolver holds a thread for each, of the 512 that tokio has.
//! - A look-up that is in flight goes on when nobody waits for it any more, since its thread cannot be taken back; one that waits for its turn is given up.
//! - At most 256 connections to the servers of a domain are being made.
//! - Waiting for a turn counts against the time for the connection.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, timeout_at},
};
use xmpp_web_tokio::{Io, connect_to};

/// Look-ups in flight, of all domains and of one.
const LOOK_UPS: usize = 64;
const LOOK_UPS_PER_DOMAIN: usize = 4;
/// Connections of a domain that are being made.
const DIALS_PER_DOMAIN: usize = 256;
/// How long addresses are kept, and failures.
const KEPT: Duration = Duration::from_secs(30);
const FAILURE_KEPT: Duration = Duration::from_secs(5);
/// Names of a domain that are remembered: its server, and the redirect targets that this has named.
const NAMES: usize = 64;

/// What a resolver is asked for.
pub(crate) type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
/// Finds the addresses of a name; their port does not matter.
type Resolve = Arc<dyn Fn(&str) -> Resolving + Send + Sync>;

/// The system's resolver.
pub(crate) fn system(host: &str) -> Resolving {
    let host = host.to_owned();
    Box::pin(async move {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.collect())
    })
}

/// The look-ups of the process.
pub(crate) struct LookUps {
    resolve: Resolve,
    turns: Arc<Semaphore>,
}

impl LookUps {
    pub(crate) fn new(resolve: impl Fn(&str) -> Resolving + Send + Sync + 'static) -> Self {
        Self {
            resolve: Arc::new(resolve),
            turns: Arc::new(Semaphore::new(LOOK_UPS)),
        }
    }

    /// The share of one domain.
    pub(crate) fn share(&self) -> Share {
        Share(Arc::new(Inner {
            resolve: Arc::clone(&self.resolve),
            all: Arc::clone(&self.turns),
            own: Arc::new(Semaphore::new(LOOK_UPS_PER_DOMAIN)),
            dials: Semaphore::new(DIALS_PER_DOMAIN),
            names: Mutex::default(),
        }))
    }
}

/// What one domain may do at once, and what it has found.
#[derive(Clone)]
pub(crate) struct Share(Arc<Inner>);

struct Inner {
    resolve: Resolve,
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
    dials: Semaphore,
    names: Mutex<BTreeMap<Arc<str>, Name>>,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Share")
    }
}

/// No address of a host may be connected to.
#[derive(Debug)]
pub(crate) struct NonePermitted;

impl fmt::Display for NonePermitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it has no loopback address; without TLS only these are connected to, unless the domain's tls says otherwise")
    }
}

impl std::error::Error for NonePermitted {}

/// What is known of a name.
enum Name {
    Known { answer: Answer, until: Instant },
    Asked(Arc<watch::Sender<Option<Answer>>>),
}

/// What a look-up came to.
#[derive(Clone, Debug)]
enum Answer {
    Found(Arc<[SocketAddr]>),
    Failed(io::ErrorKind, Arc<str>),
}

impl Share {
    /// Connects to those addresses of a host that `permits` lets through, in turn, within `timeout`.
    ///
    /// The error's source is [`NonePermitted`] where it lets none of them through.
    pub(crate) async fn connect(
        &self,
        host: &str,
        port: u16,
        timeout: Duration,
        permits: impl Fn(IpAddr) -> bool,
    ) -> io::Result<Io<TcpStream>> {
        let late = |what| io::Error::new(io::ErrorKind::TimedOut, what);
        let until = Instant::now() + timeout;
        let found = timeout_at(until, self.find(host, port)).await;
        let mut addresses =
            found.map_err(|_| late(format!("the look-up of {host} did not end in time")))??;
        addresses.retain(|address| permits(address.ip()));
        if addresses.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                NonePermitted,
            ));
        }
        let turn = timeout_at(until, self.0.dials.acquire()).await;
        let _turn = turn.map_err(|_| {
            late(format!(
                "{DIALS_PER_DOMAIN} other connections to the domain's servers are being made"
            ))
        })?;
        connect_to(&addresses, until.saturating_duration_since(Instant::now())).await
    }

    /// The addresses of a host.
    async fn find(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let answer = match self.ask(host)? {
            Asked::Known(answer) => answer,
            Asked::Waiting(mut answer) => {
                let answer = answer.wait_for(Option::is_some).await.ok();
                answer.and_then(|answer| answer.clone()).ok_or_else(|| {
                    io::Error::other(format!("the look-up of {host} was broken off"))
                })?
            }
        };
        match answer {
            Answer::Found(addresses) => {
                let with_port = |address: &SocketAddr| {
                    let mut address = *address;
                    address.set_port(port);
                    address
                };
                Ok(addresses.iter().map(with_port).collect())
            }
            Answer::Failed(kind, text) => Err(io::Error::new(kind, text.to_string())),
        }
    }

    /// What is known of a name; a look-up is begun where nothing is.
    fn ask(&self, host: &str) -> io::Result<Asked> {
        let now = Instant::now();
        let mut names = self.lock();
        match names.get(host) {
            Some(Name::Known { answer, until }) if *until > now => {
                return Ok(Asked::Known(answer.clone()));
            }
            Some(Name::Asked(answer)) => return Ok(Asked::Waiting(answer.subscribe())),
            Some(Name::Known { .. }) | None => {}
        }
        if names.len() >= NAMES && !names.contains_key(host) {
            let known = names.iter().filter_map(|(name, state)| match state {
                Name::Known { until, .. } => Some((*until, Arc::clone(name))),
                Name::Asked(_) => None,
            });
            let Some((_, oldest)) = known.min() else {
                return Err(io::Error::other(format!(
                    "{host} is not looked up: {NAMES} other names of the domain's servers are"
                )));
            };
            names.remove(&oldest);
        }
        let (told, answer) = watch::channel(None);
        let told = Arc::new(told);
        let host = Arc::<str>::from(host);
        names.insert(Arc::clone(&host), Name::Asked(Arc::clone(&told)));
        drop(names);
        let flight = Flight {
            share: self.clone(),
            host,
            told,
        };
        tokio::spawn(flight.run());
        Ok(Asked::Waiting(answer))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Name>> {
        self.0.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What somebody who asks gets.
enum Asked {
    Known(Answer),
    Waiting(watch::Receiver<Option<Answer>>),
}

/// One look-up, from the wait for its turn to its answer.
struct Flight {
    share: Share,
    host: Arc<str>,
    told: Arc<watch::Sender<Option<Answer>>>,
}

impl Flight {
    async fn run(self) {
        let Some(_turn) = self.turn().await else {
            return;
        };
        let found = (self.share.0.resolve)(&self.host).await;
        let (answer, kept) = match found {
            Ok(addresses) if addresses.is_empty() => {
                let text = format!("{} has no address", self.host);
                let failed = Answer::Failed(io::ErrorKind::NotFound, text.into());
                (failed, FAILURE_KEPT)
            }
            Ok(addresses) => (Answer::Found(addresses.into()), KEPT),
            Err(error) => {
                let text = format!("the look-up of {}: {error}", self.host);
                (Answer::Failed(error.kind(), text.into()), FAILURE_KEPT)
            }
        };
        let known = Name::Known {
            answer: answer.clone(),
            until: Instant::now() + kept,
        };
        self.share.lock().insert(Arc::clone(&self.host), known);
        self.told.send_replace(Some(answer));
    }

    /// Waits for its turn, as long as anybody waits for the answer.
    async fn turn(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let Inner { own, all, .. } = &*self.share.0;
        let mut turn = pin!(async {
            let own = Arc::clone(own).acquire_owned().await.ok()?;
            let all = Arc::clone(all).acquire_owned().await.ok()?;
            Some([own, all])
        });
        loop {
            tokio::select! {
                turn = &mut turn => return turn,
                () = self.told.closed() => {
                    let mut names = self.share.lock();
                    // Who asks is counted under the lock.
                    if self.told.receiver_count() == 0 {
                        names.remove(&self.host);
                        return None;
                    }
                }
            }
        }
    }
}

impl Drop for Flight {
    /// A resolver that panics leaves no name behind that is never answered.
    fn drop(&mut self) {
        let mut names = self.share.lock();
        if let Some(Name::Asked(told)) = names.get(&self.host)
            && Arc::ptr_eq(told, &self.told)
        {
            names.remove(&self.host);
        }
    }
}

#[cfg(test)]
mod tests;
