//! Room for what is open inside a piece: lent to a scanner while it cuts one, and kept by the thread in between, so that pieces in
//! a row allocate nothing and an idle stream holds nothing.
//!
//! Rules: what is given back is empty, so nothing of one document can be seen in another; room that grew beyond what the default limits
//! need is freed.

use std::cell::Cell;

use super::{
    scan::Open,
    tag_scan::{Attribute, Binding},
};

/// Entries of each kind that are kept: four times the default limits of depth and attributes.
const KEPT: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) stack: Vec<Open>,
    pub(super) bindings: Vec<Binding>,
    pub(super) attributes: Vec<Attribute>,
}

thread_local! {
    static SPARE: Cell<Option<Room>> = const { Cell::new(None) };
}

impl Room {
    /// The thread's, or new room.
    pub(super) fn borrow() -> Self {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        spare.unwrap_or_else(|| Self {
            stack: Vec::with_capacity(8),
            bindings: Vec::with_capacity(8),
            attributes: Vec::with_capacity(8),
        })
    }

    /// Gives it back.
    pub(super) fn give_back(mut self) {
        let largest = self.stack.capacity().max(self.bindings.capacity());
        if largest.max(self.attributes.capacity()) <= KEPT {
            self.stack.clear();
            self.bindings.clear();
            self.attributes.clear();
            // A thread that ends keeps nothing.
            SPARE.try_with(|spare| spare.set(Some(self))).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        XmlLimits,
        xml::{
            Scope,
            scan::{Mode, Scanner},
        },
    };

    #[test]
    fn a_scanner_holds_room_inside_a_piece_alone() {
        let mut scanner = Scanner::new(Mode::Bare, XmlLimits::default(), Scope::default());
        assert!(matches!(scanner.next(b"<a b='c'><d", None), Ok(None)));
        assert_ne!(scanner.stack.capacity(), 0);
        let view = b"<a b='c'><d/></a>";
        assert!(matches!(scanner.next(view, None), Ok(Some(_))));
        assert_eq!(scanner.stack.capacity(), 0);
        assert_eq!(scanner.attributes.capacity(), 0);
    }
}
