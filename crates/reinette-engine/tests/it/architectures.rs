//! Tiny models of every architecture give the logits of the transformers library
//! (`checks/transformers/tiny_models.py` makes the models and writes the logits).

use reinette_engine::tokenizer::TokenId;
use reinette_engine::{Model, Sequence};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// The root mean square of the differences, in standard deviations of the logits. Keys and values are rounded to
/// halves, each by up to 2⁻¹² of itself, and the errors add up over layers; the scripts hold llama.cpp, which rounds
/// activations too, to 0.03. A part of a block that is missing or wrong changes the logits by 0.05 at least.
const TOLERANCE: f64 = 0.004;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    tokens: Vec<u32>,
    /// How many positions there is room for: some models rotate in another way in long sequences.
    positions: usize,
    /// After the last tokens.
    logits: Vec<Vec<f64>>,
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", "architectures"].iter().collect()
}

fn difference(found: &[f32], expected: &[f64]) -> f64 {
    let count = expected.len() as f64;
    let mean = expected.iter().sum::<f64>() / count;
    let variance = expected.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let squares = found.iter().zip(expected).map(|(found, expected)| (f64::from(*found) - expected).powi(2));
    (squares.sum::<f64>() / count / variance).sqrt()
}

fn agrees_with_transformers(name: &str) {
    let model = Arc::new(Model::load(&folder().join(format!("{name}.gguf"))).unwrap());
    let golden: Golden =
        serde_json::from_slice(&std::fs::read(folder().join(format!("{name}.json"))).unwrap()).unwrap();
    assert_eq!(golden.cases.len(), 2);
    for case in golden.cases {
        let tokens: Vec<TokenId> = case.tokens.iter().copied().map(TokenId).collect();
        let mut sequence = Sequence::new(model.clone(), case.positions, 1).unwrap();
        let logits = sequence.logits(&tokens, None).unwrap();
        let expected: Vec<f64> = case.logits.concat();
        let found = &logits[logits.len() - expected.len()..];
        let difference = difference(found, &expected);
        assert!(difference <= TOLERANCE, "{name}, {} tokens: {difference:.5} standard deviations", tokens.len());
    }
}

macro_rules! architectures {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            agrees_with_transformers(stringify!($name));
        }
    )*};
}

architectures!(gemma, gemma2, gemma3, llama, llama3, mistral, mistral3, mixtral, phi3, qwen2, qwen3, qwen3moe, smollm3);
