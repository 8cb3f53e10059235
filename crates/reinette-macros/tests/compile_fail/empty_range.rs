use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[guide(range = 5..=1)]
    stars: u8,
}

fn main() {}
