//! The program of the client's page: signs in, sends a message, and prints the answer.

use std::error::Error;

use xmpp_web_smol::client::{self, Event};
use xmpp_wire::{Element, ns};

fn main() -> Result<(), Box<dyn Error>> {
    smol::block_on(hello())
}

async fn hello() -> Result<(), Box<dyn Error>> {
    let mut builder = client::builder("localhost")?;
    // Without a URL the domain's host-meta says where to go.
    if let Some(url) = std::env::args().nth(1) {
        builder = builder.endpoint(&url)?;
    }
    let mut client = builder.connect().await?;
    while let Some(event) = client.next().await {
        let next = match event {
            Event::Opened(_) => Element::build("auth", ns::SASL)
                .attribute("mechanism", "ANONYMOUS")
                .text("=")
                .finish(),
            // After the success of SASL the client restarts the stream by itself; these are the
            // features of the new one.
            Event::Element(features) if features.is("features", ns::STREAM) => {
                Element::build("iq", ns::CLIENT)
                    .attribute("type", "set")
                    .attribute("id", "bind")
                    .child(Element::build("bind", ns::BIND).finish())
                    .finish()
            }
            Event::Element(bound) if bound.is("iq", ns::CLIENT) => {
                let body = Element::build("body", ns::CLIENT).text("a lantern");
                Element::build("message", ns::CLIENT)
                    .child(body.finish())
                    .finish()
            }
            Event::Element(message) if message.is("message", ns::CLIENT) => {
                let body = message.child("body", ns::CLIENT).ok_or("no body")?;
                println!("{}", body.text());
                break;
            }
            Event::Element(failure) if failure.is("failure", ns::SASL) => {
                return Err("the server lets nobody in".into());
            }
            Event::Lost(lost) => return Err(lost.error.into()),
            Event::Closed(closed) => return Err(closed.cause.into()),
            Event::Element(_) | Event::Restarted | Event::Unreachable(..) | _ => continue,
        };
        client.send(next).await?;
    }
    client.close().await;
    Ok(())
}
