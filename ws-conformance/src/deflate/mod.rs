//! permessage-deflate on the side of a subject's peer (RFC 7692): what it asks for, what was agreed, and both codecs.

mod codec;
pub(crate) mod corpus;
mod distance;

use crate::{Mismatch, Subject};

pub(crate) use codec::{Deflater, Inflater};

const NAME: &str = "permessage-deflate";

/// What is asked of the subject's compressor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// It must begin each message anew.
    pub no_context_takeover: bool,
    /// It must not look back further than two to the power of this.
    pub window_bits: Option<u8>,
}

/// What one direction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Each message begins anew.
    pub no_context_takeover: bool,
    /// The window of the compressor, as a power of two of bytes.
    pub window_bits: u8,
}

/// What the opening handshake agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Of the subject's compressor.
    pub subject: Direction,
    /// Of the compressor of the peer that runs the conversations.
    pub peer: Direction,
}

impl Request {
    /// One offer towards a server: what is asked of it, and that a limit of our own window would be kept.
    fn offer(self) -> String {
        let mut offer = NAME.to_owned();
        if self.no_context_takeover {
            offer += "; server_no_context_takeover";
        }
        if let Some(bits) = self.window_bits {
            offer += &format!("; server_max_window_bits={bits}");
        }
        offer + "; client_max_window_bits"
    }

    fn is_met(self, direction: Direction) -> bool {
        (direction.no_context_takeover || !self.no_context_takeover)
            && self
                .window_bits
                .is_none_or(|bits| direction.window_bits <= bits)
    }
}

/// The value of Sec-WebSocket-Extensions towards a server: these requests, the most wanted first.
pub fn offer(requests: &[Request]) -> String {
    let offers: Vec<_> = requests.iter().map(|request| request.offer()).collect();
    offers.join(", ")
}

/// The answer to a client's offer: the first request that it can meet. `None` where it offers nothing that will do.
pub fn answer(requests: &[Request], offered: &str) -> Option<String> {
    let offer = parse(offered).into_iter().find(|one| one.name == NAME)?;
    let hinted = offer.value("client_max_window_bits").is_some();
    let request = requests
        .iter()
        .find(|request| hinted || request.window_bits.is_none())?;
    let mut answer = NAME.to_owned();
    if request.no_context_takeover {
        answer += "; client_no_context_takeover";
    }
    if let Some(bits) = request.window_bits {
        answer += &format!("; client_max_window_bits={bits}");
    }
    if offer.value("server_no_context_takeover").is_some() {
        answer += "; server_no_context_takeover";
    }
    if let Some(Some(bits)) = offer.value("server_max_window_bits") {
        answer += &format!("; server_max_window_bits={bits}");
    }
    Some(answer)
}

/// Reads an answer: a server's, or ours to a client.
///
/// # Errors
///
/// It is no answer to the first request.
pub fn agree(requests: &[Request], subject: Subject, answer: &str) -> Result<Agreed, Mismatch> {
    let wrong = || Mismatch::new(format!("{answer:?} agreed for {:?}", offer(requests)));
    let answers = parse(answer);
    let [one] = &answers[..] else {
        return Err(wrong());
    };
    let direction = |end: &str| {
        let window_bits = match one.value(&format!("{end}_max_window_bits")) {
            None => 15,
            Some(Some(bits)) => bits.parse().ok().filter(|bits| (8..=15).contains(bits))?,
            Some(None) => return None,
        };
        Some(Direction {
            no_context_takeover: one.value(&format!("{end}_no_context_takeover")).is_some(),
            window_bits,
        })
    };
    let (server, client) = direction("server")
        .zip(direction("client"))
        .ok_or_else(wrong)?;
    let agreed = match subject {
        Subject::Server => Agreed {
            subject: server,
            peer: client,
        },
        Subject::Client => Agreed {
            subject: client,
            peer: server,
        },
    };
    let met = requests
        .first()
        .is_some_and(|request| request.is_met(agreed.subject));
    if one.name == NAME && met {
        Ok(agreed)
    } else {
        Err(wrong())
    }
}

/// The payload of a first message to the subject, for frames by hand.
pub fn compress(agreed: Agreed, message: &[u8]) -> Vec<u8> {
    Deflater::new(agreed.peer).message(message)
}

/// One extension of a list, with its parameters.
struct Extension<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Extension<'a> {
    fn value(&self, name: &str) -> Option<Option<&'a str>> {
        let found = self.parameters.iter().find(|(one, _)| *one == name);
        found.map(|(_, value)| *value)
    }
}

fn parse(list: &str) -> Vec<Extension<'_>> {
    list.split(',')
        .map(|extension| {
            let mut parts = extension.split(';').map(str::trim);
            Extension {
                name: parts.next().unwrap_or_default(),
                parameters: parts
                    .map(|part| match part.split_once('=') {
                        Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
                        None => (part, None),
                    })
                    .collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Request; 2] = [
        Request {
            no_context_takeover: true,
            window_bits: Some(9),
        },
        Request {
            no_context_takeover: false,
            window_bits: None,
        },
    ];

    #[test]
    fn an_offer_has_all_requests() {
        assert_eq!(
            offer(&BOTH),
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits, \
             permessage-deflate; client_max_window_bits"
        );
    }

    #[test]
    fn an_answer_keeps_to_what_the_client_can() {
        assert_eq!(answer(&BOTH, "foo"), None);
        assert_eq!(answer(&BOTH[..1], "permessage-deflate"), None);
        assert_eq!(
            answer(&BOTH, "permessage-deflate; server_max_window_bits=10").as_deref(),
            Some("permessage-deflate; server_max_window_bits=10")
        );
        assert_eq!(
            answer(&BOTH, "permessage-deflate; client_max_window_bits").as_deref(),
            Some("permessage-deflate; client_no_context_takeover; client_max_window_bits=9")
        );
    }

    #[test]
    fn an_answer_must_meet_the_first_request() {
        let met = "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=12";
        let agreed = agree(&BOTH, Subject::Server, met).unwrap();
        assert_eq!(agreed.subject.window_bits, 9);
        assert_eq!(agreed.peer.window_bits, 12);
        for answer in [
            "",
            "permessage-deflate",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits",
        ] {
            agree(&BOTH, Subject::Server, answer).unwrap_err();
        }
    }
}
