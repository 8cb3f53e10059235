//! Backends keep the promises of the trait.

use reinette::testing::conformance::{self, Outcome};
use reinette::{LanguageModel, OnDeviceConfig, OnDeviceModel};
use reinette_testkit::TinyDecoder;

/// A model on this machine with random weights: nothing but the framework makes its answers right.
pub(crate) fn tiny_model() -> OnDeviceModel {
    let file = tempfile::NamedTempFile::new().expect("there is room for a small file");
    std::fs::write(file.path(), TinyDecoder::Llama.file(11)).expect("there is room for a small file");
    let mut config = OnDeviceConfig::new(file.path());
    config.threads = 1;
    OnDeviceModel::load(&config).expect("the tiny model is a model")
}

/// Every promise is kept, or left out for want of a capability; gives how many were left out.
pub(crate) fn assert_conforms(model: &dyn LanguageModel) -> usize {
    conformance::assert_conforms(model);
    conformance::run(model).iter().filter(|(_, outcome)| matches!(outcome, Outcome::LeftOut(_))).count()
}

#[test]
fn the_model_on_the_device_conforms() {
    // Its template knows no thoughts; `on_device.rs` has one that does.
    assert_eq!(assert_conforms(&tiny_model()), 1);
}
