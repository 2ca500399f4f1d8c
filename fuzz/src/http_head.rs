use bytes::Bytes;
use xmpp_http1::{client, server};

use crate::http_ends::{FIELDS, START_LINE_BYTES, answered, ask, serve};

/// Reads `data` (the first byte chooses the pieces and the request) as requests and as answers.
///
/// # Panics
///
/// Where pieces can be told apart, a limit does not hold, or what was read is not read again from what it is written as.
pub fn http_head(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    let step = usize::from(choice);
    let (whole, requests) = serve(bytes, bytes.len());
    assert_eq!(serve(bytes, 1).0, whole, "byte by byte");
    assert_eq!(serve(bytes, step).0, whole, "{step} bytes at a time");
    requests.iter().for_each(write_again);

    let request = match choice % 4 {
        0 => client::Request::new("GET", "/", "h"),
        1 => client::Request::new("HEAD", "/", "h"),
        2 => client::Request::new("CONNECT", "h:1", "h:1"),
        _ => client::Request::new("GET", "/", "h").with_field("Upgrade", "websocket"),
    };
    let (whole, responses) = ask(&request, bytes, bytes.len());
    assert_eq!(ask(&request, bytes, 1).0, whole, "byte by byte");
    assert_eq!(
        ask(&request, bytes, step).0,
        whole,
        "{step} bytes at a time"
    );
    assert!(responses.len() <= 1, "one request, one answer");
    responses.iter().for_each(answer_again);
}

/// Our client's spelling of a request means the same to our server.
fn write_again(request: &server::Request) {
    let head = &request.head;
    assert!(head.method().len() + head.target().len() < START_LINE_BYTES);
    let names = ["host", "connection", "content-length", "transfer-encoding"];
    let (host, fields) = (head.authority(), head.list("x").count());
    assert!(fields <= START_LINE_BYTES * FIELDS);
    let Some(host) = host else { return };
    let mut again = client::Request::new(head.method(), head.target(), host);
    again.body = request.body.clone();
    if again.flaw().is_some() {
        // A target that is no ASCII, or a CONNECT, which is never delivered.
        return;
    }
    let (outcome, _) = ask(&again, b"", 1);
    let (_, read) = serve(&outcome.written, 7);
    let [read] = read.as_slice() else {
        panic!("{head:?} is not read from what it is written as");
    };
    assert_eq!(
        (read.head.method(), read.head.target()),
        (head.method(), head.target())
    );
    assert_eq!(
        (read.head.authority(), &read.body),
        (head.authority(), &request.body)
    );
    assert_eq!(read.head.fields("host").count(), 1);
    for name in names.iter().filter(|name| **name != "host") {
        assert!(read.head.fields(name).count() <= 1, "{name}");
    }
}

/// Our server's spelling of an answer means the same to our client.
fn answer_again(response: &client::Response) {
    let head = &response.head;
    assert!(head.lines().count() <= FIELDS);
    let status = head.status();
    if !(200..=599).contains(&status) {
        return;
    }
    let fields: Vec<(String, String)> = head
        .lines()
        .filter_map(|(name, value)| {
            let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).ok();
            Some((text(name)?, text(value)?))
        })
        // These say how this very message is framed.
        .filter(|(name, _)| {
            !["connection", "keep-alive", "content-length", "transfer-encoding", "upgrade"]
                .contains(&name.to_ascii_lowercase().as_str())
        })
        .collect();
    let body = match status {
        204 | 304 => Bytes::new(),
        _ => response.body.clone(),
    };
    let written = answered(status, &fields, body.clone());
    let (_, read) = ask(&client::Request::new("GET", "/", "h"), &written, 5);
    let [read] = read.as_slice() else {
        // The fields that a server adds may be one too many here.
        assert!(
            fields.len() + 1 >= FIELDS || written.len() > 256,
            "{head:?}"
        );
        return;
    };
    assert_eq!((read.head.status(), &read.body), (status, &body));
    for (name, value) in &fields {
        assert!(
            read.head.fields(name).any(|read| read == value.as_bytes()),
            "{name}: {value}"
        );
    }
}
