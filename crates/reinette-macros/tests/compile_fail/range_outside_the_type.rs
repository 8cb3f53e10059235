use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[guide(range = 1..=300)]
    stars: u8,
}

fn main() {}
