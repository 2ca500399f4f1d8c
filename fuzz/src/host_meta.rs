use xmpp_endpoints::{
    Scheme, Url,
    document::{Channel, HostMeta2, Limits, Offer, jrd, nodes, xrd},
};

/// Reads `data` as every document about endpoints.
///
/// # Panics
///
/// Where a candidate is not one that its document may give, a limit is passed, or a URL is not read again as it is written.
pub fn host_meta(data: &[u8]) {
    let limits = Limits::default();
    let domain = "example.com";
    let offers = [
        xrd(data, domain, &limits),
        jrd(data, domain, HostMeta2::Off, &limits),
        jrd(data, domain, HostMeta2::On, &limits),
        jrd(data, domain, HostMeta2::UrlsOnly, &limits),
    ];
    for offer in offers.into_iter().flatten() {
        check(&offer, &limits, |scheme| scheme.is_secure());
        for candidate in &offer.candidates {
            assert!(candidate.identity.names.iter().any(|name| name == domain));
        }
    }
    if let Ok(offer) = nodes(data, Channel::Tls, &limits) {
        check(&offer, &limits, |scheme| scheme.is_secure());
    }
    if let Ok(offer) = nodes(data, Channel::Plain, &limits) {
        check(&offer, &limits, |scheme| scheme != Scheme::Tcp);
    }
}

fn check(offer: &Offer, limits: &Limits, allowed: impl Fn(Scheme) -> bool) {
    // A node has two URLs.
    assert!(offer.candidates.len() + offer.ignored.len() <= 2 * limits.links);
    for candidate in &offer.candidates {
        let url = &candidate.url;
        assert!(allowed(url.scheme()), "{url}");
        assert_eq!(Url::parse(&url.to_string()).as_ref(), Ok(url));
        assert!(url.target().starts_with('/') && !url.host().is_empty());
        assert!(candidate.addresses.len() <= limits.addresses);
        assert!(candidate.identity.pins.len() <= limits.pins);
        assert!(!candidate.identity.names.is_empty());
    }
    for ignored in &offer.ignored {
        assert!(ignored.url.len() <= 256);
    }
    if let Some(ttl) = offer.ttl {
        assert!((60..=604_800).contains(&ttl.as_secs()));
    }
}
