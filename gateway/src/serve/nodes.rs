//! At which node of its server a session of XEP-0198 is kept (W-R-419): a bounded memory, the oldest forgotten first.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use xmpp_stream::relay::Target;

/// Longest id that is remembered, in bytes; servers write some dozens.
const ID_BYTES: usize = 256;

/// What all sessions remember together.
#[derive(Clone, Debug)]
pub(crate) struct Nodes(Arc<Mutex<Inner>>);

struct Inner {
    most: usize,
    nodes: BTreeMap<(Arc<str>, String), Target>,
    /// Ids in the order in which they came; those that were taken are skipped when their turn comes.
    order: VecDeque<(Arc<str>, String)>,
}

impl std::fmt::Debug for Inner {
    /// An id lets its owner in.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("most", &self.most)
            .field("nodes", &self.nodes.len())
            .finish_non_exhaustive()
    }
}

impl Nodes {
    /// Remembers so many sessions.
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            most,
            nodes: BTreeMap::new(),
            order: VecDeque::new(),
        })))
    }

    pub(crate) fn remember(&self, domain: &Arc<str>, id: &str, node: &Target) {
        if id.len() > ID_BYTES {
            return;
        }
        let key = (Arc::clone(domain), id.to_owned());
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.nodes.insert(key.clone(), node.clone()).is_none() {
            inner.order.push_back(key);
        }
        while inner.order.len() > inner.most {
            if let Some(oldest) = inner.order.pop_front() {
                inner.nodes.remove(&oldest);
            }
        }
    }

    /// Where it is; once, so that a node that is down is not asked again.
    pub(crate) fn take(&self, domain: &Arc<str>, id: &str) -> Option<Target> {
        let key = (Arc::clone(domain), id.to_owned());
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.nodes.remove(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_and_an_answer_is_given_once() {
        let nodes = Nodes::new(2);
        let (one, other) = (Arc::from("one"), Arc::from("other"));
        let node = |host: &str| Target::parse(host).expect("a target");
        nodes.remember(&one, "a", &node("n1"));
        nodes.remember(&one, "b", &node("n2"));
        nodes.remember(&one, "b", &node("n3"));
        nodes.remember(&other, "a", &node("n4"));
        nodes.remember(&one, &"x".repeat(257), &node("n5"));
        assert_eq!(nodes.take(&one, "a"), None);
        assert_eq!(nodes.take(&one, "b"), Some(node("n3")));
        assert_eq!(nodes.take(&one, "b"), None);
        assert_eq!(nodes.take(&other, "a"), Some(node("n4")));
        let none = Nodes::new(0);
        none.remember(&one, "a", &node("n1"));
        assert_eq!(none.take(&one, "a"), None);
    }
}
