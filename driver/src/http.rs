//! HTTP connections that carry BOSH exchanges, pages and upgrades.

use std::io;

use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};
use xmpp_http1::{
    Response,
    server::{Config, Request, RequestId},
};

use crate::{Runtime, bosh::Hub};

/// An accepted connection. While it is asked for the next request it also writes answers, and drives the exchanges in flight.
#[derive(Debug)]
pub struct Connection<S, R> {
    io: S,
    runtime: R,
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Runtime> Connection<S, R> {
    /// A connection accepted now.
    pub fn new(_io: S, _config: std::sync::Arc<Config>, _runtime: R) -> Self {
        todo!()
    }
    /// The next request; `None` when the connection is over. Cancel-safe.
    pub async fn next(&mut self) -> Option<Request> {
        todo!()
    }
    /// Answers one at once.
    pub fn respond(&mut self, _id: RequestId, _response: Response) {
        todo!()
    }
    /// Answers one with what the hub says; `dress` makes the HTTP response of it. The hub hears when the bytes left, or that the client is gone.
    pub fn exchange(
        &mut self,
        _id: RequestId,
        _hub: &Hub<R>,
        _request: bosh_proto::Request,
        _dress: impl FnOnce(bosh_proto::Response) -> Response + Send + 'static,
    ) {
        todo!()
    }
    /// Answers with a 101 and gives the stream away, with the bytes that were already read.
    pub async fn upgrade(self, _id: RequestId, _response: Response) -> io::Result<(S, BytesMut)> {
        todo!()
    }
    /// Reads no more requests; what is owed still leaves (`next` until `None`).
    pub fn close(&mut self) {
        todo!()
    }
}
