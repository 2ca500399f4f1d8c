//! SASL PLAIN (RFC 4616) and ANONYMOUS (RFC 4505).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use xmpp_wire::{Element, ns};

use super::jid;

/// Who logged in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// Under this name.
    Named(String),
    /// Under a name that is made for it.
    Anonymous,
    /// PLAIN without an initial response: an empty challenge asks for it (RFC 6120 §6.4.2).
    Challenge,
}

/// A condition of RFC 6120 §6.5.
pub(super) type Failure = &'static str;

/// The feature that lists the mechanisms.
pub(super) fn mechanisms() -> Element {
    let mechanism = |name| Element::build("mechanism", ns::SASL).text(name).finish();
    Element::build("mechanisms", ns::SASL)
        .child(mechanism("PLAIN"))
        .child(mechanism("ANONYMOUS"))
        .finish()
}

/// Judges `<auth/>`.
pub(super) fn auth(element: &Element) -> Result<Login, Failure> {
    match element.attribute("mechanism").as_deref() {
        Some("ANONYMOUS") => Ok(Login::Anonymous),
        Some("PLAIN") => match element.text().as_str() {
            "" => Ok(Login::Challenge),
            text => plain(text),
        },
        Some(_) | None => Err("invalid-mechanism"),
    }
}

/// Judges the text of a PLAIN response: any name with any password that is not empty.
pub(super) fn plain(text: &str) -> Result<Login, Failure> {
    let decoded = BASE64_STANDARD
        .decode(text.trim())
        .map_err(|_| "incorrect-encoding")?;
    let decoded = String::from_utf8(decoded).map_err(|_| "malformed-request")?;
    let mut parts = decoded.split('\0');
    let (Some(authorized), Some(name), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("malformed-request");
    };
    let name = name.to_lowercase();
    // To act as somebody else nobody may.
    let own = authorized
        .split_once('@')
        .map_or(authorized, |(local, _)| local)
        .to_lowercase();
    if !own.is_empty() && own != name {
        return Err("invalid-authzid");
    }
    if password.is_empty() || !jid::is_local(&name) || name == super::account::ECHO {
        return Err("not-authorized");
    }
    Ok(Login::Named(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Result<Login, Failure> {
        plain(&BASE64_STANDARD.encode(text))
    }

    #[test]
    fn any_name_with_a_password_is_taken() {
        assert_eq!(judged("\0Ann\0secret"), Ok(Login::Named("ann".to_owned())));
        assert_eq!(
            judged("ann@localhost\0ann\0secret"),
            Ok(Login::Named("ann".to_owned()))
        );
        assert_eq!(judged("\0ann\0"), Err("not-authorized"));
        assert_eq!(judged("\0a b\0x"), Err("not-authorized"));
        assert_eq!(judged("\0echo\0x"), Err("not-authorized"));
        assert_eq!(judged("bob\0ann\0x"), Err("invalid-authzid"));
        assert_eq!(judged("ann\0x"), Err("malformed-request"));
        assert_eq!(plain("***"), Err("incorrect-encoding"));
    }

    #[test]
    fn mechanisms_are_told_apart() {
        let auth = |name| {
            auth(
                &Element::build("auth", ns::SASL)
                    .attribute("mechanism", name)
                    .finish(),
            )
        };
        assert_eq!(auth("ANONYMOUS"), Ok(Login::Anonymous));
        assert_eq!(auth("PLAIN"), Ok(Login::Challenge));
        assert_eq!(auth("SCRAM-SHA-1"), Err("invalid-mechanism"));
    }
}
