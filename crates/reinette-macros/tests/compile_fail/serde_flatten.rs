use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Serialize, Deserialize, Generable)]
struct Inner {
    stars: u8,
}

fn main() {}
