//! BOSH sessions: one task each, from the creation request to the end.

use std::time::Instant;

use xmpp_web_tokio::{
    Tokio,
    driver::{
        bosh::{Channel, Session, Sessions},
        relay::serve_bosh,
    },
};

use super::gate::Gate;
use crate::logging::Untrusted;

/// Serves every session that clients open, until the hub is gone.
pub(crate) async fn serve(mut sessions: Sessions<Tokio>, gate: Gate) {
    while let Some(session) = sessions.next().await {
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
    let decision = gate.decide(&opening.header, opening.source, protected, None);
    let domain = Untrusted::domain(&opening.header);
    let source = opening.source;
    let started = Instant::now();
    tracing::info!(transport = "bosh", session = ?key, %domain, ?source, ?decision, "session opened");
    let ended = serve_bosh(
        session,
        decision,
        gate.shutdown.signal(),
        gate.runtime.clone(),
    )
    .await;
    tracing::info!(transport = "bosh", session = ?key, %domain, duration = ?started.elapsed(), cause = %ended, "session closed");
}
