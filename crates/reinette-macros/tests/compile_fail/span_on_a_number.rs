use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[guide(span)]
    stars: u8,
}

fn main() {}
