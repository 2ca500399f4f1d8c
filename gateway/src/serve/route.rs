//! Which part of the gateway a request is for.

use std::net::IpAddr;

use ws_framing::handshake::server;
use xmpp_http1::{RequestHead, Response};

use super::page;
use crate::config::{Compression, Config, Hosts, Listener, Page, Served};

/// What to do with a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Bosh,
    WebSocket,
    Answer(Response),
}

/// What of the configuration decides.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) bosh: Served,
    pub(crate) websocket: Served,
    pub(crate) page: Page,
    pub(crate) hosts: Hosts,
    pub(crate) handshake: server::Config,
}

/// What `/healthz` says (C-R-040).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Serving,
    Draining,
}

impl Rules {
    pub(crate) fn new(listener: &Listener, config: &Config) -> Self {
        let mut handshake = config.machines.handshake.clone();
        handshake.compression = match listener.compression {
            Compression::On => Some(config.machines.deflate.clone()),
            Compression::Off => None,
        };
        Self {
            bosh: listener.bosh,
            websocket: listener.websocket,
            page: config.page,
            hosts: config.hosts.clone(),
            handshake,
        }
    }

    pub(crate) fn route(&self, head: &RequestHead, health: Health) -> Route {
        if !self.knows(head.authority()) {
            // A page elsewhere whose name resolves to this address must not reach it (W-R-005).
            return Route::Answer(text(421, "This gateway is not known by that name.\n"));
        }
        let Some(path) = head.path() else {
            return Route::Answer(text(404, "There is nothing here.\n"));
        };
        match (path, self.bosh, self.websocket) {
            ("/http-bind" | "/http-bind/" | "/bosh" | "/bosh/", Served::Yes, _) => Route::Bosh,
            ("/xmpp-websocket" | "/xmpp-websocket/" | "/ws" | "/ws/", _, Served::Yes) => {
                Route::WebSocket
            }
            ("/", _, Served::Yes) if head.has_token("upgrade", "websocket") => Route::WebSocket,
            _ => Route::Answer(self.other(head, path, health)),
        }
    }

    fn other(&self, head: &RequestHead, path: &str, health: Health) -> Response {
        let found = match (path, self.page) {
            ("/healthz", _) => Some(match health {
                Health::Serving => text(200, "ok\n"),
                Health::Draining => text(503, "draining\n"),
            }),
            (path, Page::Served) => page::file(path),
            (_, Page::Hidden) => None,
        };
        match (found, head.method()) {
            (Some(response), "GET" | "HEAD") => response,
            (Some(_), _) => {
                text(405, "Only GET and HEAD are answered here.\n").with_field("Allow", "GET, HEAD")
            }
            (None, _) => text(
                404,
                "There is nothing here. BOSH is at /http-bind, WebSocket at /xmpp-websocket.\n",
            )
            .with_field("Access-Control-Allow-Origin", "*"),
        }
    }

    fn knows(&self, authority: Option<&str>) -> bool {
        match &self.hosts {
            Hosts::Any => true,
            Hosts::Loopback => authority.is_some_and(|authority| is_loopback(host(authority))),
            Hosts::Listed(hosts) => authority.is_some_and(|authority| {
                let host = host(authority);
                hosts.iter().any(|listed| {
                    listed.eq_ignore_ascii_case(host) || listed.eq_ignore_ascii_case(authority)
                })
            }),
        }
    }
}

/// A short answer in plain text.
pub(crate) fn text(status: u16, text: &'static str) -> Response {
    Response::new(status)
        .with_field("Cache-Control", "no-store")
        .with_field("X-Content-Type-Options", "nosniff")
        .with_body("text/plain; charset=utf-8", text)
}

/// The authority without its port; IPv6 addresses keep their brackets.
fn host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(':') => {
            host
        }
        Some(_) | None => authority,
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use xmpp_http1::Version;

    use super::*;

    fn rules(hosts: Hosts) -> Rules {
        Rules {
            bosh: Served::Yes,
            websocket: Served::Yes,
            page: Page::Served,
            hosts,
            handshake: server::Config::default(),
        }
    }

    fn head(method: &str, target: &str) -> RequestHead {
        RequestHead::new(method, target, Version::Http11).with_field("Host", "localhost:5280")
    }

    fn status(rules: &Rules, head: &RequestHead) -> u16 {
        match rules.route(head, Health::Serving) {
            Route::Answer(response) => response.status,
            Route::Bosh | Route::WebSocket => 0,
        }
    }

    #[test]
    fn both_transports_have_their_paths() {
        let rules = rules(Hosts::Any);
        for path in ["/http-bind", "/bosh", "/http-bind/", "/http-bind?x=1"] {
            assert_eq!(
                rules.route(&head("POST", path), Health::Serving),
                Route::Bosh,
                "{path}"
            );
        }
        for path in ["/xmpp-websocket", "/ws"] {
            assert_eq!(
                rules.route(&head("GET", path), Health::Serving),
                Route::WebSocket,
                "{path}"
            );
        }
        let upgrade = head("GET", "/")
            .with_field("Upgrade", "websocket")
            .with_field("Connection", "Upgrade");
        assert_eq!(rules.route(&upgrade, Health::Serving), Route::WebSocket);
    }

    #[test]
    fn pages_answer_get_and_head_alone() {
        let rules = rules(Hosts::Any);
        assert_eq!(status(&rules, &head("GET", "/")), 200);
        assert_eq!(status(&rules, &head("HEAD", "/page.css")), 200);
        assert_eq!(status(&rules, &head("POST", "/")), 405);
        assert_eq!(status(&rules, &head("GET", "/nothing")), 404);
        assert_eq!(status(&rules, &head("GET", "/healthz")), 200);
        let Route::Answer(draining) = rules.route(&head("GET", "/healthz"), Health::Draining)
        else {
            panic!("an answer");
        };
        assert_eq!(draining.status, 503);
    }

    #[test]
    fn a_transport_that_is_off_is_not_there() {
        let rules = Rules {
            bosh: Served::No,
            websocket: Served::No,
            ..rules(Hosts::Any)
        };
        assert_eq!(status(&rules, &head("POST", "/http-bind")), 404);
        assert_eq!(status(&rules, &head("GET", "/ws")), 404);
    }

    #[test]
    fn loopback_names_are_known_without_configuration() {
        let rules = rules(Hosts::Loopback);
        let named =
            |name: &str| RequestHead::new("GET", "/", Version::Http11).with_field("Host", name);
        for name in [
            "localhost",
            "LOCALHOST:5280",
            "127.0.0.1:5280",
            "127.0.0.1",
            "[::1]:5280",
            "[::1]",
        ] {
            assert_eq!(status(&rules, &named(name)), 200, "{name}");
        }
        for name in [
            "attacker.example",
            "localhost.attacker.example",
            "192.0.2.1",
            "[2001:db8::1]:80",
        ] {
            assert_eq!(status(&rules, &named(name)), 421, "{name}");
        }
    }

    #[test]
    fn listed_names_are_known_with_any_port() {
        let rules = rules(Hosts::Listed(vec!["chat.example.com".to_owned()]));
        let named =
            |name: &str| RequestHead::new("GET", "/", Version::Http11).with_field("Host", name);
        assert_eq!(status(&rules, &named("Chat.Example.com:8080")), 200);
        assert_eq!(status(&rules, &named("example.com")), 421);
    }
}
