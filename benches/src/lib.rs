//! Inputs of the benches, and what the rivals do with them.

use quick_xml::{Reader, events::Event};

/// Where quick-xml 0.42 finds the children of the root: their ends. It checks names of end tags, and nothing more.
pub fn quick_xml_events(document: &str) -> usize {
    let mut reader = Reader::from_str(document);
    let mut depth = 0_usize;
    let mut ends = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => depth += 1,
            Ok(Event::End(_)) => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    ends += 1;
                }
            }
            Ok(Event::Empty(_)) if depth == 1 => ends += 1,
            Ok(Event::Eof) | Err(_) => return ends,
            Ok(_) => {}
        }
    }
}

/// A named document.
pub type Document = (&'static str, &'static str);

macro_rules! documents {
    ($($name:literal)+) => {
        /// The committed inputs.
        pub const DOCUMENTS: &[Document] = &[$(($name, include_str!(concat!("../data/", $name, ".xml")))),+];
    };
}

documents! { "chat" "presence" "photo" "roster" "body-0" "body-1" "body-5" "attributes" "nested" "escapes" }
