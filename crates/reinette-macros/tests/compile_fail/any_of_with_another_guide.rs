use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[guide(any_of("good", "bad"), length = 3)]
    verdict: String,
}

fn main() {}
