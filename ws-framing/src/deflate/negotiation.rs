//! Offers and responses (RFC 7692 §5, §7.1).
//!
//! Rules. A server takes the first offer that it can do, and declines the others, not the connection. What a server accepts it repeats;
//! what it adds is what its configuration asks for, except `client_max_window_bits`, which only a client that offered it understands.
//! A client fails the connection for a response that is not an answer to what it offered.

use super::{Agreed, Config, Direction, LEAST_BITS, MOST_BITS, Takeover};
use crate::handshake::extensions::{self, Extension};

const NAME: &str = "permessage-deflate";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// A server's agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The agreed parameters, for `Connection::with_deflate`.
    pub agreed: Agreed,
    /// The value of `Sec-WebSocket-Extensions` in the response.
    pub response: String,
}

/// `Sec-WebSocket-Extensions` that do not follow RFC 6455 §9.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Sec-WebSocket-Extensions is malformed")]
pub struct Malformed;

/// A response that is no answer to the offer: the connection has to fail (RFC 7692 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's extensions are not what was offered")]
pub struct NotOffered;

/// The parameters of one offer or response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    client_bits: Option<ClientBits>,
}

/// `client_max_window_bits`, which offers may leave without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientBits {
    Any,
    AtMost(u8),
}

/// Takes the first offer of permessage-deflate that can be done, from the values of a request's `Sec-WebSocket-Extensions` lines.
///
/// # Errors
///
/// `Malformed`: the handshake has to be refused. An offer that cannot be done is no error (W-R-201).
pub fn accept<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
    config: &Config,
) -> Result<Option<Accepted>, Malformed> {
    let offers = extensions::parse(lines).ok_or(Malformed)?;
    Ok(accept_first(&offers, config))
}

pub(crate) fn accept_first(offers: &[Extension<'_>], config: &Config) -> Option<Accepted> {
    offers
        .iter()
        .filter(|extension| extension.name == NAME)
        .filter_map(Parameters::of_offer)
        .find_map(|offer| offer.accept(config))
}

/// A client's offer, the value of `Sec-WebSocket-Extensions` in its request.
pub fn offer(config: &Config) -> String {
    Parameters::offered(config).to_string()
}

/// Judges the values of a response's `Sec-WebSocket-Extensions` lines; `None` is a server that does without.
///
/// # Errors
///
/// `NotOffered`, for another extension, a parameter that is unknown, repeated or has a bad value, and for what was not offered.
pub fn confirm<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
    config: &Config,
) -> Result<Option<Agreed>, NotOffered> {
    let agreed = extensions::parse(lines).ok_or(NotOffered)?;
    match agreed.as_slice() {
        [] => Ok(None),
        [extension] if extension.name == NAME => {
            let response = Parameters::of_response(extension).ok_or(NotOffered)?;
            let offer = Parameters::offered(config);
            offer.confirm(response, config).map(Some).ok_or(NotOffered)
        }
        [..] => Err(NotOffered),
    }
}

impl Parameters {
    /// `None` where an offer has to be declined: a parameter is unknown, repeated, or has a bad value (RFC 7692 §7).
    fn of_offer(extension: &Extension<'_>) -> Option<Self> {
        let mut read = Self::default();
        for parameter in &extension.parameters {
            let value = parameter.value.as_deref();
            let repeated = match (parameter.name, value) {
                (SERVER_NO_TAKEOVER, None) => std::mem::replace(&mut read.server_no_takeover, true),
                (CLIENT_NO_TAKEOVER, None) => std::mem::replace(&mut read.client_no_takeover, true),
                (SERVER_BITS, Some(value)) => {
                    read.server_bits.replace(window_bits(value)?).is_some()
                }
                (CLIENT_BITS, None) => read.client_bits.replace(ClientBits::Any).is_some(),
                (CLIENT_BITS, Some(value)) => {
                    let bits = ClientBits::AtMost(window_bits(value)?);
                    read.client_bits.replace(bits).is_some()
                }
                _ => return None,
            };
            if repeated {
                return None;
            }
        }
        Some(read)
    }

    /// The same for a response, where `client_max_window_bits` has a value.
    fn of_response(extension: &Extension<'_>) -> Option<Self> {
        Self::of_offer(extension).filter(|read| read.client_bits != Some(ClientBits::Any))
    }

    /// What a client offers.
    fn offered(config: &Config) -> Self {
        Self {
            server_no_takeover: config.their_takeover == Takeover::Reset,
            client_no_takeover: config.our_takeover == Takeover::Reset,
            server_bits: Some(config.their_bits()).filter(|&bits| bits < MOST_BITS),
            client_bits: Some(match config.our_bits() {
                MOST_BITS => ClientBits::Any,
                bits => ClientBits::AtMost(bits),
            }),
        }
    }

    /// A server's answer; `None` declines.
    fn accept(self, config: &Config) -> Option<Accepted> {
        let server_bits = self.server_bits.unwrap_or(MOST_BITS).min(config.our_bits());
        if server_bits < LEAST_BITS {
            return None;
        }
        let client_bits = match self.client_bits {
            // It would not understand a limit.
            None => MOST_BITS,
            Some(ClientBits::Any) => config.their_bits(),
            Some(ClientBits::AtMost(bits)) => bits.min(config.their_bits()),
        };
        let response = Self {
            server_no_takeover: self.server_no_takeover || config.our_takeover == Takeover::Reset,
            client_no_takeover: self.client_no_takeover || config.their_takeover == Takeover::Reset,
            server_bits: self
                .server_bits
                .map(|_| server_bits)
                .or(Some(server_bits).filter(|&bits| bits < MOST_BITS)),
            client_bits: Some(ClientBits::AtMost(client_bits)).filter(|_| client_bits < MOST_BITS),
        };
        Some(Accepted {
            agreed: response.agreed(config),
            response: response.to_string(),
        })
    }

    /// Whether `response` answers this offer (RFC 7692 §7.1.1, §7.1.2).
    fn confirm(self, response: Self, config: &Config) -> Option<Agreed> {
        let echoed = response.server_no_takeover || !self.server_no_takeover;
        let small = self
            .server_bits
            .is_none_or(|most| response.server_bits.is_some_and(|bits| bits <= most));
        let asked = response.client_bits.is_none() || self.client_bits.is_some();
        if !(echoed && small && asked) {
            return None;
        }
        let mut agreed = response.agreed(config);
        // What we said of ourselves holds whether or not the server repeated it.
        agreed.client.window_bits = agreed.client.window_bits.min(config.our_bits());
        agreed.client.takeover = match config.our_takeover {
            Takeover::Reset => Takeover::Reset,
            Takeover::Keep => agreed.client.takeover,
        };
        Some(agreed)
    }

    /// What a response means.
    fn agreed(self, config: &Config) -> Agreed {
        let takeover = |forbidden| {
            if forbidden {
                Takeover::Reset
            } else {
                Takeover::Keep
            }
        };
        Agreed {
            server: Direction {
                takeover: takeover(self.server_no_takeover),
                window_bits: self.server_bits.unwrap_or(MOST_BITS),
            },
            client: Direction {
                takeover: takeover(self.client_no_takeover),
                window_bits: match self.client_bits {
                    Some(ClientBits::AtMost(bits)) => bits,
                    Some(ClientBits::Any) | None => MOST_BITS,
                },
            },
            threshold_bytes: config.threshold_bytes,
            level: config.level,
        }
    }
}

impl std::fmt::Display for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(NAME)?;
        if self.server_no_takeover {
            write!(f, "; {SERVER_NO_TAKEOVER}")?;
        }
        if self.client_no_takeover {
            write!(f, "; {CLIENT_NO_TAKEOVER}")?;
        }
        if let Some(bits) = self.server_bits {
            write!(f, "; {SERVER_BITS}={bits}")?;
        }
        match self.client_bits {
            Some(ClientBits::Any) => write!(f, "; {CLIENT_BITS}"),
            Some(ClientBits::AtMost(bits)) => write!(f, "; {CLIENT_BITS}={bits}"),
            None => Ok(()),
        }
    }
}

impl Config {
    fn our_bits(&self) -> u8 {
        self.our_window_bits.clamp(LEAST_BITS, MOST_BITS)
    }

    fn their_bits(&self) -> u8 {
        self.their_window_bits.clamp(8, MOST_BITS)
    }
}

/// RFC 7692 §7.1.2: 8 to 15, without leading zeros.
fn window_bits(value: &str) -> Option<u8> {
    match value {
        "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15" => value.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-R-205: a client that did not offer `client_max_window_bits` takes no response that has it.
    #[test]
    fn a_limit_that_was_not_offered_is_no_answer() {
        let config = Config::default();
        let offer = Parameters {
            client_bits: None,
            ..Parameters::offered(&config)
        };
        let mut response = offer;
        assert!(offer.confirm(response, &config).is_some());
        response.client_bits = Some(ClientBits::AtMost(15));
        assert_eq!(offer.confirm(response, &config), None);
    }
}
