//! How a session ended, for the application.

use bosh_proto::server as bosh;
use ws_framing::connection;
use xmpp_stream::session;
use xmpp_wire::StreamError;

use super::{Cause, Closed, Error};
use crate::accepted::End;

/// Who began to end a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Ours,
    Client,
}

impl Closed {
    /// From the transport's words; `first` began the end, if anybody did.
    pub(super) fn new(closed: session::Closed<End>, first: Option<Side>) -> Self {
        let cause = match closed.how {
            End::WebSocket(how) => match (first, how.error, how.connection.cause) {
                (Some(Side::Ours), _, connection::Cause::Ours | connection::Cause::Peer) => {
                    Cause::Ours
                }
                (Some(Side::Client) | None, Some(error), _) => {
                    Cause::Lost(Error::Stream(Box::new(error)))
                }
                (Some(Side::Client), None, _) if closed.clean => Cause::Client,
                _ => Cause::Lost(Error::WebSocket(Box::new(how.connection))),
            },
            End::Bosh(how) => match how.cause {
                bosh::Cause::Ours | bosh::Cause::Shutdown => Cause::Ours,
                bosh::Cause::Terminated => Cause::Client,
                bosh::Cause::NotAuthorized => {
                    let error = StreamError::new("not-authorized");
                    Cause::Lost(Error::Stream(Box::new(error)))
                }
                cause @ (bosh::Cause::Fault(_)
                | bosh::Cause::AuthTimeout
                | bosh::Cause::Inactive
                | _) => Cause::Lost(Error::Bosh(cause, how.reason)),
            },
        };
        Self {
            cause,
            undelivered: closed.undelivered,
        }
    }
}
