//! A tiny embedding model gives the ids of the tokenizers library and the vectors of the transformers library
//! (`checks/transformers/encoder.py` makes the model and writes both).

use reinette_engine::tokenizer::SpecialTokens;
use reinette_engine::{EmbedError, Embedder, LoadError, Model};
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Golden {
    /// Of every text of the corpus.
    ids: Vec<Vec<u32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    vector: Vec<f64>,
}

fn golden_folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden"].iter().collect()
}

fn model() -> PathBuf {
    golden_folder().join("architectures").join("bert.gguf")
}

fn golden() -> Golden {
    serde_json::from_slice(&std::fs::read(model().with_extension("json")).unwrap()).unwrap()
}

#[test]
fn ids_are_those_of_the_tokenizers_library() {
    let texts: Vec<String> =
        serde_json::from_slice(&std::fs::read(golden_folder().join("corpus.json")).unwrap()).unwrap();
    let embedder = Embedder::load(&model(), 1).unwrap();
    let mut differing = Vec::new();
    for (text, expected) in texts.iter().zip(golden().ids) {
        let ids: Vec<u32> =
            embedder.tokenizer().encode(text, SpecialTokens::AsText).into_iter().map(|id| id.0).collect();
        if ids != expected {
            differing.push(format!("{text:?}\n  theirs {expected:?}\n  ours   {ids:?}"));
        }
    }
    assert!(differing.is_empty(), "{} of {} differ:\n{}", differing.len(), texts.len(), differing.join("\n"));
}

#[test]
fn vectors_are_those_of_the_transformers_library() {
    let mut embedder = Embedder::load(&model(), 2).unwrap();
    for case in golden().cases {
        let vector = embedder.embed(&case.text).unwrap();
        assert_eq!(vector.len(), embedder.dimensions());
        let cosine: f64 = vector.iter().zip(&case.vector).map(|(ours, theirs)| f64::from(*ours) * theirs).sum();
        // Keys and values are rounded to halves: 2⁻¹² of each, which turns the vector by about as much.
        assert!((1.0 - cosine).abs() < 1e-6, "{:?}: 1 - cosine is {:e}", case.text, 1.0 - cosine);
    }
}

#[test]
fn what_cannot_be_embedded_is_said() {
    let mut embedder = Embedder::load(&model(), 1).unwrap();
    let long = "plumber ".repeat(600);
    let Err(EmbedError::TooLong { tokens, limit_tokens }) = embedder.embed(&long) else { panic!("too long") };
    assert!(tokens > 600 && limit_tokens == 512);
    assert!(matches!(embedder.embed(" \u{200b}"), Err(EmbedError::Empty)));
}

#[test]
fn a_model_of_the_other_kind_is_named() {
    let decoder = golden_folder().join("architectures").join("llama.gguf");
    let Err(LoadError::Architecture { found, .. }) = Embedder::load(&decoder, 1) else { panic!("not an encoder") };
    assert_eq!(found, "llama");
    let error = Model::load(&model()).unwrap_err().to_string();
    assert!(error.contains("\"bert\"") && error.contains("qwen3moe"), "{error}");
}
