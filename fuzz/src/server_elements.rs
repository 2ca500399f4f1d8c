use std::time::Instant;

use bytes::BytesMut;
use xmpp_stream::{
    Action, Relay,
    client::Tls,
    relay::{self, Config, ServerAction},
    session::Order,
};
use xmpp_wire::{Element, Piece, Repair, Splitter, StreamHeader, XmlErrorKind, XmlLimits};

use crate::xml_split::infoset;

const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:h='u:h' version='1.0'>";
const FEATURES: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
const PREFIXES: [&str; 6] = ["p", "q", "h", "é", "stream", "xml"];
const URIS: [&str; 8] = [
    "u:1",
    "u:2",
    "u:a&amp;b",
    "jabber:client",
    "urn:xmpp-web:undeclared:p",
    "",
    "http://www.w3.org/XML/1998/namespace",
    "http://www.w3.org/2000/xmlns/",
];
const LOCALS: [&str; 4] = ["a", "b", "日", "a:b"];
const TEXTS: [&str; 8] = [
    "text",
    "&amp;&#x41;",
    "<![CDATA[</x> & ]] <p:y>]]>",
    "é 😀 ]] >",
    "'\"",
    "\r\n\t",
    "&#0000000000000000000000000000000000000000000000000000000000000065;",
    "",
];

/// What a server makes of legal stanzas, of which `data` says how they look and what became of their declarations, comes through a relay: one stanza for
/// each, in order, right by the rules of XML and of Namespaces in XML, and whole where nothing says that its content went.
///
/// # Panics
///
/// Where that is not so, or where chunks can be told apart.
pub fn server_elements(data: &[u8]) {
    let Some((&step, rest)) = data.split_first() else {
        return;
    };
    let mut server = Server {
        choices: rest,
        out: String::new(),
    };
    let mut stanzas = Vec::new();
    while !server.choices.is_empty() && stanzas.len() < 12 {
        server.stanza(stanzas.len());
        stanzas.push(std::mem::take(&mut server.out));
    }
    let told = relayed(&stanzas, usize::MAX);
    assert_eq!(told, relayed(&stanzas, 1), "byte by byte");
    assert_eq!(told, relayed(&stanzas, 1 + usize::from(step)), "{step}");
    assert_eq!(told.len(), stanzas.len());
    for (number, (stanza, (element, repair))) in stanzas.iter().zip(&told).enumerate() {
        judge(number, stanza, element, *repair);
    }
    strict_is_the_same(&stanzas);
}

fn limits() -> XmlLimits {
    let mut limits = XmlLimits::default().with_element_bytes(2_000);
    limits.depth = 7;
    limits.attributes = 9;
    limits.declarations = 5;
    limits
}

/// What came of a stanza.
fn judge(number: usize, stanza: &str, element: &Element, repair: Option<Repair>) {
    let context = format!("{stanza}\n{element:?}\n{repair:?}");
    assert!(element.is_stanza(), "{context}");
    let id = element.attribute("id");
    assert_eq!(id.as_deref(), Some(&*number.to_string()), "{context}");
    let read = infoset(element.raw());
    assert!(read.is_ok(), "{read:?} {context}");
    let again = Element::parse(element.raw().clone(), &XmlLimits::default());
    match again {
        Ok(again) => assert_eq!(again.name(), element.name(), "{context}"),
        // The header's declarations come on top.
        Err(error) => assert_eq!(error.kind, XmlErrorKind::TooManyAttributes, "{context}"),
    }
    match repair {
        None | Some(Repair::Namespaces) => {
            assert_eq!(text(element.raw()), text(stanza.as_bytes()), "{context}");
        }
        Some(_) => {
            assert!(element.raw().len() <= stanza.len() + 400, "{context}");
            let kind = element.attribute("type");
            let error = kind.as_deref() == Some("error");
            let answers = element.name().local == "iq" && stanza.contains("type='result'");
            assert_eq!(error, answers, "{context}");
            let children = element.children().count();
            assert_eq!(
                children,
                usize::from(element.name().local == "iq"),
                "{context}"
            );
        }
    }
}

/// What stands outside of the tags, as written.
fn text(raw: &[u8]) -> String {
    let raw = String::from_utf8_lossy(raw);
    let mut rest = &*raw;
    let mut found = String::new();
    while let Some((before, markup)) = rest.split_once('<') {
        found.push_str(before);
        if markup.starts_with("![CDATA[") {
            let (section, behind) = markup.split_once("]]>").expect("an end");
            found.push_str(section);
            rest = behind;
            continue;
        }
        let mut quote = None;
        let end = markup.find(|c| match quote {
            Some(open) => {
                quote = quote.filter(|_| c != open);
                false
            }
            None => {
                quote = Some(c).filter(|c| matches!(c, '"' | '\''));
                c == '>'
            }
        });
        rest = &markup[end.expect("an end") + 1..];
    }
    found
}

/// What the web side of a relay is told, the server's bytes coming `step` at a time.
fn relayed(stanzas: &[String], step: usize) -> Vec<(Element, Option<Repair>)> {
    let now = Instant::now();
    let mut config = Config::default();
    config.stream.tls = Tls::None;
    config.stream.xml = limits();
    config.protected = true;
    let opening = StreamHeader {
        to: Some("a.example".to_owned()),
        ..StreamHeader::default()
    };
    let mut relay = Relay::new(config, opening, now);
    let mut told = Vec::new();
    let mut repaired = None;
    relay.handle_input(&mut BytesMut::from(&*format!("{HEADER}{FEATURES}")), now);
    while relay.poll_action().is_some() {}
    for bytes in stanzas.concat().as_bytes().chunks(step) {
        relay.handle_input(&mut BytesMut::from(bytes), now);
        while let Some(action) = relay.poll_action() {
            match action {
                Action::Deliver(relay::Event::Session(Order::Element(element))) => {
                    told.push((element, repaired.take()));
                }
                Action::Deliver(relay::Event::Server(ServerAction::Repaired {
                    repair, ..
                })) => {
                    assert_eq!(repaired.replace(repair), None);
                }
                Action::Deliver(_) | Action::Handover(_) | Action::Close | Action::Abort => {
                    panic!("neither an element nor a word for {stanzas:?}")
                }
            }
        }
    }
    told
}

/// What the strict reader takes, the other takes byte for byte and without a word.
fn strict_is_the_same(stanzas: &[String]) {
    let read = |mut splitter: Splitter| {
        let mut input = BytesMut::from(&*format!("{HEADER}{}", stanzas.concat()));
        let mut found = Vec::new();
        while let Ok(Some(piece)) = splitter.next_piece(&mut input) {
            if let Piece::Element(element) = piece {
                found.push((element, splitter.repaired()));
            }
        }
        found
    };
    let strict = read(Splitter::stream(limits()));
    let lenient = read(Splitter::stream_of_server(limits()));
    assert_eq!(strict[..], lenient[..strict.len()]);
    let next = lenient.get(strict.len());
    assert!(next.is_none_or(|(_, repair)| repair.is_some()), "{next:?}");
}

/// A server that serialises as it likes: declarations stay, go, or move to where they do not belong.
struct Server<'a> {
    choices: &'a [u8],
    out: String,
}

impl Server<'_> {
    /// A choice of so many; the first where nothing is left to choose by.
    fn choose(&mut self, count: usize) -> usize {
        match self.choices.split_first() {
            Some((&choice, rest)) => {
                self.choices = rest;
                usize::from(choice) % count
            }
            None => 0,
        }
    }

    fn pick(&mut self, list: &[&'static str]) -> &'static str {
        let place = self.choose(list.len());
        list[place]
    }

    fn stanza(&mut self, id: usize) {
        let (name, kind) = [
            ("message", "chat"),
            ("presence", "unavailable"),
            ("iq", "get"),
            ("iq", "result"),
        ][self.choose(4)];
        self.out = format!("<{name} id='{id}' type='{kind}' to='a@b'");
        self.declarations();
        self.attributes();
        self.out.push('>');
        for _ in 0..self.choose(4) {
            self.element(0);
        }
        let text = self.pick(&TEXTS);
        self.out.push_str(text);
        self.out.push_str(&format!("</{name}>"));
    }

    fn element(&mut self, depth: usize) {
        let prefix = match self.choose(3) {
            0 => String::new(),
            _ => format!("{}:", self.pick(&PREFIXES)),
        };
        let local = match self.choose(30) {
            29 => "a:b".to_owned(),
            28 => "long-name-".repeat(110),
            place => LOCALS[place % 3].to_owned(),
        };
        let name = format!("{prefix}{local}");
        self.out.push_str(&format!("<{name}"));
        if self.choose(3) == 0 {
            let uri = self.pick(&URIS);
            self.out.push_str(&format!(" xmlns='{uri}'"));
        }
        self.declarations();
        self.attributes();
        let children = self.choose(4);
        if children == 0 && self.choose(2) == 0 {
            return self.out.push_str("/>");
        }
        self.out.push('>');
        let text = self.pick(&TEXTS);
        self.out.push_str(text);
        if depth < 8 {
            for _ in 0..children {
                self.element(depth + 1);
            }
        }
        if self.choose(40) == 39 {
            self.out.push_str(&"x".repeat(2_100));
        }
        self.out.push_str(&format!("</{name}>"));
    }

    /// Declarations of the sender's that the server kept here, or put here.
    fn declarations(&mut self) {
        let mut left: Vec<&str> = PREFIXES.to_vec();
        for _ in 0..self.choose(8).min(6) {
            let prefix = left.swap_remove(self.choose(left.len()));
            let uri = self.pick(&URIS);
            self.out.push_str(&format!(" xmlns:{prefix}='{uri}'"));
        }
    }

    fn attributes(&mut self) {
        let mut names: Vec<String> = Vec::new();
        for _ in 0..self.choose(12) {
            let local = self.pick(&LOCALS);
            let name = match self.choose(4) {
                0 => local.to_owned(),
                _ => format!("{}:{local}", self.pick(&PREFIXES)),
            };
            if !names.contains(&name) {
                let value = self.pick(&["", "1", "&lt;p:x/>", "a\tb\n", "\""]);
                self.out.push_str(&format!(" {name}='{value}'"));
                names.push(name);
            }
        }
    }
}
