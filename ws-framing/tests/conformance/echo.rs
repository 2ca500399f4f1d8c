//! A connection of either role with an application that sends every message back.

use bytes::BytesMut;
use ws_conformance::{Agreed, Case, Cuts, Ending, Play, Subject};
use ws_framing::{
    CloseCode, Connection, Instant,
    connection::{Action, Binary, Cause, Closed, Config, Event},
};

/// Conversations up to this many bytes are cut at each of them.
const EVERY_CUT_BYTES: usize = 4096;
/// Those above are played so often with so many cuts at once, at seeded places; long or compressed ones once.
const CUTS: usize = 8;
/// Longer ones are not played again: they are cut the first time.
const PLAYED_AGAIN_BYTES: usize = 70_000;

/// W-R-491: what the cases need beyond the defaults.
pub(crate) fn profile() -> Config {
    let mut config = Config::default();
    config.message_bytes = 16 << 20;
    config.frame_bytes = 16 << 20;
    config.fragments = 65_537;
    config.binary = Binary::Accepted;
    config.control_rate = None;
    config
}

/// How a case meets its subject: each time it is played, with a machine that has seen nothing.
pub(crate) struct Setup<'a> {
    pub(crate) case: &'a Case,
    pub(crate) subject: Subject,
    /// What was agreed on compression, as the peer read it.
    pub(crate) agreed: Option<Agreed>,
    pub(crate) connection: Box<dyn Fn(Instant) -> Connection + 'a>,
}

impl<'a> Setup<'a> {
    pub(crate) fn plain(case: &'a Case, subject: Subject) -> Self {
        Self {
            case,
            subject,
            agreed: None,
            connection: Box::new(move |now| connection(subject, now)),
        }
    }

    fn play(&self) -> Play {
        let play = Play::new(self.case, self.subject);
        match self.agreed {
            Some(agreed) => play.with_deflate(agreed),
            None => play,
        }
    }
}

pub(crate) fn connection(subject: Subject, now: Instant) -> Connection {
    match subject {
        Subject::Server => Connection::server(profile(), now),
        Subject::Client => Connection::client(profile(), [7; 32], now),
    }
}

/// The machine, and what became of it.
struct Echo {
    connection: Connection,
    input: BytesMut,
    now: Instant,
    ended: Vec<Action>,
}

impl Echo {
    #[expect(
        clippy::disallowed_methods,
        reason = "an epoch has to come from somewhere"
    )]
    fn new(setup: &Setup<'_>) -> Self {
        let now = Instant::now();
        Self {
            connection: (setup.connection)(now),
            input: BytesMut::new(),
            now,
            ended: Vec::new(),
        }
    }

    /// Bytes arrive; what it would write is appended to `output`.
    fn feed(&mut self, bytes: &[u8], output: &mut Vec<u8>) {
        self.input.extend_from_slice(bytes);
        loop {
            self.connection.handle_input(&mut self.input, self.now);
            let all = self.connection.wants_input();
            self.drain();
            if all || !self.connection.wants_input() {
                break;
            }
        }
        while let Some(transmit) = self.connection.poll_transmit() {
            output.extend_from_slice(&transmit.head);
            output.extend_from_slice(&transmit.payload);
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.connection.poll_action() {
            match action {
                Action::Deliver(Event::Message(message)) => {
                    assert_eq!(self.ended, [], "a message behind the end");
                    let sent = self.connection.send(message, self.now);
                    sent.expect("an echo");
                }
                Action::Deliver(Event::Pong(_) | Event::Writable) => {}
                end @ (Action::Deliver(Event::Closed(_)) | Action::Close | Action::Abort) => {
                    self.ended.push(end);
                }
            }
        }
    }

    /// The transport ends where it is the peer's to end it; then everything has been told.
    fn finish(mut self, ending: Ending) {
        if self.ended.is_empty() {
            self.connection.handle_eof(self.now);
            self.drain();
        }
        let (code, cause) = match ending {
            Ending::Clean(code) => (code, Cause::Peer),
            Ending::Failed(code) => (1006, Cause::Fault(CloseCode::new(code).expect("a code"))),
        };
        match &self.ended[..] {
            [Action::Deliver(Event::Closed(closed)), Action::Close] => {
                let Closed {
                    code: told,
                    cause: by,
                    ..
                } = closed;
                assert_eq!((*told, *by), (code, cause));
            }
            other => panic!("the end was {other:?}"),
        }
        assert!(!self.connection.wants_input());
    }
}

/// One conversation as it went: what was sent and what came back, exchange by exchange.
struct Recorded {
    exchanges: Vec<(Vec<u8>, Vec<u8>)>,
    ending: Ending,
}

/// Plays a case, whole and cut.
pub(crate) fn check(setup: &Setup<'_>) {
    let recorded = play(setup);
    let length: usize = recorded.exchanges.iter().map(|(sent, _)| sent.len()).sum();
    let quick = recorded.exchanges.len() < 100 && setup.agreed.is_none();
    if quick && length <= EVERY_CUT_BYTES {
        for cut in 1..length {
            replay(&recorded, setup, &[cut]);
        }
        replay(&recorded, setup, &(1..length).collect::<Vec<_>>());
    } else if length <= PLAYED_AGAIN_BYTES {
        let mut cuts = Cuts::new(length as u64);
        let times = if quick { CUTS } else { 1 };
        for _ in 0..times {
            replay(&recorded, setup, &cuts.places(length, CUTS));
        }
    }
}

/// Plays a case, whole and cut at these places in all that is sent.
pub(crate) fn check_cut(setup: &Setup<'_>, places: impl Fn(usize) -> Vec<usize>) {
    let recorded = play(setup);
    let length: usize = recorded.exchanges.iter().map(|(sent, _)| sent.len()).sum();
    replay(&recorded, setup, &places(length));
}

/// Once with the pieces that the case asks for, held against what it expects. Large pieces are cut at a few places more.
fn play(setup: &Setup<'_>) -> Recorded {
    let mut echo = Echo::new(setup);
    let mut play = setup.play();
    let mut cuts = Cuts::new(1);
    let mut exchanges = Vec::new();
    while let Some(pieces) = play.advance().unwrap_or_else(|wrong| panic!("{wrong}")) {
        let (mut sent, mut came) = (Vec::new(), Vec::new());
        for piece in pieces {
            let mut from = 0;
            let extra = if piece.len() > EVERY_CUT_BYTES { 3 } else { 0 };
            for to in cuts
                .places(piece.len(), extra)
                .into_iter()
                .chain([piece.len()])
            {
                echo.feed(&piece[from..to], &mut came);
                from = to;
            }
            sent.extend_from_slice(&piece);
        }
        play.handle_answer(&came)
            .unwrap_or_else(|wrong| panic!("{wrong}"));
        exchanges.push((sent, came));
    }
    echo.finish(play.ending());
    Recorded {
        exchanges,
        ending: play.ending(),
    }
}

/// The same bytes cut at these places: the same answers, byte for byte.
fn replay(recorded: &Recorded, setup: &Setup<'_>, cuts: &[usize]) {
    let mut echo = Echo::new(setup);
    let mut cuts = cuts.iter().copied().peekable();
    let mut start = 0;
    for (sent, expected) in &recorded.exchanges {
        let mut came = Vec::new();
        let mut from = 0;
        while let Some(cut) = cuts.next_if(|cut| *cut < start + sent.len()) {
            echo.feed(&sent[from..cut - start], &mut came);
            from = cut - start;
        }
        echo.feed(&sent[from..], &mut came);
        assert!(came == *expected, "cut near {start}: other answers");
        start += sent.len();
    }
    echo.finish(recorded.ending);
}
