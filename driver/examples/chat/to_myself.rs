//! Sends many messages to itself, and wants each one back as it was, once and in order. Says when a session is lost, and stops there.

mod account;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use xmpp_web_driver::client::{Client, Event, Network, SendError};
use xmpp_wire::{Element, ns};

use account::{Account, Result, exit};

/// Messages that are under way at most.
const UNDER_WAY: u32 = 40;
/// How long a WebSocket may be silent, and then how long the answer to a ping may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a request over BOSH is held: its answer is missed after 5 s more.
const WAIT: Duration = Duration::from_secs(3);

pub(crate) async fn run(network: impl Network) -> ExitCode {
    exit(work(network).await)
}

async fn work(network: impl Network) -> Result<()> {
    let (account, others) = Account::from_arguments(&["COUNT"])?;
    let count = others.concat().parse()?;
    let started = Instant::now();
    let mut client = account
        .connect(network, |settings| {
            settings.websocket.connection.ping_interval = Some(PATIENCE);
            settings.websocket.connection.pong_timeout = PATIENCE;
            settings.bosh.wait = WAIT;
        })
        .await?;
    let Some(Event::Opened(opened)) = client.next().await else {
        return Err("the session is gone".into());
    };
    let jid = account.sign_in(&mut client, &opened).await?;
    println!("{jid} is signed in at {}", opened.url);
    exchange(&mut client, &jid, count).await?;
    let closed = client.close().await.ok_or("the client was closed before")?;
    println!(
        "{count} messages came back in {:.1} s, in one session; {} undelivered",
        started.elapsed().as_secs_f32(),
        closed.undelivered.len()
    );
    Ok(())
}

async fn exchange(client: &mut Client, jid: &str, count: u32) -> Result<()> {
    let (mut sent, mut received) = (0, 0);
    while received < count {
        while sent < count && sent - received < UNDER_WAY {
            match client.try_send(message(jid, sent)) {
                Ok(()) => sent += 1,
                // What comes next says when there is room, or what became of the session.
                Err(SendError::Full(_) | SendError::Closed(_)) => break,
                Err(error) => return Err(error.to_string().into()),
            }
        }
        match client.next().await {
            Some(Event::Element(element)) if element.is("message", ns::CLIENT) => {
                let body = element.child("body", ns::CLIENT).map(|body| body.text());
                if body.as_deref() != Some(&text(received)) {
                    return Err(format!("message {received} came back as {body:?}").into());
                }
                received += 1;
                if received % 100 == 0 {
                    println!("{received} came back");
                }
            }
            Some(Event::Element(_)) => {}
            Some(Event::Lost(lost)) => {
                println!("lost: {}", lost.error);
                return Err(format!(
                    "{sent} sent, {received} came back, {} not delivered",
                    lost.undelivered.len()
                )
                .into());
            }
            other => return Err(format!("{other:?}").into()),
        }
    }
    Ok(())
}

fn message(to: &str, number: u32) -> Element {
    let body = Element::build("body", ns::CLIENT).text(&text(number));
    let message = Element::build("message", ns::CLIENT).attribute("to", to);
    message.child(body.finish()).finish()
}

/// No two alike, with what is easily broken on the way.
fn text(number: u32) -> String {
    format!("{number}: <b a='1'>&amp; \"]]>\" 漢字 👩‍👩‍👧‍👦 é")
}
