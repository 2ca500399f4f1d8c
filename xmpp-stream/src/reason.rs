xmpp_machine::reasons! {
    /// The rule that ended a stream or a relay, or the time that passed.
    ///
    /// ```
    /// use xmpp_stream::Reason;
    ///
    /// assert_eq!(Reason::StartTlsRefused.to_string(), "starttls-refused");
    /// assert!(Reason::ALL.contains(&Reason::RestartNotDue));
    /// ```
    pub enum Reason {
        /// The client opened no stream, or did not restart it after SASL, within the time for its header.
        ///
        /// To do: nothing for single cases, which are scans and lost clients; if many clients are too slow, give them more time to open.
        HeaderTimeout = "header-timeout",
        /// The server sent no stream features within the time for them, which counts from the attempt to connect.
        ///
        /// To do: look at the server's load and its own look-ups; check that address and port are those of its client port.
        FeaturesTimeout = "features-timeout",
        /// STARTTLS was not complete within the time for the stream's features.
        ///
        /// To do: check that the port speaks plain text with STARTTLS, and not TLS from the first byte.
        StartTlsTimeout = "starttls-timeout",
        /// The server answered STARTTLS with something else than `<proceed/>`, or sent no features before it.
        ///
        /// To do: switch TLS on at the server's client port, with a certificate; or configure this upstream without STARTTLS if the network
        /// to it is trusted.
        StartTlsRefused = "starttls-refused",
        /// The connection ended during STARTTLS.
        ///
        /// To do: look for the server's TLS error in its log; its certificate or its TLS versions are the usual cause.
        StartTlsLost = "starttls-lost",
        /// The connection ended without an end tag.
        ///
        /// To do: look whether the peer crashed or was restarted, and for a firewall or proxy that drops idle connections.
        ConnectionLost = "connection-lost",
        /// The peer took none of the bytes that wait for it, for as long as a stalled connection may last.
        ///
        /// To do: look at the peer's load, and for a network that loses packets.
        WriteStalled = "write-stalled",
        /// The peer did not answer our end tag in time.
        ///
        /// To do: nothing.
        EndTagTimeout = "end-tag-timeout",
        /// The root of what the peer sent is not in the namespace of streams.
        ///
        /// To do: check that the peer speaks XMPP at this port.
        HeaderNamespace = "header-namespace",
        /// The root of what the peer sent is in the namespace of streams, and is no `stream`.
        ///
        /// To do: mend the peer.
        HeaderName = "header-name",
        /// The stream is for something else than a client (its default namespace is not `jabber:client`).
        ///
        /// To do: check that the port is the one for clients, and not for servers or components.
        ContentNamespace = "content-namespace",
        /// The stream header is longer, or declares more prefixes, than a header may.
        ///
        /// To do: mend the peer.
        HeaderTooLarge = "header-too-large",
        /// The stream's version is missing or below 1.0.
        ///
        /// To do: update the peer.
        UnsupportedVersion = "unsupported-version",
        /// The peer sent a comment, a processing instruction, a document type or an entity, which XMPP forbids.
        ///
        /// To do: mend the peer.
        RestrictedXml = "restricted-xml",
        /// The peer declared another encoding than UTF-8.
        ///
        /// To do: mend the peer.
        OtherEncoding = "other-encoding",
        /// The peer sent bytes that are not UTF-8.
        ///
        /// To do: mend the peer.
        NotUtf8 = "not-utf8",
        /// The peer sent text between elements of the stream.
        ///
        /// To do: mend the peer.
        TextBetweenElements = "text-between-elements",
        /// An element is longer than the limit for this peer.
        ///
        /// To do: raise the limit if such elements are right, or lower the peer's own.
        ElementTooBig = "element-too-big",
        /// Elements are nested deeper than the limit.
        ///
        /// To do: raise the limit if such elements are right; otherwise treat it as an attack.
        NestedTooDeep = "nested-too-deep",
        /// An element has more attributes than the limit.
        ///
        /// To do: raise the limit if such elements are right; otherwise treat it as an attack.
        TooManyAttributes = "too-many-attributes",
        /// The peer used a namespace prefix that it had not declared, or declared one wrongly.
        ///
        /// To do: mend the peer.
        UndeclaredPrefix = "undeclared-prefix",
        /// The peer sent what is not well-formed XML.
        ///
        /// To do: mend the peer; check that it speaks XMPP at this port.
        NotWellFormed = "not-well-formed",
        /// The client sent an element in no namespace.
        ///
        /// To do: mend the client.
        NoNamespace = "no-namespace",
        /// The client sent a stanza of servers (`jabber:server`).
        ///
        /// To do: mend the client.
        ServerStanza = "server-stanza",
        /// The client asked for STARTTLS inside of a web session, whose TLS is that of its HTTP.
        ///
        /// To do: mend the client.
        StartTlsFromClient = "starttls-from-client",
        /// The client sent an element in the namespace of streams, such as features.
        ///
        /// To do: mend the client.
        StreamElement = "stream-element",
        /// The client sent a stanza with a namespace prefix.
        ///
        /// To do: mend the client.
        PrefixedStanza = "prefixed-stanza",
        /// The client restarted its stream where no success of SASL asked for it.
        ///
        /// To do: mend the client.
        RestartNotDue = "restart-not-due",
        /// The client sent more than may wait for the server's features.
        ///
        /// To do: nothing for single cases; raise the bound on what comes before authentication if right clients need it.
        TooMuchEarly = "too-much-early",
        /// The client tried to sign in too often with wrong credentials.
        ///
        /// To do: nothing if it is an attack; otherwise let the user mend the password.
        TooManyLogins = "too-many-logins",
        /// The server offers no way to authenticate that may be used here.
        ///
        /// To do: let the server offer SCRAM to the gateway, or protect the clients' channel with TLS.
        NoMechanism = "no-mechanism",
    }
}
