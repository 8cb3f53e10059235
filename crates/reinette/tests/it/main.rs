//! What the models promise to programs that use them; `reinette-core` has the tests of the rest.

mod conformance;
mod examples;
mod guided;
mod hostile_server;
mod on_device;
mod remote;
mod system_model;
