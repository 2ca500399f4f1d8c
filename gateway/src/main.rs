//! `xmpp-web`: puts BOSH and WebSocket in front of XMPP servers.
#![forbid(unsafe_code)]

mod cli;
mod config;
mod demo;
mod logging;
mod serve;

use std::process::ExitCode;

use clap::Parser as _;

/// Something is wrong with the configuration or the arguments, as clap's own code for wrong arguments.
const WRONG: u8 = 2;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse().into_serve();
    let config = match config::Config::load(&arguments) {
        Ok(config) => config,
        Err(problem) => {
            eprintln!("xmpp-web: {problem}");
            return ExitCode::from(WRONG);
        }
    };
    if arguments.check_config {
        print!("{}", config::Summary(&config));
        return ExitCode::SUCCESS;
    }
    logging::start(&config.log);
    serve::run(config)
}
