use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[guide(minimum = 1, minimum = 2)]
    stars: u8,
}

fn main() {}
