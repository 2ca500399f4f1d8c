//! What the gateway takes out of a server's features (W-R-420 to 427, W-R-452).
