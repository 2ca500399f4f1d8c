//! A small XMPP server: lets everybody sign in, and sends every message back.

use std::{error::Error, sync::atomic::AtomicU64, sync::atomic::Ordering::Relaxed};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use xmpp_web_driver::{
    Runtime,
    server::{Event, SendError, Server, Session},
};
use xmpp_wire::{Element, StreamHeader, ns};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

pub(crate) async fn run<R: Runtime>(mut server: Server<R>, runtime: R) {
    while let Some(opening) = server.next().await {
        println!("{:?}", opening.asked());
        let session = opening.accept(StreamHeader::default());
        runtime.spawn(async move {
            match serve(session).await {
                Ok(ending) => println!("{ending}"),
                Err(error) => println!("{error}"),
            }
        });
    }
}

async fn serve(mut session: Session) -> Result<String> {
    let domain = session.asked().header.to.clone().ok_or("no domain")?;
    let mut user = None;
    let mut jid = String::new();
    session.send(mechanisms()).await?;
    while let Some(event) = session.next().await {
        let element = match event {
            Event::Element(element) => element,
            Event::Restarted(_) if user.is_some() => {
                let bind = Element::build("bind", ns::BIND).finish();
                let features = Element::build("features", ns::STREAM);
                session.send(features.child(bind).finish()).await?;
                continue;
            }
            Event::Restarted(_) => mechanisms(),
            Event::Closed(closed) => return Ok(format!("{jid}: {}", closed.cause)),
            _ => continue,
        };
        let answer = if element.is("auth", ns::SASL) {
            user = Some(name(&element)?);
            Element::build("success", ns::SASL).finish()
        } else if element.is("iq", ns::CLIENT) {
            let user = user.as_deref().ok_or("not signed in")?;
            iq(&element, user, &domain, &mut jid)
        } else if element.is("message", ns::CLIENT) && !jid.is_empty() {
            let to = element.attribute("to").unwrap_or_default();
            element
                .with_attribute("from", &to)
                .with_attribute("to", &jid)
        } else {
            continue;
        };
        // Where the stream has ended meanwhile, `Closed` follows.
        if let Err(refused @ SendError::Forbidden(_)) = session.send(answer).await {
            return Err(refused.into());
        }
    }
    Ok(jid)
}

fn mechanisms() -> Element {
    let mechanism = |name| Element::build("mechanism", ns::SASL).text(name).finish();
    let mechanisms = Element::build("mechanisms", ns::SASL)
        .child(mechanism("PLAIN"))
        .child(mechanism("ANONYMOUS"));
    Element::build("features", ns::STREAM)
        .child(mechanisms.finish())
        .finish()
}

/// Who signs in: the second of PLAIN's three parts, or anybody.
fn name(auth: &Element) -> Result<String> {
    static GUESTS: AtomicU64 = AtomicU64::new(1);
    if auth.attribute("mechanism").as_deref() == Some("PLAIN") {
        let parts = String::from_utf8(
            STANDARD
                .decode(auth.text())
                .map_err(|error| error.to_string())?,
        )?;
        return Ok(parts.split('\0').nth(1).ok_or("no user")?.to_owned());
    }
    Ok(format!("guest-{}", GUESTS.fetch_add(1, Relaxed)))
}

/// Binds a resource; everything else is not there.
fn iq(iq: &Element, user: &str, domain: &str, jid: &mut String) -> Element {
    let id = iq.attribute("id");
    let answer = |kind| {
        let answer = Element::build("iq", ns::CLIENT).attribute("type", kind);
        answer.attribute_if("id", id.as_deref())
    };
    let Some(bind) = iq.child("bind", ns::BIND) else {
        let condition = Element::build("service-unavailable", ns::STANZA_ERRORS).finish();
        let error = Element::build("error", ns::CLIENT).attribute("type", "cancel");
        return answer("error")
            .child(error.child(condition).finish())
            .finish();
    };
    let resource = bind.child("resource", ns::BIND).map(|r| r.text());
    *jid = format!("{user}@{domain}/{}", resource.as_deref().unwrap_or("web"));
    println!("{jid} is here");
    let full = Element::build("jid", ns::BIND).text(jid).finish();
    let bound = Element::build("bind", ns::BIND).child(full).finish();
    answer("result").child(bound).finish()
}
