//! A WebSocket on a stream of HTTP/2 (RFC 8441), as functions from one head to the other. The HTTP/2 stack is someone else's: it says
//! [`SETTINGS_ENABLE_CONNECT_PROTOCOL`] before it lets a request through to here, and gives the stream's bytes to a
//! [`Connection`](crate::Connection), masks and all. END_STREAM is `handle_eof`.
//!
//! ```
//! use ws_framing::{Connection, Instant, connection, handshake::{client, extended_connect::{Request, accept, fields, judge}, server}};
//!
//! let endpoint = client::Endpoint::parse("wss://chat.example/ws")?;
//! let wanted = client::Config::default();
//! let sent = fields(&endpoint, &wanted);
//! assert_eq!(sent[..2], [(":method".into(), "CONNECT".into()), (":protocol".into(), "websocket".into())]);
//!
//! let accepted = accept(&Request::new(&sent), &server::Config::default()).expect("a good request");
//! assert_eq!(accepted.response.status, 200);
//! let server = Connection::server(connection::Config::default(), Instant::now());
//!
//! let upgraded = judge(accepted.response.status, &accepted.response.fields, &wanted)?;
//! assert_eq!(upgraded.subprotocol.as_deref(), Some("xmpp"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use xmpp_http1::{RequestHead, Response, Version};

use super::{
    client::{self, Endpoint, Refused, Upgraded},
    server::{self, Accepted, Rejected},
};

/// The setting, and the value, that a server sends before it takes extended CONNECT (RFC 8441 §3).
pub const SETTINGS_ENABLE_CONNECT_PROTOCOL: (u16, u32) = (0x8, 1);

/// A request's pseudo-header fields and fields, as a list of names and values.
#[derive(Clone, Debug)]
pub struct Request {
    method: Option<String>,
    protocol: Option<String>,
    scheme: Option<String>,
    authority: Option<String>,
    path: Option<String>,
    /// The others; one that HTTP/2 does not have is refused.
    fields: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// From names, which are lower case in HTTP/2, and values.
    pub fn new<N: AsRef<str>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Self {
        let mut request = Self {
            method: None,
            protocol: None,
            scheme: None,
            authority: None,
            path: None,
            fields: Vec::new(),
        };
        for (name, value) in fields {
            let (name, value) = (name.as_ref(), value.as_ref());
            let pseudo = match name {
                ":method" => &mut request.method,
                ":protocol" => &mut request.protocol,
                ":scheme" => &mut request.scheme,
                ":authority" => &mut request.authority,
                ":path" => &mut request.path,
                _ => {
                    request.fields.push((name.to_owned(), value.to_vec()));
                    continue;
                }
            };
            *pseudo = std::str::from_utf8(value).ok().map(str::to_owned);
        }
        request
    }
}

/// Judges an extended CONNECT. Success is a 200 with the fields of `Accepted::response`; there is no key, and nothing behind the head (W-R-082).
///
/// # Errors
///
/// The answer for what RFC 8441 §4 and RFC 6455 §4.2.1 refuse, or the configuration; also for a CONNECT to elsewhere, which is no WebSocket
/// and is not tunnelled.
pub fn accept(request: &Request, config: &server::Config) -> Result<Accepted, Box<Rejected>> {
    if request.method.as_deref() != Some("CONNECT") {
        return Err(Rejected::new(405, "only CONNECT opens a WebSocket"));
    }
    match request.protocol.as_deref() {
        Some("websocket") => {}
        // RFC 9220 §3.
        Some(_) => return Err(Rejected::new(501, "a protocol that is not WebSocket")),
        None => return Err(Rejected::new(400, "CONNECT without :protocol")),
    }
    if !matches!(request.scheme.as_deref(), Some("http" | "https")) {
        return Err(Rejected::new(400, ":scheme is neither http nor https"));
    }
    let Some(path) = request.path.as_deref().filter(|path| path.starts_with('/')) else {
        return Err(Rejected::new(400, ":path is no path"));
    };
    let mut head = RequestHead::new("GET", path, Version::Http11);
    if let Some(authority) = &request.authority {
        head = head.with_field("host", authority);
    }
    for (name, value) in &request.fields {
        match name.as_str() {
            // RFC 9113 §8.2.2.
            "connection" | "upgrade" | "transfer-encoding" | "keep-alive" | "proxy-connection" => {
                return Err(Rejected::new(400, "a field that HTTP/2 does not have"));
            }
            // RFC 8441 §5: superseded; `:authority` is the host.
            "host" | "sec-websocket-key" | "sec-websocket-accept" => {}
            _ => head = head.with_field(name, value),
        }
    }
    server::check_host(&head, config)?;
    server::check_version(&head)?;
    let agreement = server::judge_fields(&head, config)?;
    Ok(agreement.accepted(Response::new(200)))
}

/// A client's request, in order. It may be sent where the server has said [`SETTINGS_ENABLE_CONNECT_PROTOCOL`].
pub fn fields(endpoint: &Endpoint, config: &client::Config) -> Vec<(String, String)> {
    let scheme = if endpoint.is_secure() {
        "https"
    } else {
        "http"
    };
    let pseudo = [
        (":method", "CONNECT".to_owned()),
        (":protocol", "websocket".to_owned()),
        (":scheme", scheme.to_owned()),
        (":path", endpoint.target().to_owned()),
        (":authority", endpoint.authority()),
        ("sec-websocket-version", "13".to_owned()),
    ];
    pseudo
        .into_iter()
        .chain(config.fields())
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect()
}

/// Judges the response: any 2xx is a WebSocket on this stream (RFC 8441 §4).
///
/// # Errors
///
/// It is none: reset the stream.
pub fn judge<N: AsRef<str>, V: AsRef<str>>(
    status: u16,
    fields: &[(N, V)],
    config: &client::Config,
) -> Result<Upgraded, Refused> {
    let values = |wanted: &'static str| {
        fields
            .iter()
            .filter(move |(name, _)| name.as_ref().eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.as_ref())
    };
    if !(200..300).contains(&status) {
        return Err(Refused::Status {
            status,
            location: values("location").next().map(str::to_owned),
        });
    }
    let protocols: Vec<&str> = values("sec-websocket-protocol").collect();
    let extensions = values("sec-websocket-extensions").map(str::as_bytes);
    client::agreed(config, extensions, &protocols)
}
