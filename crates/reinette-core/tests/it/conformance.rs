//! The suite of what models promise finds one that does not keep it.

use reinette::testing::conformance::{self, Outcome};
use reinette::testing::{Reply, ScriptedModel};

#[test]
fn a_model_that_breaks_promises_is_found_out() {
    let model = ScriptedModel::answering(|_| Reply::text("I say what I like."));
    let broken: Vec<&str> = conformance::run(&model)
        .into_iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Broken(_)))
        .map(|(check, _)| check.promise)
        .collect();
    assert!(broken.contains(&"required calls are made, and right"), "{broken:?}");
    assert!(broken.contains(&"a schema that cannot be met is refused before generation"), "{broken:?}");
    assert!(broken.contains(&"an answer stops before a stop string"), "{broken:?}");
}
