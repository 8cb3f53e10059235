//! Models: the store, and fetching from a loopback server that misbehaves in every way.
