//! What the framework promises to programs that use it.

mod derive;
mod on_device;
