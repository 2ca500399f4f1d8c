use std::{net::SocketAddr, path::Path};

use super::*;

fn load(text: &str) -> Result<Config, Problem> {
    let path = Path::new("gateway.toml");
    Config::combine(Some(path), Config::parse(path, text)?, &Serve::default())
}

fn problem(text: &str) -> String {
    load(text).expect_err("refused").to_string()
}

fn arguments(listen: &[&str], domain: &[&str], upstream: Option<&str>) -> Result<Config, Problem> {
    let serve = Serve {
        listen: listen
            .iter()
            .map(|address| address.parse::<SocketAddr>().expect("an address"))
            .collect(),
        domain: domain.iter().map(ToString::to_string).collect(),
        upstream: upstream.map(str::to_owned),
        ..Serve::default()
    };
    Config::load(&serve)
}

/// What `--check-config` prints.
fn shown(config: &Config) -> String {
    let budget = crate::serve::Budget::new(config).expect("room");
    Summary(config, &budget).to_string()
}

const SAMPLE: &str = include_str!("../../xmpp-web.example.toml");

/// The sample with every key in force.
fn whole_sample() -> String {
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(key)
            if key.split_once(" = ").is_some_and(|(key, _)| {
                key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            }) =>
        {
            format!("{key}\n")
        }
        Some(_) | None => format!("{line}\n"),
    };
    SAMPLE.lines().map(line).collect()
}

#[test]
fn the_sample_is_what_it_says() {
    let sample = load(SAMPLE).expect("the sample");
    assert_eq!(sample.listeners.len(), 1);
    assert_eq!(sample.domains.keys().collect::<Vec<_>>(), ["example.com"]);
    assert_eq!(sample.hosts, Hosts::Local(vec!["example.com".to_owned()]));
}

#[test]
fn what_the_sample_comments_out_are_the_defaults() {
    let mut whole = load(&whole_sample()).expect("every key is known");
    let sample = load(SAMPLE).expect("the sample");
    // Those whose default is no value, or depends on the system.
    assert_eq!(whole.limits.connections.take(), Some(CONNECTIONS));
    assert_eq!(whole.limits.unauthenticated_sessions.take(), Some(6_144));
    assert_eq!(
        whole.limits.unauthenticated_sessions_per_address.take(),
        Some(768)
    );
    assert_eq!(whole.machines.bosh.node_tag.take().as_deref(), Some("a"));
    assert_eq!(
        whole.machines.bosh.host.take().as_deref(),
        Some("node1.example.com")
    );
    assert_eq!(format!("{whole:#?}"), format!("{sample:#?}"));
}

#[test]
fn the_sample_has_every_key() {
    for section in ["bosh", "bosh.rates"] {
        let error = toml::from_str::<file::File>(&format!("[{section}]\nnone = 1"))
            .expect_err("unknown")
            .message()
            .to_owned();
        for key in error.split('`').skip(3).step_by(2) {
            let is_there = SAMPLE.contains(&format!("# {key} = "))
                || SAMPLE.contains(&format!("[{section}.{key}]"));
            assert!(is_there, "{section}.{key}");
        }
    }
}

/// B-R-133: rates are read, switched off with 0, and in force without a word.
#[test]
fn rates_are_read() {
    use bosh_proto::server::Rate;

    let rates = load("").expect("defaults").machines.bosh.rates;
    assert_eq!(rates.session_requests, Some(Rate::new(10_000, 100_000)));
    let text = "[bosh.rates]\nsession_requests = { per_second = 7, burst = 9 }\n\
                address_bytes = { per_second = 0, burst = 1 }";
    let rates = load(text).expect("rates").machines.bosh.rates;
    assert_eq!(rates.session_requests, Some(Rate::new(7, 9)));
    assert_eq!(rates.address_bytes, None);
    assert!(
        problem("[bosh.rates]\nsession_requests = { per_second = 7 }").contains("burst"),
        "both numbers are needed"
    );
    assert!(problem("[bosh.rates]\nsession = 1").contains("session_requests"));
}

/// B-R-011: one switch for what is offered and what is taken.
#[test]
fn compression_is_one_switch() {
    let machines = load("[bosh]\ncompression = true").expect("on").machines;
    assert_eq!(machines.binding.codings, bosh_proto::Coding::ALL);
    assert_eq!(machines.bosh.accept, bosh_proto::Coding::ALL);
    assert_eq!(machines.binding.decoded_bytes, machines.bosh.body_bytes);
    let machines = load("").expect("off").machines;
    assert!(machines.binding.codings.is_empty() && machines.bosh.accept.is_empty());
}

/// W-R-477: who lets anybody in lists the pages that may ask, on both transports.
#[test]
fn a_domain_that_lets_anybody_in_needs_lists_of_origins() {
    let domain = "[domain.'a.example']\nupstream = '127.0.0.1:5222'\nanonymous = true\n";
    let origins = |section: &str, origin: &str| format!("[{section}]\norigins = ['{origin}']\n");
    let page = "https://chat.example.com";
    let error = problem(domain);
    assert!(
        error.contains("websocket.origins must name the pages"),
        "{error}"
    );
    let error = problem(&format!("{domain}{}", origins("websocket", page)));
    assert!(
        error.contains("bosh.origins must name the pages"),
        "{error}"
    );
    for any in [("websocket", "bosh"), ("bosh", "websocket")] {
        let text = format!("{domain}{}{}", origins(any.0, "*"), origins(any.1, page));
        assert!(problem(&text).contains("origins must name the pages"));
    }
    let both = format!(
        "{domain}{}{}",
        origins("websocket", page),
        origins("bosh", page)
    );
    assert!(load(&both).is_ok());
    assert!(load(&domain.replace("true", "false")).is_ok());
}

/// What would fail at the first client is refused with the configuration.
#[test]
fn an_upstream_is_a_host_and_a_port() {
    for upstream in ["user@host:5222", "[zz]:5222", "127.0.0.1:+5222"] {
        let error = problem(&format!("[domain.'a.example']\nupstream = '{upstream}'"));
        let told =
            format!("upstream = \"{upstream}\" is not HOST:PORT, such as \"127.0.0.1:5222\"");
        assert!(error.contains(&told), "{error}");
    }
}

/// W-R-418, W-R-419: redirect targets are read whole or refused.
#[test]
fn redirect_targets_are_hosts() {
    let domain = |targets: &str| {
        format!(
            "[domain.'a.example']\nupstream = '127.0.0.1:5222'\nredirect_targets = [{targets}]\n"
        )
    };
    assert!(
        problem(&domain("'a b'")).contains("redirect_targets: \"a b\" is not HOST or HOST:PORT")
    );
    let config = load(&domain("'LocalHost', '[::1]:99'")).expect("targets");
    let targets = &config.domains["a.example"].redirect_targets;
    let target = |text| xmpp_stream::relay::Target::parse(text).expect("a target");
    assert_eq!(
        targets.standing(&target("localhost:5222")),
        Standing::Listed
    );
    assert_eq!(targets.standing(&target("[::1]:99")), Standing::Listed);
    assert_eq!(
        targets.standing(&target("localhost:5223")),
        Standing::Excluded
    );
    let config = load("[domain.'a.example']\nupstream = '127.0.0.1:5222'").expect("none");
    let targets = &config.domains["a.example"].redirect_targets;
    assert_eq!(targets.standing(&target("anywhere")), Standing::Unlisted);
    // An empty list says that there is no such target.
    let config = load(&domain("")).expect("an empty list");
    let targets = &config.domains["a.example"].redirect_targets;
    assert_eq!(targets.standing(&target("anywhere")), Standing::Excluded);
}

/// W-R-418: redirect targets are reached as written for the domain, otherwise by verified TLS.
#[test]
fn redirect_targets_are_reached_as_written_or_by_tls() {
    let protection = |keys: &str| {
        let text = format!("[domain.'a.example']\n{keys}\n");
        let config = load(&text).expect("a domain");
        config.domains["a.example"]
            .redirect_targets
            .protection
            .clone()
    };
    let near = "upstream = '127.0.0.1:5222'\n";
    let far = "upstream = '192.0.2.1:5222'\n";
    let away = "redirect_targets = ['node2.example']\n";
    assert!(protection(near).is_none());
    assert!(protection(&format!("{near}redirect_targets = ['[::1]:99']")).is_none());
    for keys in [
        format!("{near}tls = 'none'\n{away}"),
        format!("{far}tls = 'none'\n"),
    ] {
        assert!(
            matches!(protection(&keys), Some(Protection::None)),
            "{keys}"
        );
    }
    for keys in [
        format!("{near}{away}"),
        format!("{near}tls = 'starttls'\n"),
        far.to_owned(),
    ] {
        assert!(
            matches!(protection(&keys), Some(Protection::StartTls(_))),
            "{keys}"
        );
    }
    let direct = format!("{near}tls = 'direct'\n{away}");
    assert!(matches!(protection(&direct), Some(Protection::Direct(_))));
    // A CA is for these targets then.
    let error = problem(&format!(
        "[domain.'a.example']\n{near}{away}ca = '/nonexistent/ca.pem'"
    ));
    assert!(error.contains("cannot read /nonexistent/ca.pem"), "{error}");
}

#[test]
fn without_configuration_only_loopback_is_served() {
    let config = arguments(&[], &[], None).expect("defaults");
    let addresses: Vec<String> = config
        .listeners
        .iter()
        .map(|listener| listener.address.to_string())
        .collect();
    assert_eq!(addresses, ["127.0.0.1:5280", "[::1]:5280"]);
    assert_eq!(config.listeners[1].presence, Presence::Optional);
    assert_eq!(config.hosts, Hosts::Local(vec!["localhost".to_owned()]));
    assert!(matches!(
        config.domains.get("localhost").map(|domain| &domain.server),
        Some(Server::Demonstration)
    ));
}

/// W-R-005: what is on loopback alone answers to its own names, unless one of two keys says otherwise.
#[test]
fn names_are_those_of_loopback_until_a_key_says_otherwise() {
    let domain = "[domain.'A.example']\nupstream = '127.0.0.1:5222'\n";
    let hosts = |keys: &str| load(&format!("{keys}\n{domain}")).expect("read").hosts;
    let local = Hosts::Local(vec!["a.example".to_owned()]);
    let near = "[[listener]]\naddress = '127.0.0.1:1'\n[[listener]]\naddress = '[::1]:1'\n";
    assert_eq!(hosts(""), local);
    assert_eq!(hosts(near), local);
    assert_eq!(hosts("[http]\ntrusted_proxies = []"), local);
    let far = "[[listener]]\naddress = '0.0.0.0:1'\nallow_plaintext = true\n";
    assert_eq!(hosts(&format!("{near}{far}")), Hosts::Any);
    for key in ["hosts = []", "trusted_proxies = ['127.0.0.1']"] {
        assert_eq!(hosts(&format!("[http]\n{key}")), Hosts::Any, "{key}");
    }
    let listed = Hosts::Listed(vec!["b.example".to_owned()]);
    assert_eq!(hosts("[http]\nhosts = ['B.example']"), listed);
}

#[test]
fn listen_replaces_the_listeners_of_the_file() {
    let path = Path::new("gateway.toml");
    let file = Config::parse(path, "[[listener]]\naddress = '127.0.0.1:1'").expect("a file");
    let serve = Serve {
        listen: vec!["127.0.0.1:2".parse().expect("an address")],
        ..Serve::default()
    };
    let config = Config::combine(Some(path), file, &serve).expect("both");
    assert_eq!(config.listeners.len(), 1);
    assert_eq!(config.listeners[0].address.port(), 2);
}

#[test]
fn domain_and_upstream_go_together() {
    let config =
        arguments(&[], &["Example.com", "example.org"], Some("127.0.0.1:5222")).expect("domains");
    assert_eq!(
        config.domains.keys().collect::<Vec<_>>(),
        ["example.com", "example.org"]
    );
    let names = ["example.com", "example.org"].map(str::to_owned);
    assert_eq!(config.hosts, Hosts::Local(names.to_vec()));
    let error = arguments(&[], &["example.com"], None)
        .expect_err("no server")
        .to_string();
    assert!(error.contains("add --upstream HOST:PORT"), "{error}");
    let error = arguments(&[], &[], Some("127.0.0.1:5222"))
        .expect_err("no domain")
        .to_string();
    assert!(error.contains("add --domain D"), "{error}");
}

#[test]
fn plain_listeners_are_allowed_by_name() {
    let error = problem("[[listener]]\naddress = '0.0.0.0:5280'");
    assert!(
        error.contains("trusted_proxy_tls = true") && error.contains("allow_plaintext = true"),
        "{error}"
    );
    let error = arguments(&["0.0.0.0:5280"], &[], None)
        .expect_err("plain")
        .to_string();
    assert!(error.contains("--allow-plaintext"), "{error}");
    let channel = |text: &str| load(text).expect("allowed").listeners[0].channel;
    assert_eq!(
        channel("[[listener]]\naddress = '0.0.0.0:1'\nallow_plaintext = true"),
        Channel::Plain
    );
    assert_eq!(
        channel(
            "[[listener]]\naddress = '0.0.0.0:1'\ntrusted_proxy_tls = true\n[http]\ntrusted_proxies = ['10.0.0.1']"
        ),
        Channel::ProxyTls
    );
    assert_eq!(
        channel("[[listener]]\naddress = '[::1]:1'"),
        Channel::Loopback
    );
}

/// B-R-171: one field for the address, one for the scheme; nothing is guessed.
#[test]
fn the_fields_of_proxies_are_named() {
    use xmpp_http1::forwarded::{AddressField, Fields, SchemeField};

    let forwarded = |keys: &str| load(&format!("[http]\n{keys}")).expect("keys").forwarded;
    assert_eq!(forwarded(""), Fields::default());
    let fields = forwarded("client_address = 'x-real-ip'\nclient_scheme = 'forwarded'");
    assert_eq!(fields.address, Some(AddressField::XRealIp));
    assert_eq!(fields.scheme, Some(SchemeField::Forwarded));
    assert!(problem("[http]\nclient_address = 'x-client-ip'").contains("x-real-ip"));
    assert!(problem("[http]\nclient_scheme = 'https'").contains("x-forwarded-proto"));
    let summary = |text: &str| shown(&load(text).expect("a file"));
    let text = summary("[http]\ntrusted_proxies = ['10.0.0.0/8', '::1']");
    assert!(
        text.contains("\ntrusted proxies 10.0.0.0/8, ::1/128\n"),
        "{text}"
    );
    assert!(text.contains("\nclient address  x-forwarded-for, from trusted proxies alone\n"));
    assert!(text.contains("\nclient scheme   none: the channel is what the listener is\n"));
    let text =
        summary("[http]\nclient_address = 'cf-connecting-ip'\nclient_scheme = 'x-forwarded-proto'");
    assert!(
        text.contains("\nclient address  cf-connecting-ip, from"),
        "{text}"
    );
    assert!(
        text.contains("\nclient scheme   x-forwarded-proto, from"),
        "{text}"
    );
}

/// W-R-031: a header that anybody may write is expected from named proxies alone.
#[test]
fn a_proxy_header_needs_proxies_and_a_listener() {
    let listener = "[[listener]]\naddress = '127.0.0.1:1'\nproxy_protocol = true\n";
    let error = problem(listener);
    assert!(
        error.contains("listener 127.0.0.1:1: proxy_protocol = true needs http.trusted_proxies"),
        "{error}"
    );
    let proxies = "[http]\ntrusted_proxies = ['10.0.0.1']\n";
    let config = load(&format!("{listener}{proxies}")).expect("both");
    assert_eq!(config.listeners[0].proxy_header, ProxyHeader::Required);
    let text = format!("{proxies}client_address = 'proxy-protocol'");
    let error = problem(&text);
    assert!(
        error.contains("needs proxy_protocol = true in the [[listener]]"),
        "{error}"
    );
    let config = load(&format!("{listener}{text}")).expect("all");
    assert_eq!(config.forwarded.address, None);
    let domain = "[domain.a]\nupstream = '127.0.0.1:1'\nproxy_protocol = ";
    for (written, version) in [("v1", ProxyProtocol::V1), ("v2", ProxyProtocol::V2)] {
        let config = load(&format!("{domain}'{written}'")).expect("a version");
        assert_eq!(config.domains["a"].proxy_protocol, Some(version));
    }
    assert!(problem(&format!("{domain}'v3'")).contains("`v2`"));
}

#[test]
fn failed_logins_have_keys() {
    assert_eq!(load("").expect("defaults").logins, Logins::default());
    let text = "[logins]\nfailures_per_address = 0\nrefuse_seconds = 1\nnever_refused = ['10.0.0.0/8']\nremembered = 1";
    let config = load(text).expect("all keys");
    assert_eq!(config.logins.failures_per_address, 0);
    assert_eq!(config.logins.refuse, Duration::from_secs(1));
    assert_eq!(config.logins.remembered, 1);
    let summary = shown(&config);
    assert!(summary.contains("\nlogins          no address is refused for failures\n"));
    assert!(
        summary.contains("\nnever refused   10.0.0.0/8\n"),
        "{summary}"
    );
    let summary = shown(&load("").expect("defaults"));
    let text = "\nlogins          20 failures of one address within 600 s refuse it for 600 s\n";
    assert!(summary.contains(text), "{summary}");
    assert!(problem("[logins]\nfailures_per_address = 1000001").contains("from 0 to 1000000"));
    assert!(problem("[logins]\nrefuse_seconds = 0").contains("from 1 to 86400"));
    assert!(problem("[logins]\nremembered = 0").contains("from 1 to 10000000"));
    assert!(problem("[logins]\nnever_refused = ['a']").contains("logins.never_refused: \"a\""));
}

/// W-R-476: without the proxies' addresses everybody would count as one, without a share.
#[test]
fn trusted_proxy_tls_needs_the_proxies() {
    for address in ["0.0.0.0:1", "127.0.0.1:1"] {
        for proxies in ["", "[http]\ntrusted_proxies = []"] {
            let listener =
                format!("[[listener]]\naddress = '{address}'\ntrusted_proxy_tls = true\n");
            let error = problem(&format!("{listener}{proxies}"));
            assert!(error.contains("http.trusted_proxies must name"), "{error}");
            assert!(error.contains(address), "{error}");
        }
    }
}

/// W-R-476: each bound of the budget is read, and refused where it is out of range.
#[test]
fn limits_on_unauthenticated_clients_are_read() {
    let text = "[limits]\nconnections = 64\nsessions_per_second = 1\nunauthenticated_sessions = 1\n\
                unauthenticated_sessions_per_address = 1\nunauthenticated_bytes = 65536";
    let limits = load(text).expect("limits").limits;
    assert_eq!(limits.connections, Some(64));
    assert_eq!(limits.sessions_per_second, 1);
    assert_eq!(limits.unauthenticated_sessions, Some(1));
    assert_eq!(limits.unauthenticated_sessions_per_address, Some(1));
    assert_eq!(limits.unauthenticated_bytes, 65_536);
    for low in [
        "connections = 63",
        "sessions_per_second = 0",
        "unauthenticated_sessions = 0",
        "unauthenticated_sessions_per_address = 0",
        "unauthenticated_bytes = 65535",
    ] {
        assert!(
            problem(&format!("[limits]\n{low}")).contains("out of range"),
            "{low}"
        );
    }
}

#[test]
fn unknown_keys_are_named_with_their_place_and_what_was_meant() {
    assert_eq!(
        problem("[bosh]\nhold = 1\nwait_second = 5\n")
            .lines()
            .collect::<Vec<_>>()[0]
            .split(", expected")
            .next(),
        Some("gateway.toml:3:1: unknown field `wait_second`")
    );
    let error = problem("[bosh]\nwait_second = 5\n");
    assert!(error.contains("did you mean `wait_seconds`?"), "{error}");
    assert!(error.ends_with("2 | wait_second = 5"), "{error}");
    let error = problem("[[listener]]\naddress = '127.0.0.1:1'\ntransports = ['boss']");
    assert!(error.contains("did you mean `bosh`?"), "{error}");
}

#[test]
fn wrong_values_are_named_with_what_is_allowed() {
    assert_eq!(
        problem("[bosh]\nhold = 9"),
        "gateway.toml:2:8: hold: 9 is out of range: a whole number from 1 to 8 is allowed\n  2 | hold = 9"
    );
    assert!(problem("[bosh]\nhold = -1").contains("from 1 to 8"));
    assert!(
        problem("[bosh]\nhold = 'x'")
            .starts_with("gateway.toml:2:8: hold: invalid type: string \"x\"")
    );
    assert!(
        problem("[[listener]]\naddress = 'localhost'")
            .starts_with("gateway.toml:2:11: address: invalid")
    );
    assert!(problem("nonsense").starts_with("gateway.toml:1:"));
    assert!(problem("[domain.'a@b']\nupstream = '127.0.0.1:1'").contains("is not an XMPP domain"));
    assert!(problem("[domain.a]\nupstream = '127.0.0.1'").contains("is not HOST:PORT"));
    assert!(
        problem("[domain.a]\nupstream = 'h:1'\nca = '/nonexistent/ca.pem'")
            .contains("cannot read /nonexistent/ca.pem")
    );
    assert!(
        problem("[[listener]]\naddress = '0.0.0.0:1'\ntls = { certificate = '/nonexistent/c.pem', key = '/nonexistent/k.pem' }")
            .contains("listener 0.0.0.0:1: tls: cannot read /nonexistent/c.pem")
    );
    assert!(
        problem("[domain.a]\nupstream = '127.0.0.1:1'\n[domain.A]\nupstream = '127.0.0.1:1'")
            .contains("twice")
    );
    assert!(problem("[websocket]\norigins = ['chat.example.com']").contains("is not an origin"));
    assert!(
        problem("[upstream]\nelement_bytes = 20000")
            .contains("must not be less than limits.element_bytes")
    );
    assert!(problem("[log]\nfilter = 'a=b=c'").contains("log filter"));
    assert!(
        problem("[[listener]]\naddress = '127.0.0.1:1'\n[[listener]]\naddress = '127.0.0.1:1'")
            .contains("twice")
    );
}

#[test]
fn larger_stanzas_make_room_in_what_carries_them() {
    let config = load("[limits]\nelement_bytes = 1000000").expect("a limit");
    let machines = &config.machines;
    assert_eq!(machines.http.limits.body_bytes, 1_000_000);
    assert_eq!(machines.bosh.body_bytes, 1_000_000);
    assert_eq!(machines.websocket.connection.message_bytes, 1_000_000);
    assert_eq!(machines.websocket.connection.frame_bytes, 1_000_000);
    assert_eq!(machines.stream.xml.element_bytes, 2_000_000);
}
