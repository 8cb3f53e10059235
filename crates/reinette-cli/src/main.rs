//! The `reinette` program: the only crate that prints.

fn main() {}
