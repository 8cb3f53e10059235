//! What the framework promises to programs that use it.

mod conformance;
mod derive;
mod partial;
mod remote;
mod session;
mod tools;
