//! One GET: a document about endpoints.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use xmpp_endpoints::{Url, planner::Fetched};
use xmpp_http1::client::{Cause, Config, Connection, Event, Reason, Request};

use super::{
    Error,
    network::{BoxStream, Network},
};
use crate::{Pump, Step, ended::in_brackets};

/// Fetches a document; redirects are the planner's. A body larger than `most` comes as one that is one byte too large.
pub(super) async fn get<N: Network>(
    stream: BoxStream,
    url: &Url,
    accept: &'static str,
    most: usize,
    network: N,
) -> Result<Fetched, Error> {
    let mut config = Config::default();
    config.limits.body_bytes = most;
    // The planner gives up before that.
    config.head_timeout = Duration::from_secs(30);
    let request = Request::new("GET", url.target().to_owned(), url.authority())
        .with_field("Accept", accept)
        .with_field("Accept-Encoding", "identity");
    let now = network.now();
    let mut machine = Connection::new(Arc::new(config), now);
    if let Err(refused) = machine.send(request, now) {
        return Err(Error::NotXmpp(refused.to_string()));
    }
    let mut pump = Pump::new(machine, stream, BytesMut::new(), network);
    let lost = || Error::Lost("before the document was there".to_owned());
    match pump.next().await {
        Some(Step::Event(Event::Response(response))) => {
            let field = |name| {
                let value = response.head.field(name)?;
                Some(String::from_utf8_lossy(value).into_owned())
            };
            Ok(Fetched {
                status: response.head.status(),
                content_type: field("content-type"),
                location: field("location"),
                body: response.body,
            })
        }
        Some(Step::Event(Event::Closed(closed))) => match closed.cause {
            Cause::Fault if closed.reason == Some(Reason::BodyTooLong) => Ok(Fetched {
                status: 200,
                content_type: None,
                location: None,
                body: vec![0; most + 1].into(),
            }),
            Cause::Fault => Err(Error::NotXmpp(format!(
                "the answer is no HTTP/1.1{}",
                in_brackets(&closed.reason)
            ))),
            Cause::Timeout => Err(Error::TimedOut),
            Cause::Ours | Cause::Peer | Cause::Network | _ => Err(lost()),
        },
        Some(Step::Handover(_)) | None => Err(lost()),
    }
}
