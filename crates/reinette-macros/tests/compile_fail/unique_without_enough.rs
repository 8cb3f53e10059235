use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[guide(unique, count = 3, element(any_of("good", "bad")))]
    tags: Vec<String>,
}

fn main() {}
