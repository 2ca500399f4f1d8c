//! What waits for one session: bounded in elements and in bytes, so that a client that does not read costs no more than that.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;
use xmpp_wire::Element;

/// Elements that wait for one session; what comes then is refused. Room for everyone's presence in a busy domain.
pub(super) const ELEMENTS: usize = 1024;
/// Bytes of them; an empty mailbox takes any one element. Four of the largest that clients may send by default.
pub(super) const BYTES: usize = 1024 * 1024;

/// The end that others put elements into.
#[derive(Debug)]
pub(super) struct Mailbox {
    elements: mpsc::Sender<Element>,
    bytes: Arc<AtomicUsize>,
}

/// The end of the session.
#[derive(Debug)]
pub(super) struct Letters {
    elements: mpsc::Receiver<Element>,
    bytes: Arc<AtomicUsize>,
}

/// Why an element could not be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// Nobody is there.
    Absent,
    /// Too much waits there already.
    Full,
}

/// An empty mailbox.
pub(super) fn mailbox() -> (Mailbox, Letters) {
    let (sender, receiver) = mpsc::channel(ELEMENTS);
    let bytes = Arc::<AtomicUsize>::default();
    let mailbox = Mailbox {
        elements: sender,
        bytes: Arc::clone(&bytes),
    };
    let letters = Letters {
        elements: receiver,
        bytes,
    };
    (mailbox, letters)
}

impl Mailbox {
    /// Puts an element in where there is room.
    pub(super) fn hand(&self, element: Element) -> Result<(), Undelivered> {
        let bytes = element.raw().len();
        // Counted before it is in, since it may be taken out at once.
        let waiting = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let handed = if waiting > 0 && waiting.saturating_add(bytes) > BYTES {
            Err(Undelivered::Full)
        } else {
            self.elements
                .try_send(element)
                .map_err(|error| match error {
                    mpsc::error::TrySendError::Full(_) => Undelivered::Full,
                    mpsc::error::TrySendError::Closed(_) => Undelivered::Absent,
                })
        };
        if handed.is_err() {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        handed
    }
}

impl Letters {
    /// The next element. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Element> {
        let element = self.elements.recv().await?;
        Some(self.taken(element))
    }

    /// The next element, if it is there.
    #[cfg(test)]
    pub(super) fn try_next(&mut self) -> Option<Element> {
        let element = self.elements.try_recv().ok()?;
        Some(self.taken(element))
    }

    fn taken(&self, element: Element) -> Element {
        self.bytes.fetch_sub(element.raw().len(), Ordering::Relaxed);
        element
    }
}

#[cfg(test)]
mod tests {
    use xmpp_wire::ns;

    use super::*;

    /// An element of exactly so many bytes.
    fn element(bytes: usize) -> Element {
        let empty = Element::build("message", ns::CLIENT).text("x").finish();
        let text = "x".repeat(bytes - empty.raw().len() + 1);
        Element::build("message", ns::CLIENT).text(&text).finish()
    }

    #[test]
    fn elements_are_bounded_and_come_out_in_order() {
        let (mailbox, mut letters) = mailbox();
        for number in 0..ELEMENTS {
            let element =
                Element::build("message", ns::CLIENT).attribute("id", &number.to_string());
            assert_eq!(mailbox.hand(element.finish()), Ok(()));
        }
        assert_eq!(mailbox.hand(element(100)), Err(Undelivered::Full));
        for number in 0..ELEMENTS {
            let element = letters.try_next().unwrap();
            assert_eq!(element.attribute("id").unwrap(), number.to_string());
        }
        assert_eq!(letters.try_next(), None);
        drop(letters);
        assert_eq!(mailbox.hand(element(100)), Err(Undelivered::Absent));
    }

    #[test]
    fn bytes_are_bounded_and_come_back() {
        let (mailbox, mut letters) = mailbox();
        for _ in 0..4 {
            assert_eq!(mailbox.hand(element(BYTES / 4)), Ok(()));
        }
        assert_eq!(mailbox.hand(element(100)), Err(Undelivered::Full));
        assert!(letters.try_next().is_some());
        assert_eq!(mailbox.hand(element(BYTES / 4 + 1)), Err(Undelivered::Full));
        assert_eq!(mailbox.hand(element(BYTES / 4)), Ok(()));
    }

    #[test]
    fn an_empty_mailbox_takes_any_element() {
        let (mailbox, mut letters) = mailbox();
        assert_eq!(mailbox.hand(element(BYTES + 1)), Ok(()));
        assert_eq!(mailbox.hand(element(100)), Err(Undelivered::Full));
        assert!(letters.try_next().is_some());
        assert_eq!(mailbox.hand(element(100)), Ok(()));
    }
}
