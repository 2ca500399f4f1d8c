-- Prosody for the interop suites: loopback only, everything it keeps is in one temporary directory.
-- `prosody/start` sets the environment; Prosody hands it over as ENV_*.

local data = ENV_INTEROP_DATA

data_path = data
certificates = data
pidfile = data .. "/prosody.pid"
log = { { levels = { min = "info" }, to = "console" } }
run_as_root = true -- CI containers run as root; without root it does nothing

interfaces = { "127.0.0.1" }
local_interfaces = { "127.0.0.1" }
c2s_ports = { tonumber(ENV_INTEROP_C2S_PORT) }
if ENV_INTEROP_ADDRESSES then
    plugin_paths = { ENV_INTEROP_ADDRESSES }
    proxy_ports = c2s_ports
    proxy_port_mappings = { [tonumber(ENV_INTEROP_C2S_PORT)] = "c2s" }
    c2s_ports = { }
end
c2s_direct_tls_ports = { }
s2s_ports = { }
https_ports = { }
http_ports = { tonumber(ENV_INTEROP_HTTP_PORT) }
http_interfaces = { "127.0.0.1" }
http_default_host = "prosody.test"
http_host = "prosody.test"

-- bosh and websocket are Prosody's own transports: the suites run against them too (`interop/run --direct`),
-- so that a fault of a suite is told from a fault of the gateway.
modules_enabled = {
    "disco", "roster", "saslauth", "tls", "ping", "smacks", "presence", "message", "iq", "offline", "posix",
    "bosh", "websocket", "http_files",
    ENV_INTEROP_ADDRESSES and "net_proxy" or nil,
}
modules_disabled = { "s2s" }
http_files_dir = ENV_INTEROP_PAGE
http_paths = { bosh = "/http-bind", websocket = "/xmpp-websocket", files = "/" }
consider_bosh_secure = true
consider_websocket_secure = true
cross_domain_bosh = true
cross_domain_websocket = true
trusted_proxies = { }

-- The suites judge transports: plain c2s on loopback (unless a certificate is there: then STARTTLS must be used), no limits on rates.
local tls = ENV_INTEROP_TLS == "required"
if tls then
    ssl = { certificate = data .. "/server.pem", key = data .. "/server.key" }
else
    modules_disabled = { "s2s", "tls" }
end
c2s_require_encryption = tls
allow_unencrypted_plain_auth = not tls
limits = { }

authentication = "internal_hashed"
storage = "internal"
-- A resumption must still find its session, a forgotten one must not outlive the run.
smacks_hibernation_time = 60

VirtualHost "prosody.test"

VirtualHost "anonymous.prosody.test"
    authentication = "anonymous"
    allow_anonymous_s2s = false
