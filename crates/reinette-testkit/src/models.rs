//! The real models that tests compare with other people's code.

use std::path::PathBuf;

/// A model that tests run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestModel {
    /// SmolLM2-135M-Instruct, `Q4_1`: a Llama with byte-level BPE, 98 MB.
    SmolLm2,
    /// Gemma 3 270M, `Q4_K_M`: another architecture, a SentencePiece-style vocabulary, no chat template, 253 MB.
    Gemma3,
    /// Qwen2.5-Coder-1.5B-Instruct, `Q4_K_M`: biases and a template with tools, 1.1 GB.
    QwenCoder,
}

impl TestModel {
    /// All of them.
    pub const ALL: [TestModel; 3] = [TestModel::SmolLm2, TestModel::Gemma3, TestModel::QwenCoder];

    /// The name of the file without its ending; golden files begin with it.
    pub fn stem(self) -> &'static str {
        match self {
            TestModel::SmolLm2 => "SmolLM2-135M-Instruct.Q4_1",
            TestModel::Gemma3 => "gemma-3-270m.Q4_K_M",
            TestModel::QwenCoder => "Qwen2.5-Coder-1.5B-Instruct.Q4_K_M",
        }
    }
}

/// The file of a test model: in the folder `REINETTE_TEST_MODELS`, by default `~/.cache/reinette-test-models`.
///
/// # Panics
/// When the file is not there: a test that compares with the model must not pass without it.
pub fn model(model: TestModel) -> PathBuf {
    let folder = std::env::var_os("REINETTE_TEST_MODELS").map_or_else(default_folder, PathBuf::from);
    let path = folder.join(format!("{}.gguf", model.stem()));
    assert!(
        path.is_file(),
        "the test model {} is missing: run the project's setup, or set REINETTE_TEST_MODELS to the folder that has it",
        path.display()
    );
    path
}

fn default_folder() -> PathBuf {
    let home = std::env::home_dir().unwrap_or_default();
    home.join(".cache").join("reinette-test-models")
}
