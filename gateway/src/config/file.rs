//! The file as it is written: names and shapes, no defaults. `xmpp-web.example.toml` explains every key.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::Deserialize;

pub(crate) use super::value::OptionalSeconds;
use super::value::{Bytes, Count, Seconds, Whole};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(default)]
    pub(crate) listener: Vec<Listener>,
    #[serde(default)]
    pub(crate) domain: BTreeMap<String, Domain>,
    #[serde(default)]
    pub(crate) limits: Limits,
    #[serde(default)]
    pub(crate) http: Http,
    #[serde(default)]
    pub(crate) bosh: Bosh,
    #[serde(default)]
    pub(crate) websocket: WebSocket,
    #[serde(default)]
    pub(crate) upstream: Upstream,
    #[serde(default)]
    pub(crate) logins: Logins,
    #[serde(default)]
    pub(crate) log: Log,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) transports: Option<Vec<Transport>>,
    pub(crate) tls: Option<Certificate>,
    #[serde(default)]
    pub(crate) trusted_proxy_tls: bool,
    #[serde(default)]
    pub(crate) allow_plaintext: bool,
    #[serde(default)]
    pub(crate) compression: bool,
    #[serde(default)]
    pub(crate) proxy_protocol: bool,
}

/// The PEM files of a certificate and its key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    Bosh,
    Websocket,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Domain {
    pub(crate) upstream: String,
    pub(crate) tls: Option<Tls>,
    pub(crate) ca: Option<PathBuf>,
    #[serde(default)]
    pub(crate) foreign: bool,
    #[serde(default)]
    pub(crate) hide_channel_binding: bool,
    #[serde(default)]
    pub(crate) anonymous: bool,
    pub(crate) redirect_targets: Option<Vec<String>>,
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
}

/// The header in front of a connection to a server.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProxyProtocol {
    V1,
    V2,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tls {
    /// Before anything of a client's is sent
    Starttls,
    /// From the first byte
    Direct,
    /// Plain TCP: everything in between must be trusted
    None,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) connections: Option<Whole<64, 10_000_000>>,
    pub(crate) connections_per_address: Option<Count>,
    pub(crate) sessions_per_second: Option<Count>,
    pub(crate) unauthenticated_sessions: Option<Count>,
    pub(crate) unauthenticated_sessions_per_address: Option<Count>,
    pub(crate) unauthenticated_bytes: Option<Whole<65_536, 1_099_511_627_776>>,
    pub(crate) element_bytes: Option<Bytes>,
    pub(crate) element_bytes_before_auth: Option<Bytes>,
    pub(crate) xml_depth: Option<Whole<4, 1_024>>,
    pub(crate) xml_attributes: Option<Whole<16, 1_024>>,
    pub(crate) xml_declarations: Option<Whole<8, 1_024>>,
    pub(crate) shutdown_seconds: Option<Seconds>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) hosts: Option<Vec<String>>,
    pub(crate) trusted_proxies: Option<Vec<String>>,
    pub(crate) client_address: Option<ClientAddress>,
    pub(crate) client_scheme: Option<ClientScheme>,
    pub(crate) page: Option<bool>,
    pub(crate) head_bytes: Option<Bytes>,
    pub(crate) start_line_bytes: Option<Bytes>,
    pub(crate) fields: Option<Whole<8, 1_000>>,
    pub(crate) body_bytes: Option<Bytes>,
    pub(crate) pipelined: Option<Whole<1, 64>>,
    pub(crate) head_seconds: Option<Seconds>,
    pub(crate) body_seconds: Option<Seconds>,
    pub(crate) keep_alive_seconds: Option<Seconds>,
    pub(crate) write_seconds: Option<Seconds>,
    pub(crate) half_close: Option<bool>,
}

/// What tells a client's address behind a trusted proxy.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientAddress {
    XForwardedFor,
    Forwarded,
    XRealIp,
    CfConnectingIp,
    ProxyProtocol,
}

/// What tells whether a client came to a trusted proxy by TLS.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientScheme {
    XForwardedProto,
    Forwarded,
    None,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bosh {
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) wait_seconds: Option<Whole<1, 600>>,
    pub(crate) hold: Option<Whole<1, 8>>,
    pub(crate) polling_seconds: Option<Whole<0, 600>>,
    pub(crate) inactivity_seconds: Option<Whole<1, 3_600>>,
    pub(crate) inactivity_polling_seconds: Option<Whole<1, 3_600>>,
    pub(crate) pause_seconds: Option<Whole<0, 3_600>>,
    pub(crate) linger_milliseconds: Option<Whole<0, 1_000>>,
    pub(crate) creation_seconds: Option<Whole<1, 60>>,
    pub(crate) auth_seconds: Option<Seconds>,
    pub(crate) ack: Option<bool>,
    pub(crate) response_bytes: Option<Bytes>,
    pub(crate) outbox_bytes: Option<Bytes>,
    pub(crate) replay_responses: Option<Whole<1, 1_024>>,
    pub(crate) replay_bytes: Option<Bytes>,
    #[serde(default)]
    pub(crate) rates: Rates,
    pub(crate) compression: Option<bool>,
    pub(crate) compression_above: Option<Whole<0, 1_048_576>>,
    pub(crate) ascii_charsets: Option<bool>,
    pub(crate) duplicates_per_rid: Option<Whole<1, 255>>,
    pub(crate) duplicates_per_minute: Option<Whole<1, 255>>,
    pub(crate) allow_html: Option<bool>,
    pub(crate) node_tag: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) authid: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rates {
    pub(crate) session_requests: Option<Rate>,
    pub(crate) session_bytes: Option<Rate>,
    pub(crate) address_sessions: Option<Rate>,
    pub(crate) address_requests: Option<Rate>,
    pub(crate) address_bytes: Option<Rate>,
    pub(crate) patience_seconds: Option<Whole<1, 60>>,
    pub(crate) addresses: Option<Count>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    pub(crate) per_second: Whole<0, 4_000_000_000>,
    pub(crate) burst: Whole<1, 4_000_000_000>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebSocket {
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) lenient: Option<bool>,
    pub(crate) ping_seconds: Option<OptionalSeconds>,
    pub(crate) pong_seconds: Option<Seconds>,
    pub(crate) open_seconds: Option<Seconds>,
    pub(crate) auth_seconds: Option<Seconds>,
    pub(crate) close_seconds: Option<Seconds>,
    pub(crate) handshakes_per_second_per_address: Option<Count>,
    pub(crate) frame_bytes: Option<Bytes>,
    pub(crate) fragments: Option<Count>,
    pub(crate) fragment_bytes: Option<Whole<0, 1_073_741_824>>,
    pub(crate) control_frames_per_second: Option<Count>,
    pub(crate) control_frames_at_once: Option<Count>,
    pub(crate) early_frames: Option<bool>,
    pub(crate) compression_takeover: Option<bool>,
    pub(crate) compression_window_bits: Option<Whole<9, 15>>,
    pub(crate) compression_threshold_bytes: Option<Whole<0, 1_073_741_824>>,
    pub(crate) compression_level: Option<Whole<1, 9>>,
    pub(crate) outbox_bytes: Option<Bytes>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upstream {
    pub(crate) connect_seconds: Option<Seconds>,
    pub(crate) element_bytes: Option<Bytes>,
    pub(crate) features_seconds: Option<Seconds>,
    pub(crate) close_seconds: Option<Seconds>,
    pub(crate) stall_seconds: Option<Seconds>,
    pub(crate) keepalive_seconds: Option<OptionalSeconds>,
    pub(crate) outbox_bytes: Option<Bytes>,
    pub(crate) redirects: Option<Whole<0, 10>>,
    pub(crate) nodes_remembered: Option<Whole<0, 10_000_000>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logins {
    pub(crate) failures_per_address: Option<Whole<0, 1_000_000>>,
    pub(crate) refuse_seconds: Option<Seconds>,
    pub(crate) never_refused: Option<Vec<String>>,
    pub(crate) remembered: Option<Count>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) filter: Option<String>,
}
