//! The rules of the house as code: `cargo xtask tidy`.

fn main() {}
