//! The binary as people run it: started, spoken to over its sockets, and ended.
#![cfg(unix)]

mod bad_documents;
mod bosh;
mod bosh_http;
mod client_address;
mod command;
mod compression;
mod ended;
mod listener_tls;
mod log;
mod logins;
mod proxy_protocol;
mod server_elements;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod slow_names;
mod support;
mod tasks;
mod upstream_tls;
mod upstream_ways;
mod websocket;
