//! Sends one message, and goes.

mod account;

use std::process::ExitCode;

use xmpp_web_driver::client::{Event, Network};
use xmpp_wire::{Element, ns};

use account::{Account, Result, exit};

pub(crate) async fn run(network: impl Network) -> ExitCode {
    exit(work(network).await)
}

async fn work(network: impl Network) -> Result<()> {
    let (account, others) = Account::from_arguments(&["TO", "TEXT"])?;
    let [to, text] = others.as_slice() else {
        return Err("two more arguments are wanted".into());
    };
    let mut client = account.connect(network, |_| {}).await?;
    let Some(Event::Opened(opened)) = client.next().await else {
        return Err("the session is gone".into());
    };
    let jid = account.sign_in(&mut client, &opened).await?;
    let body = Element::build("body", ns::CLIENT).text(text).finish();
    let message = Element::build("message", ns::CLIENT)
        .attribute("to", to)
        .attribute("type", "chat");
    client.send(message.child(body).finish()).await?;
    println!("{jid} has sent it by way of {}", opened.url);
    let closed = client.close().await.ok_or("the client was closed before")?;
    if !closed.undelivered.is_empty() {
        return Err(format!("{}: not delivered", closed.cause).into());
    }
    Ok(())
}
