use std::fmt;

/// An address on the wire: `local@domain/resource` (RFC 7622), as far as this domain needs to tell parts apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Jid {
    pub(super) local: Option<String>,
    pub(super) domain: String,
    pub(super) resource: Option<String>,
}

impl Jid {
    /// Reads one; the parts before the resource are compared without case, so they become lower case. `None` where a part is empty.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (bare, resource) = match text.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource)),
            None => (text, None),
        };
        let (local, domain) = match bare.split_once('@') {
            Some((local, domain)) => (Some(local), domain),
            None => (None, bare),
        };
        let empty = domain.is_empty() || local == Some("") || resource == Some("");
        (!empty).then(|| Self {
            local: local.map(str::to_lowercase),
            domain: domain.trim_end_matches('.').to_lowercase(),
            resource: resource.map(str::to_owned),
        })
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(local) = &self.local {
            write!(f, "{local}@")?;
        }
        f.write_str(&self.domain)?;
        match &self.resource {
            Some(resource) => write!(f, "/{resource}"),
            None => Ok(()),
        }
    }
}

/// Whether this may be the part before the `@`: what RFC 7622 §3.3.1 forbids in it cannot.
pub(super) fn is_local(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "\"&'/:<>@".contains(c);
    !text.is_empty() && text.len() <= 1023 && !text.contains(forbidden)
}

/// Whether this may be a resource (RFC 7622 §3.4).
pub(super) fn is_resource(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= 1023 && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_apart_and_go_together() {
        let jid = Jid::parse("Ann@Example.COM./Tab/1@x").unwrap();
        assert_eq!(jid.to_string(), "ann@example.com/Tab/1@x");
        assert_eq!(Jid::parse("example.com").unwrap().local, None);
        for bad in ["", "@a", "a@", "a@b/", "/r"] {
            assert_eq!(Jid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn parts_are_judged() {
        assert!(is_local("ann-é") && is_resource("Tab 1"));
        for bad in ["", "a b", "a@b", "a/b", "a\u{1}"] {
            assert!(!is_local(bad), "{bad:?}");
        }
        assert!(!is_resource(" ") && !is_resource("a\n") && !is_resource(&"x".repeat(1024)));
    }
}
