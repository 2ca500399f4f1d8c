//! What the configuration means to the machines below.

use std::time::Duration;

use ws_framing::{
    connection::ControlRate, deflate::Takeover, handshake::server::EarlyBytes, xmpp::Namespaces,
};
use xmpp_wire::XmlLimits;

use super::{
    Problem,
    file::{self, File},
    rates::rates,
    value::{Count, Whole, set},
};

/// The configuration of every machine.
#[derive(Clone, Debug)]
pub(crate) struct Machines {
    pub(crate) http: xmpp_http1::server::Config,
    pub(crate) binding: bosh_proto::binding::Config,
    pub(crate) bosh: bosh_proto::server::Config,
    pub(crate) handshake: ws_framing::handshake::server::Config,
    pub(crate) websocket: ws_framing::xmpp::Config,
    /// For listeners with compression.
    pub(crate) deflate: ws_framing::deflate::Config,
    pub(crate) stream: xmpp_stream::client::Config,
    /// What a web client may send in one element.
    pub(crate) element_bytes: usize,
}

impl Machines {
    pub(crate) fn from_file(file: &File) -> Result<Self, Problem> {
        let mut xml = XmlLimits::default();
        set(
            &mut xml.element_bytes,
            file.limits.element_bytes.map(Whole::count),
        );
        set(&mut xml.depth, file.limits.xml_depth.map(Whole::count));
        set(
            &mut xml.attributes,
            file.limits.xml_attributes.map(Whole::count),
        );
        set(
            &mut xml.declarations,
            file.limits.xml_declarations.map(Whole::count),
        );
        let mut binding = binding(file)?;
        let websocket = websocket(file, &xml);
        let http = http(file, &binding, &xml, websocket.message_bytes_before_auth);
        binding.decoded_bytes = http.limits.body_bytes;
        let machines = Self {
            bosh: bosh(file, &binding, &xml, http.limits.body_bytes),
            http,
            binding,
            handshake: handshake(&file.websocket)?,
            websocket,
            deflate: deflate(&file.websocket),
            stream: stream(file, &xml),
            element_bytes: xml.element_bytes,
        };
        machines.check()?;
        Ok(machines)
    }

    /// What each value allows by itself but not beside the others.
    fn check(&self) -> Result<(), Problem> {
        if self.bosh.body_bytes_before_auth > self.bosh.body_bytes {
            return Err(Problem::new(format!(
                "limits.element_bytes_before_auth ({}) is more than what is allowed afterwards ({})",
                self.bosh.body_bytes_before_auth, self.bosh.body_bytes
            )));
        }
        if self.stream.xml.element_bytes < self.element_bytes {
            return Err(Problem::new(format!(
                "upstream.element_bytes ({}) must not be less than limits.element_bytes ({}): one client's stanza reaches another through it",
                self.stream.xml.element_bytes, self.element_bytes
            )));
        }
        if self.http.head_timeout > Duration::from_secs(3_600) {
            return Err(Problem::new("http.head_seconds is more than an hour"));
        }
        Ok(())
    }
}

fn http(
    file: &File,
    binding: &bosh_proto::binding::Config,
    xml: &XmlLimits,
    before_auth: usize,
) -> xmpp_http1::server::Config {
    let written = &file.http;
    let mut config = xmpp_http1::server::Config::default();
    let limits = &mut config.limits;
    set(&mut limits.head_bytes, written.head_bytes.map(Whole::count));
    set(
        &mut limits.start_line_bytes,
        written.start_line_bytes.map(Whole::count),
    );
    set(&mut limits.fields, written.fields.map(Whole::count));
    // A body that may be refused before its stanza would be is of no use.
    limits.body_bytes = limits.body_bytes.max(xml.element_bytes);
    set(&mut limits.body_bytes, written.body_bytes.map(Whole::count));
    set(&mut limits.pipelined, written.pipelined.map(Whole::count));
    set(
        &mut config.head_timeout,
        written.head_seconds.map(Whole::seconds),
    );
    set(
        &mut config.body_timeout,
        written.body_seconds.map(Whole::seconds),
    );
    set(
        &mut config.keep_alive_timeout,
        written.keep_alive_seconds.map(Whole::seconds),
    );
    set(
        &mut config.write_timeout,
        written.write_seconds.map(Whole::seconds),
    );
    set(&mut config.half_close, written.half_close);
    config.ask_above = Some(before_auth);
    // The connection's own errors know no request, so no origin to echo; without a list any page may read them (B-R-172).
    if binding.origins.is_empty() {
        config
            .error_fields
            .push(("Access-Control-Allow-Origin".into(), "*".into()));
    }
    config
}

fn binding(file: &File) -> Result<bosh_proto::binding::Config, Problem> {
    let mut config = bosh_proto::binding::Config::default();
    set(
        &mut config.origins,
        origins("bosh", file.bosh.origins.as_deref())?,
    );
    // `*` among the origins means any, as for WebSocket.
    if config.origins.iter().any(|origin| origin == "*") {
        config.origins.clear();
    }
    if file.bosh.compression == Some(true) {
        config.codings = bosh_proto::Coding::ALL.to_vec();
    }
    set(
        &mut config.coded_above,
        file.bosh.compression_above.map(Whole::count),
    );
    Ok(config)
}

fn bosh(
    file: &File,
    binding: &bosh_proto::binding::Config,
    xml: &XmlLimits,
    body_bytes: usize,
) -> bosh_proto::server::Config {
    let written = &file.bosh;
    let mut config = bosh_proto::server::Config::default();
    config.xml = xml.clone();
    config.body_bytes = body_bytes;
    config.accept.clone_from(&binding.codings);
    config.rates = rates(&written.rates);
    set(
        &mut config.body_bytes_before_auth,
        file.limits.element_bytes_before_auth.map(Whole::count),
    );
    set(&mut config.wait, written.wait_seconds.map(Whole::seconds));
    set(&mut config.hold, written.hold.map(Whole::small));
    set(
        &mut config.polling,
        written.polling_seconds.map(Whole::seconds),
    );
    set(
        &mut config.inactivity,
        written.inactivity_seconds.map(Whole::seconds),
    );
    set(
        &mut config.inactivity_polling,
        written.inactivity_polling_seconds.map(Whole::seconds),
    );
    set(
        &mut config.maxpause,
        written.pause_seconds.map(Whole::seconds),
    );
    set(
        &mut config.linger,
        written.linger_milliseconds.map(Whole::milliseconds),
    );
    set(
        &mut config.creation_timeout,
        written.creation_seconds.map(Whole::seconds),
    );
    set(
        &mut config.auth_timeout,
        written.auth_seconds.map(|seconds| Some(seconds.seconds())),
    );
    set(&mut config.server_ack, written.ack);
    set(
        &mut config.response_bytes,
        written.response_bytes.map(Whole::count),
    );
    set(
        &mut config.outbox_bytes,
        written.outbox_bytes.map(Whole::count),
    );
    set(
        &mut config.replay_responses,
        written.replay_responses.map(Whole::count),
    );
    set(
        &mut config.replay_bytes,
        written.replay_bytes.map(Whole::count),
    );
    set(
        &mut config.duplicates_per_rid,
        written.duplicates_per_rid.map(Whole::small),
    );
    set(
        &mut config.duplicates_per_minute,
        written.duplicates_per_minute.map(Whole::small),
    );
    set(&mut config.allow_html, written.allow_html);
    set(&mut config.ascii_charsets, written.ascii_charsets);
    set(&mut config.authid, written.authid);
    config.node_tag = written.node_tag.clone().or(config.node_tag);
    config.host = written.host.clone().or(config.host);
    config
}

fn handshake(written: &file::WebSocket) -> Result<ws_framing::handshake::server::Config, Problem> {
    let mut config = ws_framing::handshake::server::Config::default();
    set(
        &mut config.origins,
        origins("websocket", written.origins.as_deref())?,
    );
    if written.early_frames == Some(true) {
        config.early_bytes = EarlyBytes::Accepted;
    }
    Ok(config)
}

fn deflate(written: &file::WebSocket) -> ws_framing::deflate::Config {
    let mut config = ws_framing::deflate::Config::default();
    if written.compression_takeover == Some(true) {
        config.our_takeover = Takeover::Keep;
        config.their_takeover = Takeover::Keep;
    }
    if let Some(bits) = written.compression_window_bits.map(Whole::small) {
        config.our_window_bits = bits;
        config.their_window_bits = bits;
    }
    set(
        &mut config.threshold_bytes,
        written.compression_threshold_bytes.map(Whole::count),
    );
    set(
        &mut config.level,
        written.compression_level.map(Whole::small),
    );
    config
}

fn stream(file: &File, xml: &XmlLimits) -> xmpp_stream::client::Config {
    let written = &file.upstream;
    let mut config = xmpp_stream::client::Config::default();
    let element_bytes = config
        .xml
        .element_bytes
        .max(xml.element_bytes.saturating_mul(2));
    config.xml = xml.clone().with_element_bytes(element_bytes);
    config.tls = xmpp_stream::client::Tls::None;
    set(
        &mut config.xml.element_bytes,
        written.element_bytes.map(Whole::count),
    );
    set(
        &mut config.features_timeout,
        written.features_seconds.map(Whole::seconds),
    );
    set(
        &mut config.close_timeout,
        written.close_seconds.map(Whole::seconds),
    );
    set(
        &mut config.stall_timeout,
        written.stall_seconds.map(Whole::seconds),
    );
    set(
        &mut config.outbox_bytes,
        written.outbox_bytes.map(Whole::count),
    );
    set(
        &mut config.keepalive,
        written.keepalive_seconds.map(optional),
    );
    config
}

/// Zero switches it off.
fn optional(seconds: file::OptionalSeconds) -> Option<Duration> {
    Some(seconds.seconds()).filter(|duration| !duration.is_zero())
}

/// Origins are compared whole, so what can never match is refused (W-R-015).
fn origins(section: &str, written: Option<&[String]>) -> Result<Option<Vec<String>>, Problem> {
    let Some(written) = written else {
        return Ok(None);
    };
    for origin in written {
        let rest = origin.split_once("://").map(|(_, rest)| rest);
        let whole =
            rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '*', ' ', '?', '#']));
        if !whole && origin != "*" && origin != "null" {
            return Err(Problem::new(format!(
                "{section}.origins: \"{origin}\" is not an origin; write scheme, host and port as a browser sends them, \
                 such as \"https://chat.example.com\" or \"http://localhost:8080\", or \"*\" for any"
            )));
        }
    }
    Ok(Some(
        written.iter().map(|origin| origin.to_lowercase()).collect(),
    ))
}

fn websocket(file: &File, xml: &XmlLimits) -> ws_framing::xmpp::Config {
    let written = &file.websocket;
    let mut config = ws_framing::xmpp::Config::default();
    config.xml = xml.clone();
    config.namespaces = match written.lenient {
        Some(false) => Namespaces::Strict,
        // What deployed clients need (W-R-311).
        Some(true) | None => Namespaces::Lenient,
    };
    set(
        &mut config.message_bytes_before_auth,
        file.limits.element_bytes_before_auth.map(Whole::count),
    );
    set(
        &mut config.open_timeout,
        written.open_seconds.map(|seconds| Some(seconds.seconds())),
    );
    set(
        &mut config.auth_timeout,
        written.auth_seconds.map(|seconds| Some(seconds.seconds())),
    );
    set(
        &mut config.close_timeout,
        written.close_seconds.map(Whole::seconds),
    );
    let connection = &mut config.connection;
    connection.message_bytes = xml.element_bytes;
    connection.frame_bytes = xml.element_bytes;
    set(
        &mut connection.frame_bytes,
        written.frame_bytes.map(Whole::count),
    );
    set(
        &mut connection.fragments,
        written.fragments.map(Whole::count),
    );
    connection.fragment_bytes = written
        .fragment_bytes
        .map(Whole::count)
        .filter(|&bytes| bytes > 0);
    let mut rate = ControlRate::default();
    let number = |count: Count| u32::try_from(count.count()).unwrap_or(u32::MAX);
    set(
        &mut rate.per_second,
        written.control_frames_per_second.map(number),
    );
    set(&mut rate.burst, written.control_frames_at_once.map(number));
    connection.control_rate = Some(rate);
    set(
        &mut connection.outbox_bytes,
        written.outbox_bytes.map(Whole::count),
    );
    set(
        &mut connection.ping_interval,
        written.ping_seconds.map(optional),
    );
    set(
        &mut connection.pong_timeout,
        written.pong_seconds.map(Whole::seconds),
    );
    set(
        &mut connection.close_timeout,
        written.close_seconds.map(Whole::seconds),
    );
    config
}
