//! 6.5 to 6.23: what is UTF-8 and what is not (RFC 3629 §3, §4), each as one text message.

use crate::{Case, Frame, Script, hex};

/// A byte sequence, and whether it is UTF-8.
type Vector = (Vec<u8>, bool);

pub(crate) fn cases() -> Vec<Case> {
    let groups: [(&str, Vec<Vector>); 19] = [
        ("characters of every length", characters()),
        ("prefixes of κόσμε", prefixes("κ\u{1f79}σμε".as_bytes())),
        (
            "first of its length",
            good(&["00", "c280", "e0a080", "f0908080"]),
        ),
        (
            "first of 5 and 6 bytes",
            bad(&["f888808080", "fc8480808080"]),
        ),
        (
            "last of its length",
            good(&["7f", "dfbf", "efbfbf", "f48fbfbf"]),
        ),
        (
            "last of 4, 5 and 6 bits' worth",
            bad(&["f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"]),
        ),
        ("around the boundaries", boundaries()),
        ("continuation bytes alone", continuations()),
        ("first bytes alone", starts()),
        ("last byte missing", truncated()),
        (
            "all of those in a row",
            vec![(
                truncated()
                    .into_iter()
                    .flat_map(|(bytes, _)| bytes)
                    .collect(),
                false,
            )],
        ),
        ("impossible bytes", bad(&["fe", "ff", "fefeffff"])),
        (
            "overlong /",
            bad(&["c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"]),
        ),
        (
            "longest overlong",
            bad(&["c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"]),
        ),
        (
            "overlong NUL",
            bad(&["c080", "e08080", "f0808080", "f880808080", "fc8080808080"]),
        ),
        (
            "surrogates",
            bad(&[
                "eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf",
            ]),
        ),
        ("pairs of surrogates", surrogate_pairs()),
        ("non-characters", non_characters()),
        ("specials", specials()),
    ];
    (5..)
        .zip(groups)
        .flat_map(|(group, (title, vectors))| {
            (1..).zip(vectors).map(move |(number, (bytes, valid))| {
                let shown = if bytes.len() <= 12 {
                    format!("{title}: {:02x?}", bytes)
                } else {
                    title.to_owned()
                };
                Case::new(format!("6.{group}.{number}"), shown, move || {
                    let script = Script::new().send(Frame::text(bytes.clone()));
                    if valid {
                        script.text(bytes.clone()).close()
                    } else {
                        script.fails(1007)
                    }
                })
            })
        })
        .collect()
}

fn good(digits: &[&str]) -> Vec<Vector> {
    digits.iter().map(|digits| (hex(digits), true)).collect()
}

fn bad(digits: &[&str]) -> Vec<Vector> {
    digits.iter().map(|digits| (hex(digits), false)).collect()
}

fn characters() -> Vec<Vector> {
    [
        "price: $ each",
        "price: ¢ each",
        "price: € each",
        "character: 𤭢 inside",
        "κ\u{1f79}σμε",
    ]
    .map(|text| (text.as_bytes().to_vec(), true))
    .into()
}

/// Valid where they end between characters: behind 2, 5, 7, 9 and 11 bytes.
fn prefixes(text: &[u8]) -> Vec<Vector> {
    (1..=text.len())
        .map(|end| (text[..end].to_vec(), matches!(end, 2 | 5 | 7 | 9 | 11)))
        .collect()
}

fn boundaries() -> Vec<Vector> {
    [
        good(&["ed9fbf", "ee8080", "efbfbd", "f48fbfbf"]),
        bad(&["f4908080"]),
    ]
    .concat()
}

fn continuations() -> Vec<Vector> {
    let mut vectors = bad(&["80", "bf"]);
    vectors.extend((2..=6).map(|count| ([0x80, 0xbf].repeat(3)[..count].to_vec(), false)));
    vectors.push(((0x80..=0xbf).collect(), false));
    vectors
}

/// Each followed by a space.
fn starts() -> Vec<Vector> {
    [
        0xc0..=0xdf,
        0xe0..=0xef,
        0xf0..=0xf7,
        0xf8..=0xfb,
        0xfc..=0xfd,
    ]
    .map(|range| (range.flat_map(|start: u8| [start, b' ']).collect(), false))
    .into()
}

fn truncated() -> Vec<Vector> {
    bad(&[
        "c0",
        "e080",
        "f08080",
        "f8808080",
        "fc80808080",
        "df",
        "efbf",
        "f7bfbf",
        "fbbfbfbf",
        "fdbfbfbfbf",
    ])
}

fn surrogate_pairs() -> Vec<Vector> {
    ["eda080", "edadbf", "edae80", "edafbf"]
        .iter()
        .flat_map(|high| ["edb080", "edbfbf"].map(|low| (hex(&format!("{high}{low}")), false)))
        .collect()
}

/// The last two code points of each of the 17 planes: UTF-8, whatever they mean.
fn non_characters() -> Vec<Vector> {
    (0..=16)
        .flat_map(|plane| [plane << 16 | 0xfffe, plane << 16 | 0xffff])
        .filter_map(char::from_u32)
        .map(|character| (character.to_string().into_bytes(), true))
        .collect()
}

fn specials() -> Vec<Vector> {
    ('\u{fff9}'..='\u{ffff}')
        .map(|character| (character.to_string().into_bytes(), true))
        .collect()
}

#[cfg(test)]
mod tests {
    /// The sizes of the groups, and the standard library's judgement of each.
    #[test]
    fn the_tables_say_what_is_utf8() {
        let cases = super::cases();
        let sizes: Vec<_> = (5..=23)
            .map(|group| {
                let prefix = format!("6.{group}.");
                cases
                    .iter()
                    .filter(|case| case.id.starts_with(&prefix))
                    .count()
            })
            .collect();
        assert_eq!(
            sizes,
            [5, 11, 4, 2, 4, 3, 5, 8, 5, 10, 1, 3, 5, 5, 5, 7, 8, 34, 7]
        );
        for case in cases {
            let script = case.script();
            let mut frame = Vec::new();
            script.exchanges[0].send[0].write(crate::Subject::Client, None, &mut frame);
            let header = if frame[1] == 126 { 4 } else { 2 };
            let valid = std::str::from_utf8(&frame[header..]).is_ok();
            assert_eq!(
                valid,
                script.ending == crate::Ending::Clean(1000),
                "{case:?}"
            );
        }
    }
}
