use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[guide(pattern = "^[a-z]+$")]
    comment: String,
}

fn main() {}
