//! XEP-0198 as the relay sees it: whether it is active, whether the session can be resumed (W-R-447), and what a
//! client must not learn about it (W-R-419).

use xmpp_wire::{NestedElement, ns};

use super::Target;

/// What a server said about stream management.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Management {
    None,
    /// Stanzas are counted, but a lost session is gone.
    Active,
    Resumable,
}

/// What this element of the server's says, itself or inside of SASL2's success.
pub(super) fn management(element: &NestedElement) -> Management {
    let name = element.name();
    match (name.namespace, name.local) {
        (ns::SM, "resumed") => Management::Resumable,
        (ns::SM, "enabled") => match element.attribute("resume").as_deref() {
            Some("true" | "1") => Management::Resumable,
            Some(_) | None => Management::Active,
        },
        (ns::SASL2, "success") | (ns::BIND2, "bound") => element
            .children()
            .map(|child| management(&child))
            .max()
            .unwrap_or(Management::None),
        _ => Management::None,
    }
}

/// The ids of sessions and where the server says that they are kept.
pub(super) fn locations(element: &NestedElement) -> Vec<(String, Target)> {
    let name = element.name();
    match (name.namespace, name.local) {
        (ns::SM, "enabled") if management(element) == Management::Resumable => {
            let id = element.attribute("id");
            let node = element.attribute("location");
            let node = node.as_deref().and_then(Target::parse);
            id.zip(node)
                .map(|(id, node)| (id.into_owned(), node))
                .into_iter()
                .collect()
        }
        (ns::SASL2, "success") | (ns::BIND2, "bound") => element
            .children()
            .flat_map(|child| locations(&child))
            .collect(),
        _ => Vec::new(),
    }
}

/// The element without the `location` of `<enabled/>`: it names a TCP address behind the gateway.
pub(super) fn without_location(element: &NestedElement) -> NestedElement {
    let name = element.name();
    match (name.namespace, name.local) {
        (ns::SM, "enabled") => element.without_attribute("location"),
        (ns::SASL2, "success") | (ns::BIND2, "bound") => {
            element.map_children(|child| Some(without_location(&child)))
        }
        _ => element.clone(),
    }
}
