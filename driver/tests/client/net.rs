//! A network: hosts, services, and what was dialled.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use xmpp_web_driver::{
    Runtime,
    client::{BoxStream, Network},
    tls::Handshake,
    websocket::Turns,
};

use crate::support::{End, Manual, World, pipe};

/// What happens to a connection.
pub(crate) type Service = Arc<dyn Fn(End) + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Net {
    pub(crate) runtime: Manual,
    turns: Arc<Turns>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    hosts: BTreeMap<String, Vec<IpAddr>>,
    services: BTreeMap<SocketAddr, Service>,
    /// Those that swallow everything.
    silent: Vec<SocketAddr>,
    dialled: Vec<SocketAddr>,
    names: Vec<String>,
    seeds: u16,
}

impl Net {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            runtime: world.runtime.clone(),
            turns: Arc::default(),
            inner: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic")
    }

    /// The host's address: its last byte is chosen by the test.
    pub(crate) fn host(&self, name: &str, last: u8) -> IpAddr {
        let address = IpAddr::from(Ipv4Addr::new(127, 0, 0, last));
        self.lock().hosts.insert(name.to_owned(), vec![address]);
        address
    }

    pub(crate) fn serve(&self, address: SocketAddr, service: Service) {
        self.lock().services.insert(address, service);
    }

    /// What serves this address.
    pub(crate) fn service(&self, address: SocketAddr) -> Service {
        self.lock()
            .services
            .get(&address)
            .cloned()
            .expect("a service")
    }

    pub(crate) fn swallow(&self, address: SocketAddr) {
        self.lock().silent.push(address);
    }

    /// Nobody listens there any more.
    pub(crate) fn stop(&self, address: SocketAddr) {
        self.lock().services.remove(&address);
    }

    /// The addresses that were dialled since the last call.
    pub(crate) fn dialled(&self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.lock().dialled)
    }

    /// The names that TLS was asked for since the last call.
    pub(crate) fn names(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().names)
    }

    /// Other choices.
    pub(crate) fn seeded(self, seed: u16) -> Self {
        self.lock().seeds = seed;
        self
    }
}

impl Runtime for Net {
    type Sleep = <Manual as Runtime>::Sleep;

    fn now(&self) -> Instant {
        self.runtime.now()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        self.runtime.sleep_until(at)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }
}

impl Network for Net {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let found = self.lock().hosts.get(host).cloned();
        let found = found.ok_or(io::ErrorKind::NotFound)?;
        Ok(found
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<BoxStream> {
        self.lock().dialled.push(address);
        if self.lock().silent.contains(&address) {
            return std::future::pending().await;
        }
        let service = self.lock().services.get(&address).cloned();
        let service = service.ok_or(io::ErrorKind::ConnectionRefused)?;
        let (client, server) = pipe(16 * 1024);
        service(server);
        Ok(Box::new(client))
    }

    /// The stream as it is: what TLS does is tested where it is.
    async fn start_tls(&self, stream: BoxStream, handshake: Handshake) -> io::Result<BoxStream> {
        self.lock().names.push(handshake.name.to_str().into_owned());
        Ok(stream)
    }

    fn turns(&self) -> &Turns {
        &self.turns
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        let mut seed = [7; 32];
        seed[..2].copy_from_slice(&self.lock().seeds.to_le_bytes());
        Ok(seed)
    }
}
