//! Who we are, where to go, and how to sign in there: SASL by rsasl, then a resource.

use std::{error::Error, process::ExitCode};

use rsasl::prelude::{Mechname, SASLClient, SASLConfig, Session};
use xmpp_web_driver::client::{Builder, Client, Event, Network, Opened, Settings};
use xmpp_wire::{Element, Name, ns};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the process ends with.
pub(crate) fn exit(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line says.
pub(crate) struct Account {
    /// The part in front of the `@`; none signs in anonymously.
    user: Option<String>,
    domain: String,
    password: String,
    url: Option<String>,
}

impl Account {
    /// Reads `JID PASSWORD`, what `names` names, and `[URL]`.
    pub(crate) fn from_arguments(names: &[&str]) -> Result<(Self, Vec<String>)> {
        let mut given = std::env::args().skip(1);
        let mut next = |name: &str| {
            let usage = format!(
                "usage: JID PASSWORD {} [URL]; {name} is missing. A JID without user signs in anonymously; without URL the domain's \
                 host-meta says where to go",
                names.join(" ")
            );
            given.next().ok_or(usage)
        };
        let (jid, password) = (next("JID")?, next("PASSWORD")?);
        let others: std::result::Result<Vec<String>, String> =
            names.iter().map(|name| next(name)).collect();
        let others = others?;
        let (user, domain) = match jid.split_once('@') {
            Some((user, domain)) => (Some(user.to_owned()), domain.to_owned()),
            None => (None, jid),
        };
        let account = Self {
            user,
            domain,
            password,
            url: given.next(),
        };
        Ok((account, others))
    }

    pub(crate) async fn connect(
        &self,
        network: impl Network,
        change: impl FnOnce(&mut Settings),
    ) -> Result<Client> {
        let mut builder = Builder::new(&self.domain, network)?.configure(change);
        if let Some(url) = &self.url {
            builder = builder.endpoint(url)?;
        }
        Ok(builder.connect().await?)
    }

    /// Signs in to a session that was just opened; gives the full JID.
    pub(crate) async fn sign_in(&self, client: &mut Client, opened: &Opened) -> Result<String> {
        let features = opened
            .features
            .as_ref()
            .ok_or("the server has no features")?;
        self.authenticate(client, features).await?;
        wait(client, "features", ns::STREAM).await?;
        let bind = Element::build("bind", ns::BIND).finish();
        let iq = Element::build("iq", ns::CLIENT)
            .attribute("type", "set")
            .attribute("id", "bind");
        client.send(iq.child(bind).finish()).await?;
        let result = wait(client, "iq", ns::CLIENT).await?;
        let jid = result
            .child("bind", ns::BIND)
            .and_then(|bind| bind.child("jid", ns::BIND))
            .ok_or_else(|| format!("no resource: {result:?}"))?;
        Ok(jid.text())
    }

    async fn authenticate(&self, client: &mut Client, features: &Element) -> Result<()> {
        let offered: Vec<String> = features
            .child("mechanisms", ns::SASL)
            .iter()
            .flat_map(|mechanisms| mechanisms.children())
            .map(|mechanism| mechanism.text())
            .collect();
        let Some(user) = &self.user else {
            client.send(auth("ANONYMOUS", "=")).await?;
            return outcome(&wait_any(client).await?);
        };
        let config = SASLConfig::with_credentials(None, user.clone(), self.password.clone())?;
        let names = offered
            .iter()
            .filter_map(|name| Mechname::parse(name.as_bytes()).ok());
        let mut session = SASLClient::new(config).start_suggested_iter(names)?;
        let mechanism = session.get_mechname().to_string();
        let first = step(&mut session, None)?;
        let first = if first.is_empty() { "=" } else { &first };
        client.send(auth(&mechanism, first)).await?;
        loop {
            let answer = wait_any(client).await?;
            if !answer.is("challenge", ns::SASL) {
                let data = answer.text();
                // What the server proves with its success counts as well.
                if answer.is("success", ns::SASL) && !data.is_empty() {
                    step(&mut session, Some(&data))?;
                }
                return outcome(&answer);
            }
            let response = step(&mut session, Some(&answer.text()))?;
            let response = Element::build("response", ns::SASL).text(&response);
            client.send(response.finish()).await?;
        }
    }
}

fn auth(mechanism: &str, initial: &str) -> Element {
    let auth = Element::build("auth", ns::SASL).attribute("mechanism", mechanism);
    auth.text(initial).finish()
}

fn step(session: &mut Session, input: Option<&str>) -> Result<String> {
    let mut output = Vec::new();
    session.step64(input.map(str::as_bytes), &mut output)?;
    Ok(String::from_utf8(output)?)
}

fn outcome(answer: &Element) -> Result<()> {
    if answer.is("success", ns::SASL) {
        return Ok(());
    }
    Err(format!("not authenticated: {answer:?}").into())
}

/// The next element.
pub(crate) async fn wait_any(client: &mut Client) -> Result<Element> {
    loop {
        match client.next().await {
            Some(Event::Element(element)) => return Ok(element),
            Some(Event::Restarted) => {}
            Some(event) => return Err(format!("the session is gone: {event:?}").into()),
            None => return Err("the client is closed".into()),
        }
    }
}

/// The next element of this name.
pub(crate) async fn wait(client: &mut Client, local: &str, namespace: &str) -> Result<Element> {
    loop {
        let element = wait_any(client).await?;
        if element.name() == (Name { namespace, local }) {
            return Ok(element);
        }
    }
}
