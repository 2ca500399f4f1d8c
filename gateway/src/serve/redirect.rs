//! Where a server may lead the gateway, and how the target is dialled (W-R-418; for the nodes of XEP-0198's sessions W-R-419).
//!
//! - The target decides, and not the server that names it: a plain connection to the configured server permits no other machine.
//! - What counts as loopback are the addresses that are dialled, on both ends, whatever names resolve to them.
//! - Every step of a chain is judged by the connection that it was heard on.

use std::fmt;

use xmpp_stream::relay::Target;

use crate::config::Standing;

/// The connection on which a server named a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Inside TLS that was verified for the domain.
    InTls,
    /// In plain text, from a loopback address.
    OnLoopback,
    /// In plain text, from another machine; before STARTTLS too.
    InPlain,
}

/// Whether the address to dial is a loopback address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Loopback,
    Remote,
}

/// How a target is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As the domain's own server.
    AsConfigured,
    /// As the configuration says for redirect targets: in the domain's written mode, otherwise by verified TLS.
    AsListed,
    /// By TLS that is verified for the domain, or not at all.
    Verified,
}

/// Decides how an address of a named target is dialled; `None` is not at all.
pub(crate) fn decide(standing: Standing, heard: Heard, to: Where) -> Option<Way> {
    match (standing, heard, to) {
        (Standing::Configured, _, _) => Some(Way::AsConfigured),
        (Standing::Listed | Standing::Unlisted, Heard::OnLoopback, Where::Loopback) => {
            Some(Way::AsConfigured)
        }
        (Standing::Listed, _, _) => Some(Way::AsListed),
        (Standing::Unlisted, Heard::InTls, _) => Some(Way::Verified),
        (Standing::Unlisted, Heard::OnLoopback | Heard::InPlain, _) | (Standing::Excluded, ..) => {
            None
        }
    }
}

/// A target that is not dialled, as an error's source.
#[derive(Debug)]
pub(crate) struct NotFollowed {
    pub(crate) target: Target,
    pub(crate) heard: Heard,
}

impl fmt::Display for NotFollowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { host, port } = &self.target;
        let heard = match self.heard {
            Heard::InTls => "inside TLS",
            Heard::OnLoopback => "in plain text, from loopback",
            Heard::InPlain => "in plain text",
        };
        write!(f, "{host}:{port}, named {heard}")
    }
}

impl std::error::Error for NotFollowed {}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-R-418: the whole table. The operator's list is believed whoever names its targets; without one only TLS is, or a machine that talks to itself.
    #[test]
    fn a_target_is_dialled_by_its_standing_and_by_what_named_it() {
        use Heard::{InPlain, InTls, OnLoopback};
        use Standing::{Configured, Excluded, Listed, Unlisted};
        use Way::{AsConfigured, AsListed, Verified};
        use Where::{Loopback, Remote};

        for (standing, heard, loopback, remote) in [
            (Configured, InTls, Some(AsConfigured), Some(AsConfigured)),
            (
                Configured,
                OnLoopback,
                Some(AsConfigured),
                Some(AsConfigured),
            ),
            (Configured, InPlain, Some(AsConfigured), Some(AsConfigured)),
            (Listed, InTls, Some(AsListed), Some(AsListed)),
            (Listed, OnLoopback, Some(AsConfigured), Some(AsListed)),
            (Listed, InPlain, Some(AsListed), Some(AsListed)),
            (Unlisted, InTls, Some(Verified), Some(Verified)),
            (Unlisted, OnLoopback, Some(AsConfigured), None),
            (Unlisted, InPlain, None, None),
            (Excluded, InTls, None, None),
            (Excluded, OnLoopback, None, None),
            (Excluded, InPlain, None, None),
        ] {
            let case = format!("{standing:?} {heard:?}");
            assert_eq!(decide(standing, heard, Loopback), loopback, "{case}");
            assert_eq!(decide(standing, heard, Remote), remote, "{case}");
        }
    }
}
