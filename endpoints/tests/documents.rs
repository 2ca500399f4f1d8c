use std::{fmt::Write as _, time::Duration};

use xmpp_endpoints::{
    Candidate, NotAnEndpoint, Scheme,
    document::{Channel, DocumentError, HostMeta2, Limits, Offer, Unusable, jrd, nodes, xrd},
};

use crate::world::DOMAIN;

fn read_xrd(links: &str) -> Result<Offer, DocumentError> {
    let document = format!(
        "<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>{links}</XRD>"
    );
    xrd(document.as_bytes(), DOMAIN, &Limits::default())
}

fn read_jrd(links: &str) -> Result<Offer, DocumentError> {
    let document = format!(r#"{{"subject": "x", "links": [{links}], "more": {{"links": 1}}}}"#);
    jrd(
        document.as_bytes(),
        DOMAIN,
        HostMeta2::Off,
        &Limits::default(),
    )
}

fn read_nodes(text: &str, channel: Channel) -> Result<Offer, DocumentError> {
    nodes(text.as_bytes(), channel, &Limits::default())
}

fn urls(offer: &Offer) -> Vec<String> {
    let candidates = offer.candidates.iter();
    candidates
        .map(|candidate| candidate.url.to_string())
        .collect()
}

fn padded(text: &str, size: usize) -> String {
    format!("{text}{}", " ".repeat(size - text.len()))
}

const WS: &str = "urn:xmpp:alt-connections:websocket";
const BOSH: &str = "urn:xmpp:alt-connections:xbosh";

/// B-D-004: XRD and JRD with what else may stand in them are read (XEP-0156 §2.1, §2.3), and give
/// the same.
#[test]
fn both_formats_are_read_beside_what_else_is_in_them() {
    let from_xml = read_xrd(&format!(
        "<Expires>2030-01-30T09:30:00Z</Expires><Subject>x</Subject><Property type='p'>v</Property>
         <Link rel='lrdd' template='https://h/{{uri}}'/><!-- by hand -->
         <Link rel='{WS}' href='wss://web.example/ws?a=1&amp;b=2'><Title>t</Title></Link>
         <x:Link xmlns:x='urn:x' rel='{WS}' href='wss://other.example/'/>
         <Link rel='{BOSH}' href='https://web.example/http-bind'/><Link rel='{BOSH}'/>"
    ))
    .unwrap();
    let from_json = read_jrd(&format!(
        r#"{{"rel": "lrdd", "template": "https://h/{{uri}}"}}, 7, null, {{"rel": 1, "href": 2}},
           {{"rel": "{WS}", "href": "wss://web.example/ws?a=1&b=2", "titles": {{}}}},
           {{"rel": "{BOSH}", "href": "https://web.example/http-bind"}}, {{"rel": "{BOSH}"}}"#
    ))
    .unwrap();
    assert_eq!(from_xml, from_json);
    assert_eq!(
        urls(&from_xml),
        [
            "wss://web.example/ws?a=1&b=2",
            "https://web.example/http-bind"
        ]
    );
    assert_eq!(from_xml.ignored, []);
}

/// B-D-005: relations are compared as they are written (XEP-0156 §2.1).
#[test]
fn a_relation_in_capitals_is_none_of_ours() {
    let link = |rel: &str| format!("<Link rel='{rel}' href='https://web.example/'/>");
    let offer = read_xrd(
        &[
            link(&BOSH.replace("xbosh", "XBOSH")),
            link("xbosh"),
            link(&format!(" {BOSH}")),
        ]
        .concat(),
    );
    assert_eq!(urls(&offer.unwrap()), [""; 0]);
}

/// B-D-006, B-D-013, W-R-067: without TLS there is no endpoint (XEP-0156 §2.2), and what was left
/// out is told.
#[test]
fn links_in_the_clear_are_no_candidates() {
    let offer = read_jrd(&format!(
        r#"{{"rel": "{WS}", "href": "ws://web.example/"}}, {{"rel": "{BOSH}", "href": "http://web.example/"}},
           {{"rel": "{WS}", "href": "https://web.example/"}}, {{"rel": "{BOSH}", "href": "wss://web.example/"}}"#
    ))
    .unwrap();
    assert_eq!(offer.candidates, []);
    let reasons: Vec<Unusable> = offer.ignored.iter().map(|ignored| ignored.reason).collect();
    let wanted = |wanted| Unusable::Scheme { wanted };
    assert_eq!(
        reasons,
        [
            wanted(Scheme::Wss),
            wanted(Scheme::Https),
            wanted(Scheme::Wss),
            wanted(Scheme::Https)
        ]
    );
    assert_eq!(offer.ignored[0].url, "ws://web.example/");
}

/// B-D-016: a relative reference is no endpoint; path and query stay as they are; links of one
/// relation are candidates each.
#[test]
fn unusable_links_are_ignored_and_the_others_kept_verbatim() {
    let offer = read_xrd(&format!(
        "<Link rel='{BOSH}' href='/bosh'/><Link rel='{BOSH}' href='https://u@h/'/><Link rel='{BOSH}' href='https://h/#f'/>
         <Link rel='{BOSH}' href='https://T1.example:5281/Bosh/%2F?q=%20;x'/><Link rel='{BOSH}' href='https://t2.example/'/>"
    ))
    .unwrap();
    assert_eq!(
        urls(&offer),
        [
            "https://t1.example:5281/Bosh/%2F?q=%20;x",
            "https://t2.example/"
        ]
    );
    let reasons: Vec<Unusable> = offer.ignored.iter().map(|ignored| ignored.reason).collect();
    assert_eq!(
        reasons,
        [
            Unusable::Url(NotAnEndpoint::Relative),
            Unusable::Url(NotAnEndpoint::UserInformation),
            Unusable::Url(NotAnEndpoint::Fragment)
        ]
    );
}

/// B-D-007: SNI is the URL's host; a certificate for it or for the domain is accepted (XEP-0156
/// §2.2).
#[test]
fn a_node_of_the_domains_own_host_meta_may_prove_either_name() {
    let offer = read_jrd(&format!(
        r#"{{"rel": "{WS}", "href": "wss://web.example/"}}"#
    ))
    .unwrap();
    let identity = &offer.candidates[0].identity;
    assert_eq!(identity.sni, "web.example");
    assert_eq!(identity.names, ["web.example", DOMAIN]);
    assert!(identity.pins.is_empty());
}

/// B-D-014: no DTD, no entities, 64 KiB, 32 links.
#[test]
fn documents_are_bounded_and_without_entities() {
    let laughs = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>&b;</XRD>";
    let refused = xrd(laughs.as_bytes(), DOMAIN, &Limits::default());
    assert!(
        matches!(refused, Err(DocumentError::Xml(error))
        if error.kind == xmpp_wire::XmlErrorKind::Restricted),
        "{refused:?}"
    );
    assert!(matches!(read_xrd("&unknown;"), Err(DocumentError::Xml(_))));

    let most = Limits::default().bytes;
    let json = |size: usize| padded(r#"{"links": []}"#, size);
    let read = |size| {
        jrd(
            json(size).as_bytes(),
            DOMAIN,
            HostMeta2::On,
            &Limits::default(),
        )
    };
    assert!(read(most).is_ok());
    assert_eq!(read(most + 1), Err(DocumentError::TooBig(most)));
    let xml = |size: usize| {
        padded(
            "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'/>",
            size,
        )
    };
    assert!(xrd(xml(most).as_bytes(), DOMAIN, &Limits::default()).is_ok());
    let refused = xrd(xml(most + 1).as_bytes(), DOMAIN, &Limits::default());
    assert_eq!(refused, Err(DocumentError::TooBig(most)));
    assert_eq!(
        nodes(json(most + 1).as_bytes(), Channel::Tls, &Limits::default()),
        Err(DocumentError::TooBig(most))
    );

    let mut links = String::new();
    for n in 0..40 {
        let scheme = if n == 3 { "http" } else { "https" };
        write!(
            links,
            "<Link rel='other'/><Link rel='{BOSH}' href='{scheme}://h{n}/'/>"
        )
        .unwrap();
    }
    let offer = read_xrd(&links).unwrap();
    assert_eq!((offer.candidates.len(), offer.ignored.len()), (31, 1));
    let deep = "[".repeat(60_000);
    assert!(matches!(read_jrd(&deep), Err(DocumentError::Json { .. })));
}

#[test]
fn what_is_no_document() {
    let limits = Limits::default();
    assert_eq!(
        xrd(b"<XRD xmlns='urn:x'/>", DOMAIN, &limits),
        Err(DocumentError::NotXrd)
    );
    assert!(matches!(
        xrd(b"<html><br></html>", DOMAIN, &limits),
        Err(DocumentError::Xml(_))
    ));
    assert_eq!(
        jrd(b"\xef\xbb\xbf{}", DOMAIN, HostMeta2::On, &limits),
        Err(DocumentError::NoArray("links"))
    );
    assert_eq!(
        nodes(b"[]", Channel::Tls, &limits),
        Err(DocumentError::NoArray("nodes"))
    );
    assert_eq!(
        jrd(b"{\n  no", DOMAIN, HostMeta2::On, &limits),
        Err(DocumentError::Json { line: 2, column: 3 })
    );
}

const WHOLE: &str = r#"{"xmpp": {"ttl": 3000, "public-key-pins-sha-256": ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "short"]}, "links": [
    {"rel": "urn:xmpp:alt-connections:websocket", "href": "wss://web.example/ws", "priority": 15, "weight": 50, "sni": "front.example",
     "ips": ["192.0.2.1", "2001:db8::1", "no"], "ech": "x", "public-key-pins-sha-256": ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]},
    {"rel": "urn:xmpp:alt-connections:xbosh", "href": "https://web.example/http-bind"},
    {"rel": "urn:xmpp:alt-connections:tls", "port": 443, "priority": 1, "weight": 1, "sni": "front.example", "ips": ["192.0.2.1"]}]}"#;

fn read_whole(version_2: HostMeta2) -> Offer {
    jrd(WHOLE.as_bytes(), DOMAIN, version_2, &Limits::default()).unwrap()
}

/// B-D-020: the given SNI is sent; a certificate for that name, for the domain, or with a pinned
/// key is accepted (XEP-0487 §2.2).
#[test]
fn a_complete_link_says_who_must_be_there() {
    let offer = read_whole(HostMeta2::On);
    let link = &offer.candidates[0];
    assert_eq!((link.priority, link.weight), (15, 50));
    assert_eq!(link.identity.sni, "front.example");
    assert_eq!(link.identity.names, ["front.example", DOMAIN]);
    let pin: [u8; 32] = std::array::from_fn(|n| n as u8);
    assert_eq!(link.identity.pins, [pin, [0; 32]]);
    let addresses: Vec<String> = link.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["192.0.2.1", "2001:db8::1"]);
}

/// B-D-018: the object `xmpp` makes it a document of XEP-0487; without it XEP-0156's rules hold.
#[test]
fn the_same_file_with_and_without_the_object() {
    assert!(read_whole(HostMeta2::On).is_complete);
    for (document, version_2) in [
        (WHOLE.to_owned(), HostMeta2::Off),
        (WHOLE.replace("\"xmpp\":", "\"other\":"), HostMeta2::On),
    ] {
        let offer = jrd(document.as_bytes(), DOMAIN, version_2, &Limits::default()).unwrap();
        assert!(!offer.is_complete);
        assert_eq!(offer.ttl, None);
        let link = &offer.candidates[0];
        assert_eq!(
            (link.priority, link.weight, link.addresses.len()),
            (0, 1, 0)
        );
        assert_eq!(link.identity.names, ["web.example", DOMAIN]);
    }
}

/// B-D-024: the XEP's own xbosh example has only `rel` and `href`; it is used all the same, behind
/// the whole ones.
#[test]
fn a_link_that_lacks_what_is_mandatory_is_used_as_before() {
    let offer = read_whole(HostMeta2::On);
    let link = &offer.candidates[1];
    assert_eq!(link.url.to_string(), "https://web.example/http-bind");
    assert_eq!(link.priority, Candidate::LAST);
    assert_eq!(link.identity.sni, "web.example");
    assert_eq!(link.identity.names, ["web.example", DOMAIN]);
    assert!(link.identity.pins.is_empty() && link.addresses.is_empty());
}

/// B-D-026: what a browser cannot choose is left out.
#[test]
fn a_browser_uses_the_urls_alone() {
    let offer = read_whole(HostMeta2::UrlsOnly);
    assert!(offer.is_complete);
    for link in &offer.candidates {
        assert_eq!(link.identity.sni, "web.example");
        assert!(link.identity.pins.is_empty() && link.addresses.is_empty());
    }
    assert_eq!(offer.candidates[0].priority, 15, "the order can be chosen");
}

#[test]
fn a_ttl_is_kept_within_a_minute_and_a_week() {
    for (ttl, kept) in [
        ("0", 60),
        ("60", 60),
        ("61", 61),
        ("604800", 604_800),
        ("9999999999", 604_800),
    ] {
        let document = WHOLE.replace("3000", ttl);
        let offer = jrd(
            document.as_bytes(),
            DOMAIN,
            HostMeta2::On,
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(offer.ttl, Some(Duration::from_secs(kept)));
        let list = read_nodes(&format!(r#"{{"ttl": {ttl}, "nodes": []}}"#), Channel::Tls);
        assert_eq!(list.unwrap().ttl, Some(Duration::from_secs(kept)));
    }
    for odd in ["-1", "1.5", "\"60\"", "null"] {
        let document = WHOLE.replace("3000", odd);
        let offer = jrd(
            document.as_bytes(),
            DOMAIN,
            HostMeta2::On,
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(offer.ttl, None);
    }
}

/// A list of nodes is read with its defaults; what is not known is ignored; a node proves its own
/// name and no other.
#[test]
fn a_list_of_nodes() {
    let offer = read_nodes(
        r#"{"ttl": 90, "version": {}, "nodes": [
            {"websocket": "wss://t1.example:5291/", "bosh": "https://t1.example:5281/http-bind", "priority": 2, "weight": 3, "load": 0.5},
            {"bosh": "https://t2.example/"}, {"websocket": 7}, "t3", {"websocket": "ws://t4.example/"}]}"#,
        Channel::Tls,
    )
    .unwrap();
    assert_eq!(
        urls(&offer),
        [
            "wss://t1.example:5291/",
            "https://t1.example:5281/http-bind",
            "https://t2.example/"
        ]
    );
    let ranks: Vec<(u32, u16)> = offer
        .candidates
        .iter()
        .map(|c| (c.priority, c.weight))
        .collect();
    assert_eq!(ranks, [(2, 3), (2, 3), (0, 1)]);
    assert_eq!(offer.candidates[0].identity.names, ["t1.example"]);
    assert_eq!(offer.ignored.len(), 1);
}

/// What the application asked for in the clear cannot be lowered by endpoints in the clear.
#[test]
fn a_list_that_came_in_the_clear_may_name_nodes_in_the_clear() {
    let list =
        r#"{"nodes": [{"websocket": "ws://127.0.0.1:5280/ws", "bosh": "HTTPS://t.example/"}]}"#;
    assert_eq!(
        urls(&read_nodes(list, Channel::Plain).unwrap()),
        ["ws://127.0.0.1:5280/ws", "https://t.example/"]
    );
    assert_eq!(
        urls(&read_nodes(list, Channel::Tls).unwrap()),
        ["https://t.example/"]
    );
}
