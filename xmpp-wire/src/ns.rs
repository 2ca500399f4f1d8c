//! Namespaces of XMPP that more than one member needs.

/// Stanzas between a client and its server (RFC 6120 §4.8.2).
pub const CLIENT: &str = "jabber:client";
/// Stanzas between servers; refused on a client's stream (RFC 6120 §4.8.3).
pub const SERVER: &str = "jabber:server";
/// `<stream:stream>`, `<stream:features>`, `<stream:error>` (RFC 6120 §4.8.1).
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// Conditions inside `<stream:error>` (RFC 6120 §4.9.2).
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Conditions inside a stanza's `<error>` (RFC 6120 §8.3.2).
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// STARTTLS (RFC 6120 §5).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL (RFC 6120 §6).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// The namespace of SASL2 (XEP-0388).
pub const SASL2: &str = "urn:xmpp:sasl:2";
/// The list of channel bindings (XEP-0440).
pub const SASL_CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
/// Resource binding (RFC 6120 §7).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// Bind 2 (XEP-0386).
pub const BIND2: &str = "urn:xmpp:bind:0";
/// Session establishment of RFC 3921, a no-op since RFC 6121.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Stream management (XEP-0198).
pub const SM: &str = "urn:xmpp:sm:3";
/// The stream compression feature (XEP-0138).
pub const COMPRESS_FEATURE: &str = "http://jabber.org/features/compress";
/// Stream compression negotiation (XEP-0138).
pub const COMPRESS: &str = "http://jabber.org/protocol/compress";
/// Stream limits (XEP-0478).
pub const STREAM_LIMITS: &str = "urn:xmpp:stream-limits:0";
/// The BOSH wrapper `<body/>` (XEP-0124).
pub const HTTPBIND: &str = "http://jabber.org/protocol/httpbind";
/// The XMPP attributes of the BOSH wrapper (XEP-0206).
pub const XBOSH: &str = "urn:xmpp:xbosh";
/// `<open/>` and `<close/>` over WebSocket (RFC 7395).
pub const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
/// Application errors that the XEPs define, such as `stanza-too-big`.
pub const ERRORS: &str = "urn:xmpp:errors";
/// The prefix `xml`, bound by definition (Namespaces in XML §3).
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The prefix `xmlns`, bound by definition (Namespaces in XML §3).
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
/// In front of an undeclared prefix: the namespace that such a prefix of a server's is given.
pub const UNDECLARED: &str = "urn:xmpp-web:undeclared:";
/// The child of a request whose own content was dropped on the way from the server.
pub const REMOVED: &str = "urn:xmpp-web:removed";
