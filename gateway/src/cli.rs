//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::config::UpstreamTls;

/// Puts BOSH and WebSocket in front of XMPP servers.
///
/// Without arguments: `xmpp-web serve`, with a demonstration domain on http://localhost:5280/.
#[derive(Debug, Parser)]
#[command(name = "xmpp-web", version, about, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  xmpp-web                                      a demonstration: open http://localhost:5280/
  xmpp-web serve --domain example.com --upstream 127.0.0.1:5222
                                                in front of a server on this machine
  xmpp-web serve --config xmpp-web.toml --check-config
                                                says what would run, or what is wrong

`xmpp-web help serve` explains each option.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve BOSH and WebSocket
    Serve(Serve),
}

/// Serves BOSH at /http-bind and /bosh, WebSocket at /xmpp-websocket and /ws, and a page for people at /.
///
/// Without a configuration it listens on port 5280 of 127.0.0.1 and ::1, and serves a demonstration domain named
/// `localhost`, which lives inside this process and takes any user name with any password.
#[derive(Args, Debug, Default)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct Serve {
    /// Read the configuration from this TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Listen on this address; repeat for more. Replaces the listeners of the configuration.
    /// Port 0 lets the system choose
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Vec<SocketAddr>,

    /// Let the addresses of --listen that are not loopback carry plain text.
    /// Their clients are not offered SASL PLAIN
    #[arg(long, requires = "listen")]
    pub(crate) allow_plaintext: bool,

    /// Serve this XMPP domain at --upstream; repeat for more. Added to the domains of the configuration,
    /// in place of those with the same name
    #[arg(long, value_name = "D")]
    pub(crate) domain: Vec<String>,

    /// The XMPP server of the domains given with --domain
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) upstream: Option<String>,

    /// How to protect the way to --upstream. The server has to prove the name of the XMPP domain.
    /// The default is none for loopback addresses and starttls elsewhere
    #[arg(long, value_name = "HOW", requires = "upstream")]
    pub(crate) upstream_tls: Option<UpstreamTls>,

    /// Trust the CAs in this PEM file for --upstream (or the server's own certificate, self-signed), in place of the system's
    #[arg(long, value_name = "FILE", requires = "upstream")]
    pub(crate) upstream_ca: Option<PathBuf>,

    /// Say what would run and stop: exit code 0, or 2 where something is wrong
    #[arg(long)]
    pub(crate) check_config: bool,

    /// What to log, as `info`, `warn,xmpp_web=debug`, ... In place of the configuration's
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

const SERVE_EXAMPLES: &str = "Examples:
  xmpp-web serve --listen 127.0.0.1:8080
  xmpp-web serve --domain example.com --domain example.org --upstream 127.0.0.1:5222
  xmpp-web serve --config /etc/xmpp-web.toml --log debug

The configuration's keys, with their defaults and reasons: gateway/xmpp-web.example.toml";

impl Cli {
    /// What to do; serving where nothing else is asked for.
    pub(crate) fn into_serve(self) -> Serve {
        match self.command {
            Some(Command::Serve(serve)) => serve,
            None => Serve::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_means_serve() {
        let serve = Cli::parse_from(["xmpp-web"]).into_serve();
        assert_eq!(serve.config, None);
        assert!(serve.listen.is_empty());
        assert!(!serve.check_config);
    }

    #[test]
    fn listen_takes_addresses_of_both_families() {
        let cli = Cli::parse_from([
            "xmpp-web",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--listen",
            "[::1]:80",
        ]);
        let addresses: Vec<String> = cli
            .into_serve()
            .listen
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(addresses, ["127.0.0.1:0", "[::1]:80"]);
    }
}
