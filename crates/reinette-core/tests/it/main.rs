//! What the framework promises to programs that use it, whatever their model.

// Programs know it by this name, and so does what the macros write.
extern crate reinette_core as reinette;

mod conformance;
mod derive;
mod effects;
mod guardrails;
mod partial;
mod schema;
mod session;
mod tools;
mod trajectory;
