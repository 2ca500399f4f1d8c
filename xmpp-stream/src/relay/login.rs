//! Attempts to sign in as the relay sees them: which account a client names, and whether a server says that the credentials were wrong.
//!
//! Payloads of SASL are read for the name alone; nothing of them is kept.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use xmpp_wire::{Element, ns};

/// Longest name that is taken, in bytes: RFC 7622 §3.3.
const NAME_BYTES: usize = 1_023;

/// Takes what lenient servers take.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Where a client's first SASL message has its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    /// Nowhere that is known.
    #[default]
    Unknown,
    /// `authzid NUL authcid NUL secret` (RFC 4616).
    Plain,
    /// `gs2-header n=authcid,r=...` (RFC 5802 §7).
    Scram,
    /// `authcid NUL token` (HT-*, XEP-0484).
    Token,
}

/// The attempt that a client makes at present.
#[derive(Default)]
pub(super) struct Attempt {
    form: Form,
    account: Option<String>,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt")
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

/// Whether this asks a server to authenticate, in either profile.
pub fn begins_login(element: &Element) -> bool {
    element.is("auth", ns::SASL) || element.is("authenticate", ns::SASL2)
}

/// Whether this is a server's word that the credentials were wrong: `not-authorized` alone (RFC 6120 §6.5.10), which stands for unknown accounts
/// too. Other conditions say that the request was wrong, that the account may not sign in now, or that the server cannot tell.
pub(super) fn is_wrong_guess(failure: &Element) -> bool {
    failure.child("not-authorized", ns::SASL).is_some()
}

impl Attempt {
    /// From `<auth/>` or `<authenticate/>`.
    pub(super) fn new(element: &Element) -> Self {
        let mechanism = element.attribute("mechanism").unwrap_or_default();
        let form = match mechanism.trim() {
            "PLAIN" | "X-OAUTH2" => Form::Plain,
            name if name.starts_with("SCRAM-") => Form::Scram,
            name if name.starts_with("HT-") => Form::Token,
            _ => Form::Unknown,
        };
        let mut attempt = Self {
            form,
            account: None,
        };
        if element.name().namespace == ns::SASL {
            attempt.take(&element.text());
        } else if let Some(initial) = element.child("initial-response", ns::SASL2) {
            attempt.take(&initial.text());
        }
        attempt
    }

    /// From `<response/>`: the first message of a client that sent no initial response.
    pub(super) fn take_response(&mut self, element: &Element) {
        if self.account.is_none() {
            self.take(&element.text());
        }
    }

    /// The account that was named. The attempt is over.
    pub(super) fn finish(&mut self) -> Option<String> {
        std::mem::take(self).account
    }

    fn take(&mut self, payload: &str) {
        if self.form == Form::Unknown {
            return;
        }
        let Ok(message) = BASE64.decode(payload.trim()) else {
            return;
        };
        let name = match self.form {
            Form::Unknown => None,
            Form::Plain => message.split(|byte| *byte == 0).nth(1).map(<[u8]>::to_vec),
            Form::Token => message.split(|byte| *byte == 0).next().map(<[u8]>::to_vec),
            Form::Scram => scram_name(&message),
        };
        self.account = name
            .filter(|name| !name.is_empty() && name.len() <= NAME_BYTES)
            .and_then(|name| String::from_utf8(name).ok());
    }
}

/// The name in SCRAM's first message, with `=2C` and `=3D` decoded.
fn scram_name(message: &[u8]) -> Option<Vec<u8>> {
    let mut fields = message.split(|byte| *byte == b',');
    let name = fields.nth(2)?.strip_prefix(b"n=")?;
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, behind)) = rest.split_first() {
        let (byte, behind) = match (first, behind) {
            (b'=', [b'2', b'C', behind @ ..]) => (b',', behind),
            (b'=', [b'3', b'D', behind @ ..]) => (b'=', behind),
            (byte, behind) => (*byte, behind),
        };
        decoded.push(byte);
        rest = behind;
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use xmpp_wire::XmlLimits;

    use super::*;

    fn element(text: &str) -> Element {
        Element::parse(text.to_owned().into(), &XmlLimits::default()).expect("well-formed")
    }

    fn sasl(mechanism: &str, message: &str) -> Attempt {
        let payload = BASE64.encode(message);
        Attempt::new(&element(&format!(
            "<auth xmlns='{}' mechanism='{mechanism}'>{payload}</auth>",
            ns::SASL
        )))
    }

    #[test]
    fn the_account_is_read_from_the_first_message() {
        let long = "x".repeat(NAME_BYTES);
        for (mechanism, message, account) in [
            ("PLAIN", "\0juliet\0secret", Some("juliet")),
            ("PLAIN", "admin@a.example\0juliet\0secret\0", Some("juliet")),
            ("PLAIN", "juliet", None),
            ("PLAIN", "\0\0secret", None),
            ("PLAIN", &format!("\0{long}\0secret"), Some(long.as_str())),
            ("PLAIN", &format!("\0{long}x\0secret"), None),
            ("SCRAM-SHA-1", "n,,n=juliet,r=abc", Some("juliet")),
            (
                "SCRAM-SHA-256-PLUS",
                "p=tls-exporter,a=x,n=a=2Cb=3Dc,r=abc",
                Some("a,b=c"),
            ),
            ("SCRAM-SHA-1", "n,,m=x,n=juliet,r=abc", None),
            ("SCRAM-SHA-1", "n,", None),
            ("HT-SHA-256-NONE", "juliet\0token", Some("juliet")),
            ("EXTERNAL", "juliet", None),
            ("", "\0juliet\0secret", None),
        ] {
            let mut attempt = sasl(mechanism, message);
            assert!(!format!("{attempt:?}").contains("juliet"));
            assert_eq!(
                attempt.finish().as_deref(),
                account,
                "{mechanism} {message}"
            );
            assert_eq!(attempt.finish(), None);
        }
        let mut junk = Attempt::new(&element(&format!(
            "<auth xmlns='{}' mechanism='PLAIN'>%%%</auth>",
            ns::SASL
        )));
        assert_eq!(junk.finish(), None);
    }

    #[test]
    fn the_account_may_come_in_a_response() {
        let mut attempt = sasl("PLAIN", "");
        let payload = BASE64.encode("\0juliet\0secret");
        let response = format!("<response xmlns='{}'>{payload}</response>", ns::SASL);
        attempt.take_response(&element(&response));
        let later = BASE64.encode("\0romeo\0secret");
        let later = format!("<response xmlns='{}'>{later}</response>", ns::SASL);
        attempt.take_response(&element(&later));
        assert_eq!(attempt.finish().as_deref(), Some("juliet"));
    }

    #[test]
    fn sasl2_has_its_message_in_a_child() {
        let payload = BASE64.encode("\0juliet\0secret");
        let mut attempt = Attempt::new(&element(&format!(
            "<authenticate xmlns='{0}' mechanism='PLAIN'><initial-response>{payload}</initial-response></authenticate>",
            ns::SASL2
        )));
        assert_eq!(attempt.finish().as_deref(), Some("juliet"));
    }

    /// RFC 6120 §6.5: one condition of eleven.
    #[test]
    fn only_not_authorized_says_that_a_guess_was_wrong() {
        for (condition, wrong) in [
            ("not-authorized", true),
            ("aborted", false),
            ("account-disabled", false),
            ("credentials-expired", false),
            ("encryption-required", false),
            ("incorrect-encoding", false),
            ("invalid-authzid", false),
            ("invalid-mechanism", false),
            ("malformed-request", false),
            ("mechanism-too-weak", false),
            ("temporary-auth-failure", false),
        ] {
            for namespace in [ns::SASL, ns::SASL2] {
                let failure = format!(
                    "<failure xmlns='{namespace}'><{condition} xmlns='{}'/><text>x</text></failure>",
                    ns::SASL
                );
                assert_eq!(is_wrong_guess(&element(&failure)), wrong, "{failure}");
            }
        }
        let empty = format!("<failure xmlns='{}'/>", ns::SASL);
        assert!(!is_wrong_guess(&element(&empty)));
    }
}
