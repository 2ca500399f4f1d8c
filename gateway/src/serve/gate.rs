//! What every connection and session of the process shares, and the decision which domain is served where (C-R-035).

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use xmpp_stream::relay;
use xmpp_web_tokio::{
    Tokio,
    driver::{bosh::Hub, relay::Decision},
};
use xmpp_wire::{StreamError, StreamHeader};

use super::{
    admission::{Admission, Permit},
    descriptors::Budget,
    logins::Logins,
    lookups::{self, LookUps, Share},
    nodes::Nodes,
    rate::Creations,
    reports::{Cause, Reports},
    shutdown::Listening,
    tasks::Troubles,
    upstream::{self, Upstream},
};
use crate::{
    config::{Config, DEMONSTRATION, normalised},
    demo::Demo,
};

/// The log's line where an address is refused for its failed logins.
pub(super) const TOO_MANY_FAILURES: &str = "sessions refused with policy-violation: too many failed logins from one address; it is let in again after \
                                            logins.refuse_seconds; raise logins.failures_per_address, or list the network in logins.never_refused";

/// Shared by all connections; lives until the last of them ends.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) config: Arc<Config>,
    pub(crate) http: Arc<xmpp_http1::server::Config>,
    pub(crate) binding: Arc<bosh_proto::binding::Config>,
    pub(crate) hub: Hub<Tokio>,
    pub(crate) runtime: Tokio,
    pub(crate) shutdown: Listening,
    pub(crate) admission: Admission,
    logins: Logins,
    demonstration: Demo,
    pub(crate) reports: Reports,
    pub(crate) troubles: Troubles,
    nodes: Nodes,
    /// Each domain's share of look-ups and dials.
    shares: Arc<BTreeMap<String, Share>>,
    numbers: Arc<AtomicU64>,
}

impl Gate {
    pub(crate) fn new(
        config: Arc<Config>,
        budget: Budget,
        hub: Hub<Tokio>,
        runtime: Tokio,
        shutdown: Listening,
    ) -> Self {
        let look_ups = LookUps::new(lookups::system);
        let names = config.domains.keys();
        let shares = names.map(|name| (name.clone(), look_ups.share()));
        Self {
            shares: Arc::new(shares.collect()),
            http: config.http(),
            binding: Arc::new(config.machines.binding.clone()),
            hub,
            runtime,
            shutdown,
            logins: Logins::new(config.logins.clone()),
            demonstration: Demo::new(DEMONSTRATION),
            reports: Reports::default(),
            troubles: Troubles::default(),
            nodes: Nodes::new(config.limits.nodes),
            admission: Admission::new(
                budget,
                Creations::new(
                    config.limits.sessions_per_second,
                    config.limits.handshakes_per_address,
                ),
            ),
            numbers: Arc::default(),
            config,
        }
    }

    /// A number for a connection: for logs, and for the order of requests on it (B-R-015).
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Where a stream that opens with this header goes. `client`: its address, where that is known. `idle`: how long its transport lets a client be silent.
    /// `permit`: its session's.
    pub(crate) fn decide(
        &self,
        header: &StreamHeader,
        client: Option<IpAddr>,
        protected: bool,
        idle: Option<Duration>,
        permit: &Permit,
    ) -> Decision<Upstream> {
        if self.shutdown.is_down() {
            return Decision::Refuse(StreamError::new("system-shutdown"));
        }
        let to = normalised(header.to.as_deref().unwrap_or_default().trim());
        if to.is_empty() {
            return Decision::Refuse(StreamError::new("improper-addressing"));
        }
        let (Some(domain), Some(share)) = (self.config.domains.get(&to), self.shares.get(&to))
        else {
            return Decision::Refuse(StreamError::new("host-unknown"));
        };
        if self.logins.refuses(client, Instant::now()) {
            self.reports.note(Cause::new(TOO_MANY_FAILURES), client);
            let error = StreamError::new("policy-violation")
                .with_text("too many failed attempts to sign in from this address");
            return Decision::Refuse(error);
        }
        let machines = &self.config.machines;
        let mut relay = relay::Config::default();
        relay.stream = machines
            .stream
            .clone()
            .with_tls(upstream::in_stream(&domain.server));
        relay.protected = protected;
        relay.hide_channel_binding = domain.hide_channel_binding;
        relay.foreign = domain.foreign;
        relay.redirects = self.config.limits.redirects;
        relay.web_idle = idle;
        relay.web_element_bytes = machines.element_bytes;
        relay.early_bytes = machines.websocket.message_bytes_before_auth;
        let upstream = Upstream {
            domain: to.into(),
            server: domain.server.clone(),
            proxy_protocol: domain.proxy_protocol,
            client,
            logins: self.logins.clone(),
            demonstration: self.demonstration.clone(),
            timeout: self.config.limits.connect,
            share: share.clone(),
            redirect_targets: Arc::clone(&domain.redirect_targets),
            // Where origins are listed, a page elsewhere cannot use it (W-R-477).
            anonymous_is_known: domain.anonymous,
            nodes: self.nodes.clone(),
            reports: self.reports.clone(),
            permit: permit.clone(),
        };
        Decision::Relay(relay, upstream)
    }
}
