use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
#[serde(untagged)]
enum Rating {
    Stars(u8),
    Words(String),
}

fn main() {}
