use xmpp_http1::client::Request;

use crate::http_ends::{BODY_BYTES, FIELDS, HEAD_BYTES, ask, serve};

const POST: &str = "POST / HTTP/1.1\r\nHost: h\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\n";
/// What a reader that takes too much, or too little, does not see.
const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n";

/// Reads `data` (the first byte chooses the pieces) as a chunked body, and as the content of bodies of every framing.
///
/// # Panics
///
/// Where pieces can be told apart, the decoder and its naive twin disagree, or content does not come out as it went in.
pub fn http_body(data: &[u8]) {
    let Some((&step, bytes)) = data.split_first() else {
        return;
    };
    raw_chunks(bytes, usize::from(step));
    content(bytes, usize::from(step));
}

/// The bytes as they are, behind heads that promise chunks.
fn raw_chunks(bytes: &[u8], step: usize) {
    let fields = "Transfer-Encoding: chunked\r\n\r\n";
    let expected = twin(bytes);

    let input = [POST.as_bytes(), fields.as_bytes(), bytes].concat();
    let (whole, requests) = serve(&input, input.len());
    assert_eq!(serve(&input, 1).0, whole, "byte by byte");
    assert_eq!(serve(&input, step).0, whole, "{step} bytes at a time");
    let body = requests.first().map(|request| &request.body[..]);
    assert_eq!(
        body,
        expected.as_ref().map(|(body, _)| &body[..]),
        "a server"
    );

    let input = [OK.as_bytes(), fields.as_bytes(), bytes].concat();
    let get = Request::new("GET", "/", "h");
    let (whole, responses) = ask(&get, &input, input.len());
    assert_eq!(ask(&get, &input, 1).0, whole, "byte by byte");
    assert_eq!(ask(&get, &input, step).0, whole, "{step} bytes at a time");
    let body = responses.first().map(|response| &response.body[..]);
    assert_eq!(
        body,
        expected.as_ref().map(|(body, _)| &body[..]),
        "a client"
    );
    // What is left answers nothing.
    let surplus = expected.is_some_and(|(_, rest)| !rest.is_empty());
    assert_eq!(
        whole.log.iter().any(|line| line.contains("Unsolicited")),
        surplus
    );
}

/// The bytes as content, in each framing: they come out whole, or are too many.
fn content(bytes: &[u8], step: usize) {
    let chunked: Vec<u8> = bytes
        .chunks(step.max(1))
        .flat_map(|chunk| {
            [
                format!("{:x};e\r\n", chunk.len()).as_bytes(),
                chunk,
                b"\r\n",
            ]
            .concat()
        })
        .chain(*b"0\r\nT: 1\r\n\r\n")
        .collect();
    let length = format!("Content-Length: {}\r\n\r\n", bytes.len());
    let framings = [
        (length.as_str(), bytes),
        ("Transfer-Encoding: chunked\r\n\r\n", &chunked),
        ("\r\n", bytes),
    ];
    // Each chunk has an extension, and all of them are bounded together.
    let extended = bytes.len().div_ceil(step.max(1)) > HEAD_BYTES;
    for (index, (fields, framed)) in framings.into_iter().enumerate() {
        let fits = bytes.len() <= BODY_BYTES && !(index == 1 && extended);
        if index < 2 {
            let input = [POST.as_bytes(), fields.as_bytes(), framed, NEXT].concat();
            let (_, requests) = serve(&input, step);
            let bodies: Vec<_> = requests.iter().map(|request| &request.body[..]).collect();
            let expected: &[&[u8]] = if fits { &[bytes, b""] } else { &[] };
            assert_eq!(bodies, expected, "{fields}");
        }
        let input = [OK.as_bytes(), fields.as_bytes(), framed].concat();
        let (outcome, responses) = ask(&Request::new("GET", "/", "h"), &input, step);
        let bodies: Vec<_> = responses
            .iter()
            .map(|response| &response.body[..])
            .collect();
        let expected: &[&[u8]] = if fits { &[bytes] } else { &[] };
        assert_eq!(bodies, expected, "{fields} {:?}", outcome.log);
    }
}

/// A chunked body read as RFC 9112 §7.1 has it, with everything there: the body, and what is behind it.
fn twin(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut body, mut rest, mut extensions) = (Vec::new(), bytes, 0);
    loop {
        let (line, after) = line(rest)?;
        let digits = line
            .iter()
            .take_while(|octet| octet.is_ascii_hexdigit())
            .count();
        let (size, extension) = line.split_at(digits);
        let blank = extension
            .iter()
            .take_while(|octet| b" \t".contains(octet))
            .count();
        let good = (1..=16).contains(&digits)
            && (extension.is_empty() || extension.get(blank) == Some(&b';'))
            && extension.iter().all(|&octet| is_text(octet));
        // The semicolon is not counted.
        extensions += extension.len().saturating_sub(1);
        let size = u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        let room = u64::try_from(BODY_BYTES - body.len()).ok()?;
        if !good || extensions > HEAD_BYTES || size > room {
            return None;
        }
        rest = after;
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).ok()?;
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
    let (mut trailers, mut lines) = (0, 0);
    loop {
        let (trailer, after) = line(rest)?;
        rest = after;
        if trailer.is_empty() {
            return Some((body, rest));
        }
        let colon = trailer.iter().position(|&octet| octet == b':')?;
        let (name, value) = trailer.split_at(colon);
        let token =
            |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
        // Nor is the colon.
        trailers += trailer.len() - 1;
        lines += 1;
        let good =
            !name.is_empty() && name.iter().all(token) && value.iter().all(|&octet| is_text(octet));
        if !good || trailers > HEAD_BYTES || lines > FIELDS {
            return None;
        }
    }
}

/// Up to CRLF; no other CR or LF.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|octet| b"\r\n".contains(octet))?;
    let (line, rest) = bytes.split_at(end);
    Some((line, rest.strip_prefix(b"\r\n")?))
}

fn is_text(octet: u8) -> bool {
    octet == b'\t' || (octet >= b' ' && octet != 0x7f)
}
