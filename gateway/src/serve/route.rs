//! Which part of the gateway a request is for.

use ws_framing::handshake::server;
use xmpp_http1::{RequestHead, Response};
use xmpp_machine::{Authority, Host};

use super::page;
use crate::config::{Compression, Config, Hosts, Listener, Page, Served, normalised};

/// What to do with a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Bosh,
    WebSocket,
    Answer(Response),
    /// 421: the request calls this host by a name that it does not answer to (W-R-005).
    Misdirected(Misdirected),
}

/// Why a name is not answered to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misdirected {
    pub(crate) response: Response,
    /// For the log, with the keys.
    pub(crate) cause: &'static str,
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
    /// A listener accepts no connections, or another task of the gateway does not run.
    Troubled,
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
        // Checks of health come from machines that call this host as they like, and learn nothing of value.
        let is_check = head.path() == Some("/healthz");
        if let (false, Some(misdirected)) = (is_check, self.misdirected(head.authority())) {
            return Route::Misdirected(misdirected);
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
                Health::Troubled => text(
                    503,
                    "a part of the gateway does not work; the log says which\n",
                ),
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

    /// A page elsewhere whose name was made to resolve to this address must not reach it (W-R-005).
    fn misdirected(&self, authority: Option<&str>) -> Option<Misdirected> {
        let (known, words, cause) = match &self.hosts {
            Hosts::Any => return None,
            Hosts::Local(domains) => (
                authority.is_some_and(|authority| is_local(authority, domains)),
                "This gateway is not known by that name. It listens on loopback alone; set http.hosts, or http.trusted_proxies where a proxy passes \
                 its own name on.\n",
                "requests refused with 421: all listeners are on loopback, where only loopback names and the served domains are answered; set \
                 http.hosts, or http.trusted_proxies where a proxy passes its own name on",
            ),
            Hosts::Listed(hosts) => (
                authority.is_some_and(|authority| is_listed(authority, hosts)),
                "This gateway is not known by that name; http.hosts does not list it.\n",
                "requests refused with 421: http.hosts does not list the name",
            ),
        };
        (!known).then(|| Misdirected {
            response: text(421, words),
            cause,
        })
    }
}

/// A short answer in plain text.
pub(crate) fn text(status: u16, text: &'static str) -> Response {
    Response::new(status)
        .with_field("Cache-Control", "no-store")
        .with_field("X-Content-Type-Options", "nosniff")
        .with_body("text/plain; charset=utf-8", text)
}

/// Whether `http.hosts` has it: a name that is listed without a port is known with any.
fn is_listed(authority: &str, hosts: &[String]) -> bool {
    let host = Authority::parse_uri(authority)
        .map(|Authority { host, .. }| Authority { host, port: None }.to_string());
    let is_host = |listed: &str| {
        host.as_ref()
            .is_ok_and(|host| listed.eq_ignore_ascii_case(host))
    };
    hosts
        .iter()
        .any(|listed| listed.eq_ignore_ascii_case(authority) || is_host(listed))
}

fn is_local(authority: &str, domains: &[String]) -> bool {
    Authority::parse_uri(authority).is_ok_and(|Authority { host, .. }| match host {
        host if host.is_loopback() => true,
        Host::Name(name) => domains.contains(&normalised(name)),
        Host::Address(_) => domains.contains(&Authority { host, port: None }.to_string()),
    })
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
            Route::Misdirected(misdirected) => misdirected.response.status,
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
        let Route::Answer(troubled) = rules.route(&head("GET", "/healthz"), Health::Troubled)
        else {
            panic!("an answer");
        };
        assert_eq!(troubled.status, 503);
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

    fn named(path: &str, name: &str) -> RequestHead {
        RequestHead::new("GET", path, Version::Http11).with_field("Host", name)
    }

    /// W-R-005.
    #[test]
    fn loopback_names_and_served_domains_are_known_without_a_key() {
        let rules = rules(Hosts::Local(vec![
            "example.com".to_owned(),
            "xn--bcher-kva.example".to_owned(),
        ]));
        for name in [
            "localhost",
            "LOCALHOST:5280",
            "localhost.",
            "127.0.0.1:5280",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]:5280",
            "[::1]",
            "Example.com:80",
            "xn--bcher-kva.example",
        ] {
            assert_eq!(status(&rules, &named("/", name)), 200, "{name}");
            assert_eq!(
                rules.route(&named("/bosh", name), Health::Serving),
                Route::Bosh
            );
        }
        for name in [
            "attacker.example",
            "localhost.attacker.example",
            "example.com.attacker.example",
            "chat.example.com",
            "192.0.2.1",
            "0.0.0.0",
            "[2001:db8::1]:80",
        ] {
            for path in ["/", "/bosh", "/http-bind", "/ws", "/nothing"] {
                let Route::Misdirected(misdirected) =
                    rules.route(&named(path, name), Health::Serving)
                else {
                    panic!("{name} {path}");
                };
                let body = format!("{:?}", misdirected.response);
                for text in [&*body, misdirected.cause] {
                    assert!(text.contains("421"), "{text}");
                    assert!(text.contains("http.hosts"), "{text}");
                    assert!(text.contains("http.trusted_proxies"), "{text}");
                }
            }
        }
        let nameless = RequestHead::new("GET", "/", Version::Http10);
        assert_eq!(status(&rules, &nameless), 421);
    }

    /// Whoever checks the health of the process calls it as he likes.
    #[test]
    fn a_check_of_health_needs_no_name() {
        for hosts in [
            Hosts::Local(Vec::new()),
            Hosts::Listed(vec!["chat.example.com".to_owned()]),
        ] {
            let rules = rules(hosts);
            assert_eq!(status(&rules, &named("/healthz", "attacker.example")), 200);
            let nameless = RequestHead::new("GET", "/healthz", Version::Http10);
            assert_eq!(status(&rules, &nameless), 200);
        }
    }

    #[test]
    fn listed_names_are_known_with_any_port() {
        let rules = rules(Hosts::Listed(vec!["chat.example.com".to_owned()]));
        assert_eq!(status(&rules, &named("/", "Chat.Example.com:8080")), 200);
        assert_eq!(status(&rules, &named("/", "example.com")), 421);
    }
}
