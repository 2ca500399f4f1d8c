//! `xmpp-web`: puts BOSH and WebSocket in front of XMPP servers.
//!
//! Decisions about this crate, in `docs/decisions/`: 0008, 0009, 0028, 0038, 0039, 0040, 0043,
//! 0044, 0045, 0046, 0047, 0048, 0049.
#![forbid(unsafe_code)]

mod cli;
mod config;
mod demo;
mod logging;
mod serve;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;

/// Something is wrong with the configuration or the arguments, as clap's own code for wrong arguments.
const WRONG: u8 = 2;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse().into_serve();
    // Without a thread for the log the process would not get far.
    if logging::open().is_err() {
        return ExitCode::FAILURE;
    }
    let code = run(&arguments);
    logging::close();
    code
}

fn run(arguments: &cli::Serve) -> ExitCode {
    let config = match config::Config::load(arguments) {
        Ok(config) => config,
        Err(problem) => {
            logging::say(&format!("xmpp-web: {problem}"));
            return ExitCode::from(WRONG);
        }
    };
    let budget = match serve::Budget::new(&config) {
        Ok(budget) => budget,
        Err(problem) => {
            logging::say(&format!("xmpp-web: {problem}"));
            return ExitCode::from(WRONG);
        }
    };
    if arguments.check_config {
        if let Some(advice) = budget.advice() {
            logging::say(&format!("xmpp-web: {advice}"));
        }
        return print(&config::Summary(&config, &budget).to_string());
    }
    logging::start(&config.log);
    serve::run(config, budget)
}

/// Prints it. A reader that has seen enough, as in `... | head`, is no fault.
fn print(text: &str) -> ExitCode {
    let mut output = io::stdout().lock();
    let printed = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            logging::say(&format!("xmpp-web: cannot print: {error}"));
            ExitCode::FAILURE
        }
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}
