//! 5: fragments (RFC 6455 §5.4).

use crate::{Case, Chop, Frame, Script};

const CHOPS: [(Chop, &str); 3] = [
    (Chop::Whole, ""),
    (Chop::Frames, ", by frames"),
    (Chop::Octets(1), ", by bytes"),
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("5.1", "ping in two fragments", || {
            Script::new()
                .send(Frame::ping("first").unfinished())
                .send(Frame::continuation("second"))
                .fails(1002)
        }),
        Case::new("5.2", "pong in two fragments", || {
            Script::new()
                .send(Frame::pong("first").unfinished())
                .send(Frame::continuation("second"))
                .fails(1002)
        }),
    ];
    for (number, (chop, how)) in (3..).zip(CHOPS) {
        cases.push(Case::new(
            format!("5.{number}"),
            format!("text in two fragments{how}"),
            move || two_fragments().text("firstsecond").close().chop(chop),
        ));
    }
    for (number, (chop, how)) in (6..).zip(CHOPS) {
        cases.push(Case::new(
            format!("5.{number}"),
            format!("text in two fragments, a ping between{how}"),
            move || {
                Script::new()
                    .send(Frame::text("first").unfinished())
                    .send(Frame::ping("between"))
                    .pong("between")
                    .send(Frame::continuation("second"))
                    .text("firstsecond")
                    .close()
                    .chop(chop)
            },
        ));
    }
    for (number, (chop, how)) in (9..).zip(CHOPS) {
        cases.push(Case::new(
            format!("5.{number}"),
            format!("last continuation of nothing, text{how}"),
            move || {
                Script::new()
                    .send(Frame::continuation("stray"))
                    .send(Frame::text("Hello"))
                    .fails(1002)
                    .chop(chop)
            },
        ));
    }
    for (number, (chop, how)) in (12..).zip(CHOPS) {
        cases.push(Case::new(
            format!("5.{number}"),
            format!("continuation of nothing, text{how}"),
            move || {
                Script::new()
                    .send(Frame::continuation("stray").unfinished())
                    .send(Frame::text("Hello"))
                    .fails(1002)
                    .chop(chop)
            },
        ));
    }
    cases.extend(interleaved());
    cases
}

fn two_fragments() -> Script {
    Script::new()
        .send(Frame::text("first").unfinished())
        .send(Frame::continuation("second"))
}

fn interleaved() -> Vec<Case> {
    let again = |stray: fn() -> Frame| {
        move || {
            let round = || {
                [
                    stray(),
                    Frame::text("first").unfinished(),
                    Frame::continuation("second"),
                ]
            };
            Script::new()
                .send_all(round())
                .send_all(round())
                .fails(1002)
        }
    };
    vec![
        Case::new(
            "5.15",
            "text in two fragments, stray continuation, text",
            || {
                two_fragments()
                    .send(Frame::continuation("stray").unfinished())
                    .send(Frame::text("Hello"))
                    .text("firstsecond")
                    .fails(1002)
            },
        ),
        Case::new(
            "5.16",
            "twice: stray continuation, text in two fragments",
            again(|| Frame::continuation("stray").unfinished()),
        ),
        Case::new(
            "5.17",
            "twice: stray last continuation, text in two fragments",
            again(|| Frame::continuation("stray")),
        ),
        Case::new("5.18", "text inside a text", || {
            Script::new()
                .send(Frame::text("first").unfinished())
                .send(Frame::text("second"))
                .fails(1002)
        }),
        Case::new(
            "5.19",
            "text in five fragments, pings between, a pause",
            || five_fragments(|script| script.pong("1"), |script| script.pong("2")),
        ),
        Case::new(
            "5.20",
            "text in five fragments, pings between, at once",
            || five_fragments(|script| script, |script| script.pong("1").pong("2")),
        ),
    ]
}

/// The pings are answered before the message is there, whenever it comes.
fn five_fragments(
    behind_first: fn(Script) -> Script,
    behind_second: fn(Script) -> Script,
) -> Script {
    let script = Script::new()
        .send(Frame::text("one ").unfinished())
        .send(Frame::continuation("two ").unfinished())
        .send(Frame::ping("1"));
    let script = behind_first(script)
        .send(Frame::continuation("three ").unfinished())
        .send(Frame::continuation("four ").unfinished())
        .send(Frame::ping("2"))
        .send(Frame::continuation("five"));
    behind_second(script)
        .text("one two three four five")
        .close()
}
