//! Where to connect to an XMPP domain over the web, as a pure state machine: it does no I/O, reads
//! no clock, draws no entropy and starts no thread.
//!
//! - [`document`]: host-meta as XRD and JRD (XEP-0156, XEP-0487) and lists of nodes, read within
//!   limits.
//! - [`Planner`]: looks them up, tries candidates in random order and in parallel where one is
//!   silent, follows redirects, remembers failures, and starts over after a while.
//! - [`redirect`]: where a server may send its client.
//!
//! The planner orders look-ups and attempts, and is told what came of them. This is the whole loop,
//! here over a world that answers at once:
//!
//! ```
//! use xmpp_endpoints::{Failure, Instant, Planner, planner::{Action, Config, Event, Fetched, Query}};
//!
//! let now = Instant::now(); // a real driver looks at the clock each time, and waits for `poll_timeout` too
//! let mut planner = Planner::new(Config::new("example.com")?, [7; 32], now);
//! planner.connect(now)?;
//! let mut session = None;
//! while let Some(action) = planner.poll_action() {
//!     match action {
//!         Action::LookUp { id, query: Query::Get { url, .. } } => {
//!             assert_eq!(url.to_string(), "https://example.com/.well-known/host-meta.json");
//!             let body = br#"{"links": [{"rel": "urn:xmpp:alt-connections:websocket", "href": "wss://web.example.com/ws"}]}"#;
//!             let content_type = Some("application/json".to_owned());
//!             planner.handle_fetched(id, &Fetched { status: 200, content_type, location: None, body: body.as_slice().into() }, now);
//!         }
//!         Action::LookUp { id, query: Query::Srv { .. } } => planner.handle_records(id, &[], now),
//!         Action::Attempt { id, candidate, .. } => {
//!             // Resolve, connect, prove `candidate.identity`, open a stream with `to='example.com'`.
//!             session = Some(candidate.url);
//!             planner.handle_opened(id, now);
//!         }
//!         Action::AbandonLookup(_) | Action::Abandon(_) => {} // drop what is under way
//!         Action::Deliver(Event::Waiting { delay, report }) => println!("again in {delay:?}: {report}"),
//!         Action::Deliver(Event::Failed(report)) => println!("{report}"),
//!     }
//! }
//! assert_eq!(session.map(|url| url.to_string()).as_deref(), Some("wss://web.example.com/ws"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Decisions about this crate, in `docs/decisions/`: 0023, 0024, 0025.
#![forbid(unsafe_code)]

mod candidate;
mod choice;
pub mod document;
mod failure;
pub mod planner;
pub mod redirect;
mod url;

pub use candidate::{Candidate, Identity, Transport};
pub use failure::{Failure, Report, Subject};
pub use planner::Planner;
pub use url::{NotAnEndpoint, Scheme, Url};
pub use xmpp_machine::Instant;
