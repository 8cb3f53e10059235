use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[guide(minimum = 0.5)]
    stars: u8,
}

fn main() {}
