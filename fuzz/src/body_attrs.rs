use std::{sync::Arc, time::Instant};

use bosh_proto::{
    Channel, ConnectionId, Request, Response,
    server::{Action, Config, Manager},
};
use xmpp_wire::{Wrapped, XmlLimits, ns, xml::escape_attribute};

const NAMES: [&str; 12] = [
    "rid", "wait", "hold", "ver", "to", "ack", "content", "newkey", "route", "from", "xml:lang",
    "sid",
];

/// Creates a session with attributes of any value: the first byte says whether the rest is taken as attributes as they are written, or as
/// values for known names, one a line.
///
/// # Panics
///
/// Where an answer is no wrapper, or grants something else than what plain integers and the caps say.
pub fn body_attrs(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    let mut body = b"<body xmlns='http://jabber.org/protocol/httpbind'".to_vec();
    let mut values = [const { None::<&str> }; NAMES.len()];
    if mode % 2 == 0 {
        body.push(b' ');
        body.extend_from_slice(rest);
    } else {
        let Ok(text) = std::str::from_utf8(rest) else {
            return;
        };
        for line in text.split('\n') {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let place = NAMES.iter().position(|known| known.starts_with(name));
            let Some(place) = place.filter(|place| values[*place].is_none()) else {
                continue;
            };
            let is_legal = |c: char| c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}');
            if !value.chars().all(is_legal) {
                continue;
            }
            values[place] = Some(value);
            body.extend_from_slice(format!(" {}='", NAMES[place]).as_bytes());
            escape_attribute(value, &mut body);
            body.push(b'\'');
        }
    }
    body.extend_from_slice(b"/>");
    let response = answer(body);
    if let (1, Some(response)) = (mode % 2, response) {
        judge(&values, &response);
    }
}

/// The answer to a creation; at once, as the clock passes what it waits for.
fn answer(body: Vec<u8>) -> Option<Response> {
    let mut config = Config::default();
    config.allow_html = true;
    let patience = config.creation_timeout;
    let mut manager = Manager::new(Arc::new(config), [7; 32]);
    let now = Instant::now();
    let request = Request {
        body: body.into(),
        connection: ConnectionId(1),
        address: None,
        channel: Channel::Tls,
    };
    let id = manager.handle_request(request, now);
    manager.handle_timeout(now + patience);
    while let Some(action) = manager.poll_action() {
        match action {
            Action::Respond {
                id: answered,
                response,
            } => {
                assert_eq!(answered, id);
                return Some(response);
            }
            Action::Abort { .. } | Action::Deliver { .. } => {}
        }
    }
    panic!("no answer");
}

fn judge(values: &[Option<&str>; NAMES.len()], response: &Response) {
    let body =
        Wrapped::parse(response.body.clone(), &[], &XmlLimits::default()).expect("a wrapper");
    assert!(body.wrapper.is("body", ns::HTTPBIND));
    assert!(response.content_type.is_ascii() && !response.content_type.contains(['\r', '\n']));
    let [rid, wait, hold, ver, to, _, _, newkey, ..] = values;
    let granted = |name: &str| body.wrapper.attribute(name).map(|value| value.into_owned());
    if granted("sid").is_none() {
        let status = response.status;
        assert_eq!(granted("type").as_deref(), Some("terminate"));
        assert!(status == 200 || (status == 400 && ver.is_none()) || status == 404);
        return;
    }
    assert!(
        values[NAMES.len() - 1].is_none(),
        "created although a sid came"
    );
    let rid = rid.map(number).expect("no session without a rid");
    assert!((1..=9_007_199_254_740_991).contains(&rid), "{rid}");
    assert!(to.is_some_and(|to| !to.trim().is_empty()));
    assert!(newkey.is_none_or(|key| key.len() == 40));
    let wait = wait.map_or(55, number).min(55);
    assert_eq!(granted("wait"), Some(wait.to_string()));
    let hold = hold.map_or(1, number).min(1);
    assert_eq!(granted("hold"), Some(hold.to_string()));
    assert_eq!(granted("requests"), Some((hold + 1).to_string()));
    assert_eq!(granted("ack"), Some(rid.to_string()));
    assert_eq!(granted("ver").is_some(), ver.is_some());
}

/// What was granted is digits; as a number, or more than any cap.
fn number(text: &str) -> u64 {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    assert!(is_number, "{text:?} is granted");
    text.parse().unwrap_or(u64::MAX)
}
