use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[guide(length = 1..=5)]
    verdict: Verdict,
}

#[derive(Serialize, Deserialize, Generable)]
struct Verdict {
    text: String,
}

fn main() {}
