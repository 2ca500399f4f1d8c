//! The configuration in force: the file, then the command line, then defaults.
//!
//! - `--listen` replaces all listeners of the file.
//! - `--domain` with `--upstream` adds to the file's domains, and replaces those of the same name.
//! - Without any domain the demonstration domain is served.
//! - While all listeners are on loopback and neither `http.hosts` nor `http.trusted_proxies` is set, only loopback names and the served domains are
//!   answered (W-R-005).

mod domain;
mod file;
mod listener;
mod logins;
mod machines;
mod networks;
mod problem;
mod rates;
mod summary;
mod value;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use xmpp_http1::forwarded::{AddressField, Fields, SchemeField};

use crate::cli::Serve;

pub(crate) use domain::{
    DEMONSTRATION, Domain, Proof, Protection, RedirectTargets, Server, Standing, normalised,
};
pub(crate) use file::{ProxyProtocol, Tls as UpstreamTls};
pub(crate) use listener::{Channel, Compression, Listener, Presence, ProxyHeader, Served};
pub(crate) use logins::Logins;
pub(crate) use machines::Machines;
pub(crate) use networks::Networks;
pub(crate) use problem::Problem;
pub(crate) use summary::Summary;
use value::set;

/// All that `serve` needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) file: Option<PathBuf>,
    pub(crate) listeners: Vec<Listener>,
    /// The domains served, by their normalised names.
    pub(crate) domains: BTreeMap<String, Domain>,
    pub(crate) hosts: Hosts,
    /// Who speaks for its clients (B-R-171) ...
    pub(crate) proxies: Networks,
    /// ... and where; without a field for the address the PROXY protocol alone tells it.
    pub(crate) forwarded: Fields,
    pub(crate) page: Page,
    pub(crate) limits: Limits,
    pub(crate) machines: Machines,
    pub(crate) logins: Logins,
    pub(crate) log: String,
}

/// Which names a request may call this host by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hosts {
    Any,
    /// `localhost`, 127.0.0.0/8, `[::1]`, and the domains that are served.
    Local(Vec<String>),
    /// These, lower case, without port.
    Listed(Vec<String>),
}

/// Whether the page for people is served at `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Served,
    Hidden,
}

/// Connections at once where nothing else is configured.
pub(crate) const CONNECTIONS: usize = 32_768;

/// Bounds on the process as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Connections at once (W-R-476); `None` is [`CONNECTIONS`]; fewer where there is no room for their files.
    pub(crate) connections: Option<usize>,
    /// Connections at once from one address; loopback addresses and listeners behind a proxy do not count.
    pub(crate) connections_per_address: usize,
    /// From the signal to the end of what is left.
    pub(crate) shutdown: Duration,
    /// For a server's TCP connection.
    pub(crate) connect: Duration,
    /// New sessions in a second, of both transports (W-R-476).
    pub(crate) sessions_per_second: u32,
    /// Of one address over WebSocket; as for connections, loopback and proxies have no share.
    pub(crate) handshakes_per_address: u32,
    /// Sessions at once that are not signed in; `None` is a part of all sessions.
    pub(crate) unauthenticated_sessions: Option<usize>,
    /// Of one address; `None` is a part of those.
    pub(crate) unauthenticated_sessions_per_address: Option<usize>,
    /// Bytes held for clients that are not signed in.
    pub(crate) unauthenticated_bytes: usize,
    /// How many redirects of a server are followed in a row (W-R-418).
    pub(crate) redirects: u8,
    /// Sessions of XEP-0198 whose node is remembered (W-R-419).
    pub(crate) nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            connections_per_address: 1_024,
            shutdown: Duration::from_secs(10),
            connect: Duration::from_secs(10),
            sessions_per_second: 10_000,
            handshakes_per_address: 20,
            unauthenticated_sessions: None,
            unauthenticated_sessions_per_address: None,
            unauthenticated_bytes: 134_217_728,
            redirects: 3,
            nodes: 16_384,
        }
    }
}

impl Config {
    /// What the command line and the file that it names say together.
    pub(crate) fn load(arguments: &Serve) -> Result<Self, Problem> {
        let Some(path) = &arguments.config else {
            return Self::combine(None, file::File::default(), arguments);
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problem::new(format!(
                "cannot read the configuration {}: {error}",
                path.display()
            ))
        })?;
        Self::combine(Some(path), Self::parse(path, &text)?, arguments)
    }

    /// Reads the text of a configuration file.
    #[cfg(test)]
    pub(crate) fn from_text(text: &str) -> Result<Self, Problem> {
        let path = Path::new("test.toml");
        Self::combine(Some(path), Self::parse(path, text)?, &Serve::default())
    }

    fn parse(path: &Path, text: &str) -> Result<file::File, Problem> {
        toml::from_str(text).map_err(|error| Problem::toml(path, text, &error))
    }

    fn combine(
        path: Option<&Path>,
        written: file::File,
        arguments: &Serve,
    ) -> Result<Self, Problem> {
        let listeners = listeners(&written, arguments)?;
        let mut domains = BTreeMap::new();
        for (name, domain) in &written.domain {
            insert(
                &mut domains,
                name,
                Domain::from_file(name, domain)?,
                Repeated::Refused,
            )?;
        }
        for (name, domain) in domains_of_arguments(arguments)? {
            insert(&mut domains, &name, domain, Repeated::Replaced)?;
        }
        if domains.is_empty() {
            domains.insert(DEMONSTRATION.to_owned(), Domain::demonstration());
        }
        let all_loopback = listeners
            .iter()
            .all(|listener| listener.address.ip().to_canonical().is_loopback());
        let proxies = Networks::parse(
            "http.trusted_proxies",
            written.http.trusted_proxies.as_deref().unwrap_or_default(),
        )?;
        let hosts = match written.http.hosts.clone() {
            Some(hosts) if hosts.is_empty() => Hosts::Any,
            Some(hosts) => Hosts::Listed(hosts.iter().map(|host| host.to_lowercase()).collect()),
            None if all_loopback && proxies.is_empty() => {
                Hosts::Local(domains.keys().cloned().collect())
            }
            None => Hosts::Any,
        };
        let forwarded = forwarded(&written.http);
        check_proxies(&listeners, &proxies, forwarded)?;
        check_proxy_tls(&written, &proxies)?;
        let mut limits = Limits::default();
        limits.connections = written.limits.connections.map(value::Whole::count);
        limits.unauthenticated_sessions = written
            .limits
            .unauthenticated_sessions
            .map(value::Whole::count);
        limits.unauthenticated_sessions_per_address = written
            .limits
            .unauthenticated_sessions_per_address
            .map(value::Whole::count);
        set(
            &mut limits.unauthenticated_bytes,
            written
                .limits
                .unauthenticated_bytes
                .map(value::Whole::count),
        );
        set(
            &mut limits.connections_per_address,
            written
                .limits
                .connections_per_address
                .map(value::Whole::count),
        );
        set(
            &mut limits.shutdown,
            written.limits.shutdown_seconds.map(value::Whole::seconds),
        );
        set(
            &mut limits.connect,
            written.upstream.connect_seconds.map(value::Whole::seconds),
        );
        set(
            &mut limits.sessions_per_second,
            written.limits.sessions_per_second.map(value::Whole::number),
        );
        set(
            &mut limits.handshakes_per_address,
            written
                .websocket
                .handshakes_per_second_per_address
                .map(value::Whole::number),
        );
        set(
            &mut limits.redirects,
            written.upstream.redirects.map(value::Whole::small),
        );
        set(
            &mut limits.nodes,
            written.upstream.nodes_remembered.map(value::Whole::count),
        );
        let machines = Machines::from_file(&written)?;
        let logins = Logins::from_file(&written.logins)?;
        check_anonymous(&domains, &machines)?;
        let page = match written.http.page {
            Some(false) => Page::Hidden,
            Some(true) | None => Page::Served,
        };
        let log = arguments
            .log
            .clone()
            .or(written.log.filter)
            .unwrap_or_else(|| "info".to_owned());
        crate::logging::check(&log).map_err(|error| {
            Problem::new(format!("the log filter \"{log}\" is not one: {error}"))
        })?;
        Ok(Self {
            file: path.map(Path::to_path_buf),
            listeners,
            domains,
            hosts,
            proxies,
            forwarded,
            page,
            limits,
            machines,
            logins,
            log,
        })
    }

    /// The machines' configurations, shared.
    pub(crate) fn http(&self) -> Arc<xmpp_http1::server::Config> {
        Arc::new(self.machines.http.clone())
    }
}

/// A listener that only proxies reach has to know them: otherwise everybody who reaches it would count as one, without a share.
fn check_proxy_tls(written: &file::File, proxies: &Networks) -> Result<(), Problem> {
    match written.listener.iter().find(|l| l.trusted_proxy_tls) {
        Some(listener) if proxies.is_empty() => Err(Problem::new(format!(
            "listener {} has trusted_proxy_tls = true, so http.trusted_proxies must name the proxies that connect to it, \
             such as http.trusted_proxies = [\"10.0.0.1\"]; connections from elsewhere count as their own addresses', and as plain text",
            listener.address
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Whoever lets anybody in must say which pages may ask (W-R-477): a browser would ask for any of them.
fn check_anonymous(domains: &BTreeMap<String, Domain>, machines: &Machines) -> Result<(), Problem> {
    let listed = |origins: &[String]| !origins.is_empty() && !origins.iter().any(|o| o == "*");
    let Some((name, _)) = domains.iter().find(|(_, domain)| domain.anonymous) else {
        return Ok(());
    };
    for (section, origins) in [
        ("websocket", &machines.handshake.origins),
        ("bosh", &machines.binding.origins),
    ] {
        if !listed(origins) {
            return Err(Problem::new(format!(
                "domain \"{name}\" lets anybody in (anonymous = true), so {section}.origins must name the pages that may use it, \
                 such as {section}.origins = [\"https://chat.example.com\"]: any page could use it from its visitors' browsers"
            )));
        }
    }
    Ok(())
}

/// The fields that trusted proxies write.
fn forwarded(written: &file::Http) -> Fields {
    let mut fields = Fields::default();
    set(
        &mut fields.address,
        written.client_address.map(|address| match address {
            file::ClientAddress::XForwardedFor => Some(AddressField::XForwardedFor),
            file::ClientAddress::Forwarded => Some(AddressField::Forwarded),
            file::ClientAddress::XRealIp => Some(AddressField::XRealIp),
            file::ClientAddress::CfConnectingIp => Some(AddressField::CfConnectingIp),
            file::ClientAddress::ProxyProtocol => None,
        }),
    );
    set(
        &mut fields.scheme,
        written.client_scheme.map(|scheme| match scheme {
            file::ClientScheme::XForwardedProto => Some(SchemeField::XForwardedProto),
            file::ClientScheme::Forwarded => Some(SchemeField::Forwarded),
            file::ClientScheme::None => None,
        }),
    );
    fields
}

/// Whoever expects a PROXY header says from whom, and whoever relies on it says where.
fn check_proxies(
    listeners: &[Listener],
    proxies: &Networks,
    forwarded: Fields,
) -> Result<(), Problem> {
    let expecting = listeners
        .iter()
        .find(|listener| listener.proxy_header == ProxyHeader::Required);
    match expecting {
        Some(listener) if proxies.is_empty() => Err(Problem::new(format!(
            "listener {}: proxy_protocol = true needs http.trusted_proxies, the addresses of the proxies that write the header, \
             such as http.trusted_proxies = [\"10.0.0.1\"]: connections from others are refused there",
            listener.address
        ))),
        None if forwarded.address.is_none() => Err(Problem::new(
            "http.client_address = \"proxy-protocol\" needs proxy_protocol = true in the [[listener]] that the proxies connect to",
        )),
        Some(_) | None => Ok(()),
    }
}

fn listeners(written: &file::File, arguments: &Serve) -> Result<Vec<Listener>, Problem> {
    let listeners: Vec<Listener> = if !arguments.listen.is_empty() {
        let from = |address| Listener::from_argument(address, arguments.allow_plaintext);
        arguments
            .listen
            .iter()
            .copied()
            .map(from)
            .collect::<Result<_, _>>()?
    } else if written.listener.is_empty() {
        Listener::defaults()
    } else {
        written
            .listener
            .iter()
            .map(Listener::from_file)
            .collect::<Result<_, _>>()?
    };
    for (index, listener) in listeners.iter().enumerate() {
        let again = listeners
            .iter()
            .take(index)
            .any(|other| other.address == listener.address);
        if again && listener.address.port() != 0 {
            return Err(Problem::new(format!(
                "the listener {} is there twice",
                listener.address
            )));
        }
    }
    Ok(listeners)
}

fn domains_of_arguments(arguments: &Serve) -> Result<Vec<(String, Domain)>, Problem> {
    match (&arguments.upstream, arguments.domain.as_slice()) {
        (None, []) => Ok(Vec::new()),
        (None, [domain, ..]) => Err(Problem::new(format!(
            "--domain {domain} needs the address of its server: add --upstream HOST:PORT, such as --upstream 127.0.0.1:5222"
        ))),
        (Some(upstream), []) => Err(Problem::new(format!(
            "--upstream {upstream} needs the XMPP domain that is served there: add --domain D, such as --domain example.com"
        ))),
        (Some(upstream), domains) => domains
            .iter()
            .map(|name| {
                let ca = arguments.upstream_ca.as_deref();
                let domain = Domain::from_argument(name, upstream, arguments.upstream_tls, ca)?;
                Ok((name.clone(), domain))
            })
            .collect(),
    }
}

/// What a second domain of the same name does.
#[derive(Clone, Copy)]
enum Repeated {
    Refused,
    Replaced,
}

fn insert(
    domains: &mut BTreeMap<String, Domain>,
    name: &str,
    domain: Domain,
    repeated: Repeated,
) -> Result<(), Problem> {
    let key = normalised(name);
    let plausible = !key.is_empty()
        && key.len() <= 1_023
        && !key.contains(|c: char| c.is_whitespace() || c.is_control() || "@/<>&'\":".contains(c));
    if !plausible {
        return Err(Problem::new(format!(
            "\"{name}\" is not an XMPP domain; write it as \"example.com\", without user, port or path"
        )));
    }
    match (domains.insert(key, domain), repeated) {
        (Some(_), Repeated::Refused) => Err(Problem::new(format!(
            "the domain \"{name}\" is there twice"
        ))),
        (None, _) | (Some(_), Repeated::Replaced) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
