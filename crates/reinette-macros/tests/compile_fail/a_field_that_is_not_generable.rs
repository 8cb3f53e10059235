use reinette::Generable;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Generable)]
struct Rating {
    #[guide(description = "How long it took.")]
    took: std::time::Duration,
}

fn main() {}
