//! The real models that tests compare with other people's code.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

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

    /// The name by which the project's list of models knows it.
    pub fn name(self) -> &'static str {
        match self {
            TestModel::SmolLm2 => "smollm2-135m",
            TestModel::Gemma3 => "gemma3-270m",
            TestModel::QwenCoder => "qwen2.5-coder-1.5b",
        }
    }

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
/// Unless it is there, the framework's example `fetch` is built and brings it. That the framework does so in a process of its
/// own keeps it out of the tests of what lies below it.
///
/// # Panics
/// When the file cannot be had: a test that compares with the model must not pass without it.
pub fn model(model: TestModel) -> PathBuf {
    let folder = std::env::var_os("REINETTE_TEST_MODELS").map_or_else(default_folder, PathBuf::from);
    let path = folder.join(format!("{}.gguf", model.stem()));
    // A file gets its name when it is whole.
    if !path.is_file() {
        fetch(&folder, model.name());
        assert!(path.is_file(), "{} is not what `fetch` brought for {}", path.display(), model.name());
    }
    path
}

fn fetch(folder: &Path, name: &str) {
    // Tests run in the folder of their crate: a relative one means the same to both programs.
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--release", "--package", "reinette", "--example", "fetch", "--"])
        .args([folder.as_os_str(), name.as_ref()])
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("the test model {name} cannot be fetched: {status}"),
        Err(error) => panic!("the test model {name} cannot be fetched: cargo does not run: {error}"),
    }
}

/// The architectures that there is a [`golden_model`] of.
pub const ARCHITECTURES: [&str; 13] = [
    "gemma", "gemma2", "gemma3", "llama", "llama3", "mistral", "mistral3", "mixtral", "phi3", "qwen2", "qwen3",
    "qwen3moe", "smollm3",
];

/// Where the tiny models, adapters for them, and the logits of both are, written by another program.
pub fn golden_folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "reinette-engine", "tests", "golden", "architectures"].iter().collect()
}

/// A tiny model file of one of the [`ARCHITECTURES`].
///
/// # Panics
/// When the checkout lacks it.
pub fn golden_model(architecture: &str) -> Vec<u8> {
    golden_file(&format!("{architecture}.gguf"))
}

fn golden_file(name: &str) -> Vec<u8> {
    let path = golden_folder().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Tokens, and the logits that another program gave after the last of them.
#[derive(Debug, Deserialize)]
pub struct GoldenCase {
    /// What was read.
    pub tokens: Vec<u32>,
    /// How many positions there was room for: some models rotate in another way in long sequences.
    pub positions: usize,
    /// `[n_outputs, vocab_size]`
    pub logits: Vec<Vec<f64>>,
}

/// What is known of a tiny model, or of one with an adapter.
///
/// # Panics
/// When the checkout lacks the file, or it holds anything else.
pub fn golden_cases(name: &str) -> Vec<GoldenCase> {
    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<GoldenCase>,
    }
    let golden: Golden =
        serde_json::from_slice(&golden_file(&format!("{name}.json"))).expect("the golden file is whole");
    golden.cases
}

/// The root mean square of the differences of logits, in standard deviations of those that are expected.
///
/// # Panics
/// If there are not as many of both.
pub fn logit_distance(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let count = expected.len() as f64;
    let mean = expected.iter().sum::<f64>() / count;
    let variance = expected.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let squares = found.iter().zip(expected).map(|(found, expected)| (f64::from(*found) - expected).powi(2));
    (squares.sum::<f64>() / count / variance).sqrt()
}

fn default_folder() -> PathBuf {
    let home = std::env::home_dir().unwrap_or_default();
    home.join(".cache").join("reinette-test-models")
}
