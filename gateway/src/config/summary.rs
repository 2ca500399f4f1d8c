//! The configuration in force, for people: `--check-config`.

use std::fmt;

use crate::serve::Budget;
use xmpp_http1::forwarded::{AddressField, SchemeField};

use super::{
    Channel, Compression, Config, Domain, Hosts, Listener, Page, Protection, ProxyHeader,
    ProxyProtocol, Served, Server,
};

/// Shows a configuration, and the budget that the start would have.
#[derive(Debug)]
pub(crate) struct Summary<'a>(pub(crate) &'a Config, pub(crate) &'a Budget);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.0;
        match &config.file {
            Some(file) => writeln!(f, "configuration   {}", file.display())?,
            None => writeln!(f, "configuration   no file")?,
        }
        for listener in &config.listeners {
            writeln!(f, "listener        {}", Shown(listener))?;
        }
        for (name, domain) in &config.domains {
            writeln!(f, "domain          {name}: {}", Shown(domain))?;
        }
        match &config.hosts {
            Hosts::Any => writeln!(f, "hosts           any")?,
            Hosts::Local(domains) => {
                let mut names = vec!["localhost", "127.0.0.1", "[::1]"];
                names.extend(
                    domains
                        .iter()
                        .map(String::as_str)
                        .filter(|name| *name != "localhost"),
                );
                writeln!(f, "hosts           {}", names.join(", "))?;
            }
            Hosts::Listed(hosts) => writeln!(f, "hosts           {}", hosts.join(", "))?,
        }
        if config.proxies.is_empty() {
            writeln!(f, "trusted proxies none")?;
        } else {
            writeln!(f, "trusted proxies {}", config.proxies)?;
        }
        let address = match config.forwarded.address {
            Some(AddressField::XForwardedFor) => "x-forwarded-for",
            Some(AddressField::Forwarded) => "forwarded",
            Some(AddressField::XRealIp) => "x-real-ip",
            Some(AddressField::CfConnectingIp) => "cf-connecting-ip",
            None => "proxy-protocol",
        };
        writeln!(f, "client address  {address}, from trusted proxies alone")?;
        let scheme = match config.forwarded.scheme {
            Some(SchemeField::XForwardedProto) => "x-forwarded-proto, from trusted proxies alone",
            Some(SchemeField::Forwarded) => "forwarded, from trusted proxies alone",
            None => "none: the channel is what the listener is",
        };
        writeln!(f, "client scheme   {scheme}")?;
        let page = match config.page {
            Page::Served => "at /",
            Page::Hidden => "none",
        };
        writeln!(f, "page            {page}")?;
        let limits = &config.limits;
        writeln!(f, "{}", self.1)?;
        writeln!(
            f,
            "new sessions    {} in a second",
            limits.sessions_per_second
        )?;
        writeln!(f, "shutdown        within {} s", limits.shutdown.as_secs())?;
        let machines = &config.machines;
        writeln!(
            f,
            "http            head {} B, body {} B, head within {} s, body within {} s, idle for {} s",
            machines.http.limits.head_bytes,
            machines.http.limits.body_bytes,
            machines.http.head_timeout.as_secs(),
            machines.http.body_timeout.as_secs(),
            machines.http.keep_alive_timeout.as_secs()
        )?;
        writeln!(
            f,
            "bosh            wait {} s, hold {}, inactivity {} s, origins: {}",
            machines.bosh.wait.as_secs(),
            machines.bosh.hold,
            machines.bosh.inactivity.as_secs(),
            origins(&machines.binding.origins, "any")
        )?;
        writeln!(
            f,
            "websocket       origins: {}",
            origins(&machines.handshake.origins, "same host")
        )?;
        let logins = &config.logins;
        match logins.failures_per_address {
            0 => writeln!(f, "logins          no address is refused for failures")?,
            failures => writeln!(
                f,
                "logins          {failures} failures of one address within {0} s refuse it for {0} s",
                logins.refuse.as_secs()
            )?,
        }
        if !logins.never_refused.is_empty() {
            writeln!(f, "never refused   {}", logins.never_refused)?;
        }
        writeln!(f, "log             {}", config.log)
    }
}

fn origins(listed: &[String], otherwise: &str) -> String {
    if listed.is_empty() {
        otherwise.to_owned()
    } else {
        listed.join(", ")
    }
}

struct Shown<'a, T>(&'a T);

impl fmt::Display for Shown<'_, Listener> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listener = self.0;
        let transports = match (listener.bosh, listener.websocket) {
            (Served::Yes, Served::Yes) => "bosh, websocket",
            (Served::Yes, Served::No) => "bosh",
            (Served::No, Served::Yes) => "websocket",
            (Served::No, Served::No) => "nothing",
        };
        let channel = match listener.channel {
            Channel::Tls => "TLS",
            Channel::Loopback => "loopback",
            Channel::ProxyTls => "TLS at a trusted proxy",
            Channel::Plain => "plain text, SASL PLAIN hidden",
        };
        let compression = match listener.compression {
            Compression::On => "; compression",
            Compression::Off => "",
        };
        let header = match listener.proxy_header {
            ProxyHeader::Required => "; behind a PROXY header",
            ProxyHeader::None => "",
        };
        write!(
            f,
            "{} ({transports}; {channel}{header}{compression})",
            listener.address
        )
    }
}

impl fmt::Display for Shown<'_, Domain> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.server {
            Server::Demonstration => {
                f.write_str("demonstration, in this process; any name with any password")?;
            }
            Server::Tcp { host, port, tls } => {
                let tls = match tls {
                    Protection::None | Protection::Loopback => "plain TCP",
                    Protection::StartTls(_) => "STARTTLS",
                    Protection::Direct(_) => "direct TLS",
                };
                write!(f, "server at {host}:{port}, {tls}")?;
            }
        }
        match self.0.proxy_protocol {
            Some(ProxyProtocol::V1) => f.write_str(", PROXY protocol v1")?,
            Some(ProxyProtocol::V2) => f.write_str(", PROXY protocol v2")?,
            None => {}
        }
        if self.0.foreign {
            f.write_str(", foreign")?;
        }
        if self.0.hide_channel_binding {
            f.write_str(", channel binding hidden")?;
        }
        if self.0.anonymous {
            f.write_str(", lets anybody in")?;
        }
        if let Some(count) = self.0.redirect_targets.count() {
            write!(f, ", {count} redirect targets")?;
        }
        Ok(())
    }
}
