//! Sends every message back to who sent it, through losses of the connection.

mod account;

use std::process::ExitCode;

use xmpp_web_driver::client::{Event, Network};
use xmpp_wire::{Element, ns};

use account::{Account, Result, exit};

pub(crate) async fn run(network: impl Network) -> ExitCode {
    exit(work(network).await)
}

async fn work(network: impl Network) -> Result<()> {
    let (account, _) = Account::from_arguments(&[])?;
    let mut client = account.connect(network, |_| {}).await?;
    while let Some(event) = client.next().await {
        match event {
            // The first session, and each one after a loss.
            Event::Opened(opened) => {
                let jid = account.sign_in(&mut client, &opened).await?;
                client
                    .send(Element::build("presence", ns::CLIENT).finish())
                    .await?;
                println!("{jid} listens at {}", opened.url);
            }
            Event::Element(message) => {
                if let Some(answer) = answer(&message) {
                    client.send(answer).await?;
                }
            }
            Event::Lost(lost) => {
                // Answers are not worth more than one try; a client for people would keep them.
                println!(
                    "{}; {} answers are lost",
                    lost.error,
                    lost.undelivered.len()
                );
            }
            Event::Unreachable(failed, delay) => println!("{failed}; again in {delay:.1?}"),
            Event::Closed(closed) => println!("{}", closed.cause),
            Event::Restarted | _ => {}
        }
    }
    Ok(())
}

fn answer(message: &Element) -> Option<Element> {
    let is_chat =
        message.is("message", ns::CLIENT) && message.attribute("type").as_deref() != Some("error");
    let from = message.attribute("from").filter(|_| is_chat)?;
    // To the bare address: the session that sent the message may be over.
    let to = from.split('/').next()?;
    let body = message.child("body", ns::CLIENT)?.text();
    let echo = Element::build("message", ns::CLIENT)
        .attribute("to", to)
        .attribute("type", "chat");
    let text = Element::build("body", ns::CLIENT).text(&body).finish();
    Some(echo.child(text).finish())
}
