//! BOSH sessions: one task each, from the creation request to the end.

use std::{sync::Arc, time::Instant};

use tokio::sync::Mutex;
use xmpp_web_tokio::{
    Tokio,
    driver::{
        bosh::{Channel, Session, Sessions},
        relay::{Decision, serve_bosh},
    },
};
use xmpp_wire::StreamError;

use super::{gate::Gate, reports::Cause, shares::Peer, upstream::Upstream};
use crate::logging::Untrusted;

/// Serves every session that clients open, until the process goes down.
pub(crate) async fn serve(sessions: Arc<Mutex<Sessions<Tokio>>>, gate: Gate) {
    let mut sessions = sessions.lock().await;
    let mut shutdown = gate.shutdown.signal();
    loop {
        let session = tokio::select! {
            session = sessions.next() => session,
            () = &mut shutdown => return,
        };
        let Some(session) = session else {
            return;
        };
        tokio::spawn(serve_one(session, gate.clone()));
    }
}

async fn serve_one(session: Session<Tokio>, gate: Gate) {
    let key = session.key();
    let opening = session.opening();
    let protected = match opening.channel {
        Channel::Tls => true,
        Channel::Plain => false,
    };
    let peer = opening.address.map_or(Peer::Proxy, Peer::Client);
    let started = Instant::now();
    // Addresses have a rate of their own over BOSH, which slows down first (B-R-133).
    let permit = match gate.admission.session(peer, Peer::Proxy, started) {
        Ok(permit) => permit,
        Err(denied) => {
            gate.reports
                .note(Cause::new(denied.cause()), opening.address);
            let decision = Decision::<Upstream>::Refuse(StreamError::new("policy-violation"));
            let shutdown = gate.shutdown.signal();
            serve_bosh(session, decision, shutdown, gate.runtime.clone()).await;
            return;
        }
    };
    let decision = gate.decide(&opening.header, opening.address, protected, None, &permit);
    let domain = Untrusted::domain(&opening.header);
    let source = opening
        .address
        .map_or_else(|| "unknown".to_owned(), |source| source.to_string());
    tracing::info!(transport = "bosh", session = ?key, %domain, %source, ?decision, "session opened");
    let ended = serve_bosh(
        session,
        decision,
        gate.shutdown.signal(),
        gate.runtime.clone(),
    )
    .await;
    tracing::info!(transport = "bosh", session = ?key, %domain, duration = ?started.elapsed(), cause = %Untrusted::new(&ended.to_string()), "session closed");
}
