//! The program of the crate's first page: a server that lets everybody sign in and sends every
//! message back, over either transport.

use xmpp_web_smol::server::{self, Event, Session};
use xmpp_wire::{Element, StreamHeader, ns};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:5280").parse()?;
    smol::block_on(async {
        let mut server = server::bind(address).await?;
        while let Some(opening) = server.next().await {
            println!("{:?}", opening.asked());
            smol::spawn(echo(opening.accept(StreamHeader::default()))).detach();
        }
        Ok(())
    })
}

/// Lets the client sign in by SASL ANONYMOUS and bind a resource, then sends back its messages.
async fn echo(mut session: Session) -> Result<(), server::SendError<Element>> {
    let mechanism = Element::build("mechanism", ns::SASL).text("ANONYMOUS");
    let mechanisms = Element::build("mechanisms", ns::SASL).child(mechanism.finish());
    session.send(features(mechanisms.finish())).await?;
    while let Some(event) = session.next().await {
        let answer = match event {
            // Nothing but signing in comes before this.
            Event::Element(auth) if auth.is("auth", ns::SASL) => {
                Element::build("success", ns::SASL).finish()
            }
            // The client starts over, as RFC 6120 wants it.
            Event::Restarted(_) => features(Element::build("bind", ns::BIND).finish()),
            Event::Element(iq) if iq.is("iq", ns::CLIENT) => bound(&iq),
            Event::Element(message) if message.is("message", ns::CLIENT) => message,
            Event::Closed(closed) => {
                println!("{}", closed.cause);
                continue;
            }
            Event::Element(_) | _ => continue,
        };
        session.send(answer).await?;
    }
    Ok(())
}

fn features(feature: Element) -> Element {
    Element::build("features", ns::STREAM)
        .child(feature)
        .finish()
}

fn bound(iq: &Element) -> Element {
    let jid = Element::build("jid", ns::BIND).text("guest@localhost/web");
    let bind = Element::build("bind", ns::BIND).child(jid.finish());
    Element::build("iq", ns::CLIENT)
        .attribute("type", "result")
        .attribute_if("id", iq.attribute("id").as_deref())
        .child(bind.finish())
        .finish()
}
