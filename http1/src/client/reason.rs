//! Which rule ended a client's connection.

xmpp_machine::reasons! {
    /// The rule that a server broke, or the deadline that it missed. Behind a breach nothing can be
    /// trusted: the connection was dropped.
    pub enum Reason {
        /// Bytes came that answer no request.
        ///
        /// To do: report it to the server's authors.
        Unsolicited = "unsolicited",
        /// An answer did not begin with the head of an HTTP/1.0 or HTTP/1.1 response.
        ///
        /// To do: check the URL's scheme and port: something else listens there.
        HeadMalformed = "head-malformed",
        /// An answer's head, or the trailers of a chunked body, were longer than this client reads.
        ///
        /// To do: look for a proxy that adds large fields.
        HeadTooLong = "head-too-long",
        /// The length of an answer's body was contradictory, or no number (RFC 9112 §6.3).
        ///
        /// To do: look for a proxy that rewrites answers.
        LengthAmbiguous = "length-ambiguous",
        /// An answer had a transfer coding other than `chunked`.
        ///
        /// To do: report it to the server's authors.
        CodingUnsupported = "coding-unsupported",
        /// Chunks of an answer were none (RFC 9112 §7.1).
        ///
        /// To do: look for a proxy that rewrites answers.
        ChunkMalformed = "chunk-malformed",
        /// An answer's body was longer than this client reads (`body_bytes`).
        ///
        /// To do: raise the limit if the server is yours.
        BodyTooLong = "body-too-long",
        /// There was no end of interim answers (1xx).
        ///
        /// To do: report it to the server's authors.
        TooManyInterim = "too-many-interim",
        /// The server changed the protocol unasked, or before the request had left.
        ///
        /// To do: report it to the server's authors.
        UpgradeUnasked = "upgrade-unasked",
        /// No answer began within `head_timeout`.
        ///
        /// To do: look whether the server is overloaded, or a proxy holds its answers.
        HeadTimeout = "head-timeout",
        /// An answer's body was not complete within `body_timeout`.
        ///
        /// To do: look whether the network or the server is overloaded.
        BodyTimeout = "body-timeout",
        /// The server took none of a request's bytes for `write_timeout`.
        ///
        /// To do: look whether the network or the server is overloaded.
        WriteTimeout = "write-timeout",
    }
}
