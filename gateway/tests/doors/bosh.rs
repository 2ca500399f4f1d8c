//! Bodies and requests that are not BOSH.

use crate::{
    house::House,
    support::{
        bosh::{Bosh, creation, post},
        http::Http,
    },
    traffic::signed_in_bosh,
};

/// The body that ends a session, or refuses one.
fn terminal(condition: &str) -> String {
    format!(
        "<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='{condition}'/>"
    )
}

/// B-R-020, B-R-021, B-R-022, B-R-023, B-R-024, B-R-025, B-R-141.
#[test]
fn bodies_that_are_none_get_bad_request() {
    let house = House::open();
    let good = creation("localhost");
    let spoilt = |from: &str, to: &str| good.replace(from, to);
    let cases = [
        String::new(),
        "hello".to_owned(),
        "{\"rid\": 1}".to_owned(),
        "<body".to_owned(),
        "</body>".to_owned(),
        format!("{good}{good}"),
        spoilt("/>", ">"),
        spoilt("<body", "<bodies"),
        spoilt("xmlns='http://jabber.org/protocol/httpbind'", ""),
        spoilt("protocol/httpbind", "protocol/httpbinds"),
        spoilt("/>", "><!-- a comment --></body>"),
        spoilt("/>", "><?a pi?></body>"),
        spoilt("/>", ">text</body>"),
        spoilt("/>", "><![CDATA[text]]></body>"),
        spoilt("/>", "><a:b/></body>"),
        spoilt("/>", "><b></c></body>"),
        spoilt("/>", ">&unknown;</body>"),
        spoilt("rid='1000'", "rid='1000' rid='1000'"),
        format!("<!DOCTYPE body>{good}"),
        format!("<!DOCTYPE body [<!ENTITY a \"b\">]>{good}"),
        format!("<?xml version='1.0' encoding='utf-16'?>{good}"),
        spoilt("rid='1000'", ""),
        spoilt("rid='1000'", "rid='0'"),
        spoilt("rid='1000'", "rid='-1'"),
        spoilt("rid='1000'", "rid='one'"),
        spoilt("rid='1000'", "rid='9007199254740992'"),
        spoilt("wait='5'", "wait='x'"),
        spoilt("hold='1'", "hold='-1'"),
        spoilt("text/xml; charset=utf-8", "text/xml&#13;&#10;X: y"),
        spoilt("text/xml; charset=utf-8", "text/html"),
    ];
    for _ in 0..3 {
        for case in &cases {
            let answer = post(house.address(), case);
            assert_eq!(
                (answer.status, answer.body),
                (200, terminal("bad-request")),
                "{case}"
            );
        }
    }
    let answer = post(house.address(), "hello");
    assert_eq!(
        answer.head,
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 92\r\n\r\n"
    );
    house.leave_intact();
}

/// B-R-033, B-R-034.
#[test]
fn domains_that_are_not_served_are_refused() {
    let house = House::open();
    for _ in 0..20 {
        let answer = post(house.address(), &creation("elsewhere.example"));
        assert_eq!(
            (answer.status, answer.body),
            (200, terminal("host-unknown"))
        );
        let answer = post(house.address(), &creation(""));
        assert_eq!(
            (answer.status, answer.body),
            (200, terminal("improper-addressing"))
        );
    }
    house.leave_intact();
}

/// B-R-141, B-R-170, B-R-172.
#[test]
fn an_unknown_sid_gets_item_not_found_for_any_page_to_read() {
    let house = House::open();
    for sid in ["", "x", "0", "' onload='", &"f".repeat(1_000)] {
        for _ in 0..5 {
            let sid = sid.replace('\'', "&apos;");
            let body =
                format!("<body xmlns='http://jabber.org/protocol/httpbind' rid='1' sid='{sid}'/>");
            let answer = post(house.address(), &body);
            assert_eq!(answer.status, 200);
            assert_eq!(answer.field("Access-Control-Allow-Origin"), Some("*"));
            assert_eq!(answer.body, terminal("item-not-found"));
        }
    }
    house.leave_intact();
}

/// What a session does wrong ends it, and it alone; the next request finds nobody.
fn ends(session: &mut Bosh, body: &str, condition: &str) {
    let answer = session.http.ask("POST", "/http-bind", "", body);
    assert_eq!(
        (answer.status, answer.body),
        (200, terminal(condition)),
        "{body}"
    );
    assert_eq!(session.exchange("", ""), terminal("item-not-found"));
}

#[test]
fn a_fault_in_a_session_ends_it_alone() {
    let house = House::open();
    for round in 0..3 {
        let cases = [
            ("rid='{out}' sid='{sid}'/>", "item-not-found"),
            ("rid='1' sid='{sid}'/>", "item-not-found"),
            ("rid='x' sid='{sid}'/>", "bad-request"),
            ("sid='{sid}'/>", "bad-request"),
            ("rid='{next}' sid='{sid}'>text</body>", "bad-request"),
            ("rid='{next}' sid='{sid}'><a></b></body>", "bad-request"),
            ("rid='{next}' sid='{sid}'><!-- x --></body>", "bad-request"),
            ("rid='{next}' sid='{sid}' pause='x'/>", "bad-request"),
            (
                "rid='{next}' sid='{sid}' pause='9999'/>",
                "policy-violation",
            ),
        ];
        for (place, (case, condition)) in cases.into_iter().enumerate() {
            let mut session = signed_in_bosh(house.address(), &format!("wrong{round}-{place}"));
            let body = case
                .replace("{out}", &(session.rid + 4).to_string())
                .replace("{next}", &(session.rid + 1).to_string())
                .replace("{sid}", &session.sid);
            let body = format!("<body xmlns='http://jabber.org/protocol/httpbind' {body}");
            ends(&mut session, &body, condition);
        }
    }
    house.leave_intact();
}

/// Before SASL has succeeded a client may make us hold 16 384 bytes.
#[test]
fn a_large_body_before_authentication_gets_policy_violation() {
    let house = House::open();
    for _ in 0..5 {
        let large = format!("{}{}", creation("localhost"), " ".repeat(16_384));
        let answer = post(house.address(), &large);
        assert_eq!(
            (answer.status, answer.body),
            (200, terminal("policy-violation"))
        );
        let mut session = Bosh::create(house.address());
        let body = format!(
            "<body xmlns='http://jabber.org/protocol/httpbind' rid='{}' sid='{}'><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{}</auth></body>",
            session.rid + 1,
            session.sid,
            "A".repeat(16_384)
        );
        ends(&mut session, &body, "policy-violation");
    }
    house.leave_intact();
}

/// Each costs one pass over its bytes, and no stack.
#[test]
fn sixty_thousand_nested_elements_get_bad_request() {
    let house = House::open();
    for round in 0..3 {
        let mut session = signed_in_bosh(house.address(), &format!("deep{round}"));
        let body = format!(
            "<body xmlns='http://jabber.org/protocol/httpbind' rid='{}' sid='{}'><message xmlns='jabber:client'>{}",
            session.rid + 1,
            session.sid,
            "<a>".repeat(60_000)
        );
        ends(&mut session, &body, "bad-request");
    }
    house.leave_intact();
}

/// B-R-017.
#[test]
fn other_methods_get_405_and_touch_nothing() {
    let house = House::open();
    let mut session = signed_in_bosh(house.address(), "methods");
    for round in 0..5 {
        for method in ["PUT", "DELETE", "PATCH", "BREW"] {
            let mut http = Http::connect(house.address());
            let answer = http.ask(method, &format!("/bosh?sid={}", session.sid), "", "");
            assert_eq!(answer.status, 405);
            assert_eq!(answer.field("Allow"), Some("GET, HEAD, POST, OPTIONS"));
        }
        session.echo(&format!("round {round}"));
    }
    session.exchange("type='terminate'", "");
    drop(session);
    house.leave_intact();
}
