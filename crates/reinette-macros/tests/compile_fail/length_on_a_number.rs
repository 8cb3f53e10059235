use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[guide(length = 1..=5)]
    stars: u8,
}

fn main() {}
