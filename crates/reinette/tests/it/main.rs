//! What the framework promises to programs that use it.

mod conformance;
mod derive;
mod examples;
mod guardrails;
mod guided;
mod hostile_server;
mod on_device;
mod partial;
mod remote;
mod schema;
mod session;
mod system_model;
mod tools;
mod trajectory;
