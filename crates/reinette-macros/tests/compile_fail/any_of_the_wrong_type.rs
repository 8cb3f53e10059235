use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[guide(any_of("one", "two"))]
    stars: u8,
}

fn main() {}
