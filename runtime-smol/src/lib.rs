//! XMPP over BOSH and WebSocket on smol.
