use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
#[serde(tag = "kind")]
enum Rating {
    Stars(Stars),
}

#[derive(Serialize, Deserialize, Generable)]
struct Stars {
    count: u8,
}

fn main() {}
