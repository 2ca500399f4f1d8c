use bytes::{Bytes, BytesMut};
use quick_xml::{NsReader, events::Event, name::ResolveResult};
use xmpp_wire::{
    Element, NestedElement, Piece, Splitter, StartTag, Wrapped, XmlError, XmlErrorKind, XmlLimits,
};

const OPEN: &str = "<w xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:q='u:q' xml:lang='en'>";
const CLOSE: &str = "</w>";

/// Cuts `data` (the first byte chooses the chunks) as a document, in a wrapper and as a stream.
///
/// # Panics
///
/// Where chunks can be told apart, entry points disagree, quick-xml reads something else, or an element does not stand alone.
pub fn xml_split(data: &[u8]) {
    let Some((&step, inside)) = data.split_first() else {
        return;
    };
    let limits = XmlLimits::default().with_element_bytes(4_096);
    document(inside, &limits);
    raw_stream(inside, usize::from(step), &limits);
    within(inside, usize::from(step), &limits);
}

/// A bare document.
fn document(bytes: &[u8], limits: &XmlLimits) {
    if let Ok(element) = Element::parse(Bytes::copy_from_slice(bytes), limits) {
        assert_eq!(element.scope().prefixes().count(), 0);
        let read = infoset(element.raw());
        assert!(read.is_ok(), "quick-xml refuses {element:?}: {read:?}");
        looked_into(&element);
        same_meaning(&element);
    }
}

/// The bytes as they are, as a stream.
fn raw_stream(bytes: &[u8], step: usize, limits: &XmlLimits) {
    let whole = cut(bytes, bytes.len(), limits);
    assert_eq!(cut(bytes, 1, limits), whole, "byte by byte");
    assert_eq!(cut(bytes, step, limits), whole, "{step} bytes at a time");
}

/// The bytes inside a wrapper, and inside a stream with the same header.
fn within(inside: &[u8], step: usize, limits: &XmlLimits) {
    let bytes = [OPEN.as_bytes(), inside, CLOSE.as_bytes()].concat();
    let streamed = cut(&bytes, bytes.len(), limits);
    assert_eq!(
        cut(&bytes, step, limits),
        streamed,
        "{step} bytes at a time"
    );
    assert_eq!(cut(&bytes, 1, limits), streamed, "byte by byte");
    match Wrapped::parse(bytes.clone().into(), &[], limits) {
        Ok(wrapped) => {
            assert_eq!(streamed.error, None);
            assert!(streamed.closed);
            assert_eq!(streamed.elements, wrapped.elements);
            assert_eq!(streamed.header, Some(wrapped.wrapper));
            let read = first_level(&bytes).expect("quick-xml accepts what we accept");
            let ours: Vec<String> = wrapped.elements.iter().map(expanded).collect();
            assert_eq!(ours, read, "first-level names");
            for element in &wrapped.elements {
                looked_into(element);
                same_meaning(element);
            }
        }
        // What is cut short waits for more, and what follows the end of a stream is not looked at.
        Err(error) if streamed.error.is_none() => {
            assert!(
                matches!(
                    error.kind,
                    XmlErrorKind::NotWellFormed | XmlErrorKind::Utf8 | XmlErrorKind::Restricted
                ),
                "{error}"
            );
            assert!(streamed.closed || error.offset as usize <= bytes.len());
        }
        Err(error) => assert_eq!(streamed.error, Some(error)),
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    header: Option<StartTag>,
    elements: Vec<NestedElement>,
    closed: bool,
    error: Option<XmlError>,
}

/// What a stream that comes `step` bytes at a time is cut into.
fn cut(bytes: &[u8], step: usize, limits: &XmlLimits) -> Found {
    let mut splitter = Splitter::stream(limits.clone());
    let mut input = BytesMut::new();
    let mut found = Found::default();
    for chunk in bytes.chunks(step.max(1)) {
        input.extend_from_slice(chunk);
        loop {
            match splitter.next_piece(&mut input) {
                Ok(Some(Piece::Open(tag))) => assert_eq!(found.header.replace(tag), None),
                Ok(Some(Piece::Element(element))) => found.elements.push(element),
                Ok(Some(Piece::Close)) => found.closed = true,
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(splitter.next_piece(&mut input), Err(error));
                    found.error = Some(error);
                    return found;
                }
            }
        }
    }
    found
}

/// Every way to look into an element comes to an end without a panic.
fn looked_into(element: &NestedElement) {
    let _ = element.text();
    let _ = element.attribute("to");
    let _ = element.attribute_ns("lang", xmpp_wire::ns::XML);
    for child in element.children() {
        looked_into(&child);
    }
}

/// Surgery keeps the meaning: the result stands alone and reads the same.
fn same_meaning(element: &NestedElement) {
    let meant = in_scope(element).expect("accepted before");
    let alone = element.standalone();
    assert_eq!(infoset(alone.raw()).expect("stands alone"), meant);
    let again = Element::parse(
        alone.raw().clone(),
        &XmlLimits::default().with_element_bytes(1 << 20),
    );
    if let Ok(again) = &again {
        assert_eq!(again, &alone);
        assert_eq!(again.name(), alone.name());
    }
    assert!(
        !matches!(again, Err(error) if error.kind != XmlErrorKind::TooManyAttributes),
        "{again:?}"
    );
    let respelled = element.with_stream_prefix();
    assert_eq!(infoset(respelled.raw()).expect("stands alone"), meant);
    let kept = element.retain_children(|_| true);
    assert_eq!(&kept, element);
    let rebuilt = element.map_children(|child| Some(child.standalone().into()));
    assert_eq!(in_scope(&rebuilt).expect("still good"), meant);
    let empty = element.retain_children(|_| false);
    assert_eq!(empty.children().count(), 0);
    assert_eq!(empty.text(), element.text());
    let marked = element.with_attribute("mark", "<\"&'>");
    assert_eq!(marked.attribute("mark").as_deref(), Some("<\"&'>"));
    assert_eq!(marked.without_attribute("mark").attribute("mark"), None);
    assert_eq!(marked.name(), element.name());
    assert_eq!(alone.detached(), alone);
}

fn expanded(element: &NestedElement) -> String {
    let name = element.name();
    format!("{{{}}}{}", name.namespace, name.local)
}

/// What an element means where it stands.
fn in_scope(element: &NestedElement) -> Result<Vec<String>, String> {
    let escape = |value: &str| {
        let mut out = Vec::new();
        xmpp_wire::xml::escape_attribute(value, &mut out);
        String::from_utf8(out).expect("UTF-8")
    };
    let mut wrapper = format!(
        "<w xmlns=\"{}\"",
        escape(element.scope().default_namespace())
    );
    for (prefix, uri) in element.scope().prefixes() {
        wrapper.push_str(&format!(" xmlns:{prefix}=\"{}\"", escape(uri)));
    }
    wrapper.push('>');
    let bytes = [wrapper.as_bytes(), element.raw(), b"</w>"].concat();
    let mut lines = infoset(&bytes)?;
    lines.remove(0);
    lines.pop();
    Ok(lines)
}

/// Every element with its expanded name and attributes, in order, as quick-xml reads them. Text is joined over sections.
pub(crate) fn infoset(bytes: &[u8]) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut reader = NsReader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.check_comments = true;
    let mut lines = Vec::new();
    let mut run = String::new();
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match &event {
            Event::Text(text) => run.push_str(text),
            Event::CData(text) => run.push_str(text),
            Event::GeneralRef(name) => run.push_str(&format!("&{};", &**name)),
            Event::Start(_) | Event::End(_) if !run.is_empty() => {
                lines.push(format!("text {:?}", std::mem::take(&mut run)))
            }
            Event::Start(_)
            | Event::End(_)
            | Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::Eof => {}
        }
        match event {
            Event::Start(tag) => {
                let resolver = reader.resolver();
                let mut attributes = Vec::new();
                for attribute in tag.attributes() {
                    let attribute = attribute.map_err(|error| error.to_string())?;
                    if attribute.key.as_namespace_binding().is_some() {
                        continue;
                    }
                    let (namespace, local) = resolver.resolve_attribute(attribute.key);
                    let value = attribute.value.to_string();
                    attributes.push(format!(
                        "{} = {value}",
                        resolved(&namespace, local.as_ref())?
                    ));
                }
                let (namespace, local) = resolver.resolve_element(tag.name());
                lines.push(format!(
                    "{} {attributes:?}",
                    resolved(&namespace, local.as_ref())?
                ));
            }
            Event::End(_) => lines.push("end".to_owned()),
            Event::Eof => return Ok(lines),
            Event::Empty(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

fn resolved(namespace: &ResolveResult<'_>, local: &str) -> Result<String, String> {
    let namespace = match namespace {
        ResolveResult::Unbound => String::new(),
        ResolveResult::Bound(uri) => unescaped(uri.as_ref()),
        ResolveResult::Unknown(prefix) => return Err(format!("unknown prefix {prefix:?}")),
    };
    Ok(format!("{{{namespace}}}{}", local))
}

/// quick-xml gives namespaces as they are written.
fn unescaped(raw: &str) -> String {
    let mut document = b"<a v='".to_vec();
    for &byte in raw.as_bytes() {
        match byte {
            b'\'' => document.extend_from_slice(b"&apos;"),
            _ => document.push(byte),
        }
    }
    document.extend_from_slice(b"'/>");
    Element::parse(document.into(), &XmlLimits::default())
        .ok()
        .and_then(|element| element.attribute("v").map(std::borrow::Cow::into_owned))
        .unwrap_or_default()
}

/// The expanded names of the children of the root, as quick-xml reads them.
fn first_level(bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut depth = 0;
    let mut names = Vec::new();
    for line in infoset(bytes)? {
        if line == "end" {
            depth -= 1;
        } else if line.starts_with('{') {
            if depth == 1 {
                let name = line
                    .rsplit_once(" [")
                    .map_or(line.as_str(), |(name, _)| name);
                names.push(name.to_owned());
            }
            depth += 1;
        }
    }
    Ok(names)
}
