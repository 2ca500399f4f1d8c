use bytes::BytesMut;
use ws_framing::{
    deflate,
    handshake::{
        client::{self, Endpoint, Handshake},
        server,
    },
};
use xmpp_http1::{RequestHead, Version};

/// Takes `data` as a request's field lines, as a response, as extensions and as a URI; its first byte chooses the chunks.
///
/// # Panics
///
/// Where a 101 says what was not offered or could split a head, chunks of a response can be told apart, a server's answer on compression
/// cannot be read by a client, or a URI's parts could split a head.
pub fn handshake(data: &[u8]) {
    let Some((&step, data)) = data.split_first() else {
        return;
    };
    request(data);
    response(data, usize::from(step).max(1));
    extensions(data);
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(endpoint) = Endpoint::parse(text)
    {
        let all = format!("{}{}", endpoint.authority(), endpoint.target());
        assert!(all.bytes().all(|byte| byte.is_ascii_graphic()), "{all}");
    }
}

/// Lines of `name: value` behind a good head without them.
fn request(data: &[u8]) {
    let mut head = RequestHead::new("GET", "/ws", Version::Http11);
    for line in data.split(|&byte| byte == b'\n') {
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &b""[..]),
        };
        if let Ok(name) = std::str::from_utf8(name) {
            head = head.with_field(name, value);
        }
    }
    let mut config = server::Config::default();
    config.compression = Some(deflate::Config::default());
    let Ok(accepted) = server::accept(&head, 0, &config) else {
        return;
    };
    assert_eq!(accepted.response.status, 101);
    let value = |wanted: &str| {
        let fields = &accepted.response.fields;
        let mut values = fields
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let value = values.next().map(|(_, value)| value.as_ref());
        assert!(values.next().is_none(), "{wanted} twice");
        value
    };
    assert_eq!(value("upgrade"), Some("websocket"));
    assert_eq!(value("connection"), Some("Upgrade"));
    assert_eq!(value("sec-websocket-accept").map(str::len), Some(28));
    assert_eq!(value("sec-websocket-protocol"), Some("xmpp"));
    assert!(head.has_token("upgrade", "websocket") && head.has_token("connection", "upgrade"));
    assert_eq!(
        value("sec-websocket-extensions").is_some(),
        accepted.compression.is_some()
    );
    assert!(
        accepted.compression.is_none()
            || head
                .list("sec-websocket-extensions")
                .any(|extension| extension.starts_with(b"permessage-deflate"))
    );
}

fn response(data: &[u8], step: usize) {
    let run = |step: usize| {
        let endpoint = Endpoint::parse("wss://chat.example/ws").expect("a URI");
        let mut config = client::Config::default();
        config.compression = Some(deflate::Config::default());
        config.head_bytes = 512;
        let mut handshake = Handshake::new(&endpoint, config, [7; 32]);
        let mut input = BytesMut::new();
        for (at, piece) in data.chunks(step).enumerate() {
            input.extend_from_slice(piece);
            match handshake.handle_input(&mut input) {
                Ok(None) => assert!(input.len() <= 512, "{} bytes wait", input.len()),
                Ok(Some(upgraded)) => {
                    let read = data.len().min((at + 1) * step);
                    let rest = &data[read..];
                    return Ok(Some((upgraded, [&input[..], rest].concat())));
                }
                Err(refused) => return Err(refused),
            }
        }
        Ok(None)
    };
    let whole = run(data.len().max(1));
    assert_eq!(run(1), whole, "byte by byte");
    assert_eq!(run(step), whole, "{step} bytes at a time");
}

fn extensions(data: &[u8]) {
    let mut config = deflate::Config::default();
    config.our_takeover = deflate::Takeover::Keep;
    config.their_takeover = deflate::Takeover::Keep;
    let lines = || data.split(|&byte| byte == b'\n');
    if let Ok(Some(accepted)) = deflate::accept(lines(), &config) {
        let answer = deflate::confirm([accepted.response.as_bytes()], &config);
        assert!(matches!(answer, Ok(Some(_))), "{}", accepted.response);
        let bits = accepted.agreed.server_window_bits();
        assert!((9..=15).contains(&bits), "{bits}");
    }
    let _ = deflate::confirm(lines(), &config);
}
