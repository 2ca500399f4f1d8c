//! Shows everything that a client hears.

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
        if let Event::Opened(opened) = event {
            println!("session {} at {}", opened.session, opened.url);
            println!("{}", account.sign_in(&mut client, &opened).await?);
            let presence = Element::build("presence", ns::CLIENT).finish();
            client.send(presence).await?;
        } else if let Event::Element(element) = event {
            println!("{}", String::from_utf8_lossy(element.raw()));
        } else {
            println!("{event:?}");
        }
    }
    Ok(())
}
