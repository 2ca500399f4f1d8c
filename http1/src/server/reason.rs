//! Which rule ended a server's connection. What the client is told of it is a status, which many
//! reasons share.

xmpp_machine::reasons! {
    /// The rule that a client broke, or the deadline that it missed.
    pub enum Reason {
        /// What came does not begin as a request does: TLS, or another protocol.
        ///
        /// To do: nothing if it is a scanner; otherwise look for a proxy or client that speaks TLS
        /// to a plain port.
        NotHttp = "not-http",
        /// There were more empty lines before a request than some clients are known to send, or
        /// half a line end.
        ///
        /// To do: report it to the client's authors.
        EmptyLines = "empty-lines",
        /// A start line was longer than `start_line_bytes`.
        ///
        /// To do: nothing; raise the limit if a client that you trust needs more.
        StartLineTooLong = "start-line-too-long",
        /// A head was longer than `head_bytes`.
        ///
        /// To do: raise the limit if users have large cookies; otherwise nothing.
        HeadTooLong = "head-too-long",
        /// A head had more field lines than `fields`.
        ///
        /// To do: nothing; raise the limit if a proxy that you trust adds that many.
        TooManyFields = "too-many-fields",
        /// A line ended without a carriage return.
        ///
        /// To do: report it to the client's authors.
        BareLineFeed = "bare-line-feed",
        /// A head was no HTTP/1.1 request's: its method, a field's name or a value.
        ///
        /// To do: report it to the client's authors.
        HeadMalformed = "head-malformed",
        /// The protocol's version was neither HTTP/1.0 nor HTTP/1.1.
        ///
        /// To do: look for a proxy that speaks HTTP/2 without having agreed on it.
        VersionUnsupported = "version-unsupported",
        /// A request target was none, or not of the form that goes with its method.
        ///
        /// To do: nothing if it is a scanner; otherwise report it to the client's authors.
        TargetMalformed = "target-malformed",
        /// A client asked for a tunnel (CONNECT).
        ///
        /// To do: nothing: this is no proxy.
        TunnelRefused = "tunnel-refused",
        /// A `Host` field was missing, came twice, or named no host.
        ///
        /// To do: look for a proxy that rewrites it; otherwise report it to the client's authors.
        HostMalformed = "host-malformed",
        /// A body's length was given twice or in two ways, which is how requests are smuggled (RFC
        /// 9112 §6.3).
        ///
        /// To do: look who sends it: no known client does.
        LengthAmbiguous = "length-ambiguous",
        /// A `Content-Length` was no number.
        ///
        /// To do: report it to the client's authors.
        LengthMalformed = "length-malformed",
        /// A body was longer than `body_bytes`.
        ///
        /// To do: raise the limit if a client that you trust needs more.
        BodyTooLong = "body-too-long",
        /// A transfer coding was not `chunked`.
        ///
        /// To do: report it to the client's authors.
        CodingUnsupported = "coding-unsupported",
        /// A list of transfer codings did not end with `chunked`, or named it twice.
        ///
        /// To do: report it to the client's authors.
        CodingMalformed = "coding-malformed",
        /// An `Expect` field asked for something else than `100-continue`.
        ///
        /// To do: report it to the client's authors.
        ExpectationUnknown = "expectation-unknown",
        /// Chunks of a body were none (RFC 9112 §7.1).
        ///
        /// To do: report it to the client's authors.
        ChunkMalformed = "chunk-malformed",
        /// The extensions of a chunked body were longer than `head_bytes`.
        ///
        /// To do: nothing.
        ExtensionsTooLong = "extensions-too-long",
        /// The trailers of a chunked body were longer than `head_bytes`, or more than `fields`.
        ///
        /// To do: nothing.
        TrailersTooLong = "trailers-too-long",
        /// The application refused a long body before it was read.
        ///
        /// To do: see the application's own log line.
        BodyRefused = "body-refused",
        /// No request began within `head_timeout` of the connection.
        ///
        /// To do: nothing: browsers open connections that they do not use.
        RequestMissing = "request-missing",
        /// A head was not complete within `head_timeout`.
        ///
        /// To do: nothing; if it is frequent from few addresses, limit their connections.
        HeadTimeout = "head-timeout",
        /// A body was not complete within `body_timeout`.
        ///
        /// To do: nothing; raise the timeout if users have slow uplinks.
        BodyTimeout = "body-timeout",
        /// The client took none of an answer's bytes for `write_timeout`.
        ///
        /// To do: nothing: it was lost, or does not read.
        WriteTimeout = "write-timeout",
    }
}

impl Reason {
    /// The status that the client is answered with.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::NotHttp
            | Self::EmptyLines
            | Self::BareLineFeed
            | Self::HeadMalformed
            | Self::TargetMalformed
            | Self::HostMalformed
            | Self::LengthAmbiguous
            | Self::LengthMalformed
            | Self::CodingMalformed
            | Self::ChunkMalformed
            | Self::ExtensionsTooLong => 400,
            Self::TunnelRefused => 405,
            Self::RequestMissing | Self::HeadTimeout | Self::BodyTimeout | Self::WriteTimeout => {
                408
            }
            Self::BodyTooLong | Self::BodyRefused => 413,
            Self::StartLineTooLong => 414,
            Self::ExpectationUnknown => 417,
            Self::HeadTooLong | Self::TooManyFields | Self::TrailersTooLong => 431,
            Self::CodingUnsupported => 501,
            Self::VersionUnsupported => 505,
        }
    }
}
