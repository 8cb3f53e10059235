//! The same weights give the same logits as in the transformers library and in the engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use reinette_engine::gguf::Gguf;
use reinette_engine::tokenizer::{SpecialTokens, TokenId};
use reinette_engine::{Model, Sequence};
use reinette_testkit::{GoldenCase, TestModel, golden_cases, golden_folder, golden_model, logit_distance, model};
use reinette_train::{Adapter, BaseWeights, Batch, Decoder, Example, TrainError};
use std::sync::Arc;

/// The root mean square of the differences, in standard deviations of the logits: both compute in 32 bits.
const TOLERANCE: f64 = 2e-5;

/// The same, where the engine rounds activations to 8 bits and keys and values to halves, in all of 30 layers: 0.042. That
/// both compute the same is shown by the tiny models, whose weights are not quantised.
const ENGINE_TOLERANCE: f64 = 0.05;

fn decoder(architecture: &str, positions: usize) -> Result<Decoder, TrainError> {
    let model = Model::unpacked(Gguf::from_bytes(golden_model(architecture)).unwrap()).unwrap();
    Decoder::new(Arc::new(model), positions, BaseWeights::Numbers)
}

/// A batch whose outputs are the last tokens.
fn batch(tokens: &[u32], n_outputs: usize) -> Batch {
    // The last token is only predicted: any one will do.
    let example =
        Example { tokens: [tokens, &[0]].concat(), prompt_tokens: tokens.len() + 1 - n_outputs, ..Example::default() };
    Batch::new(&[&example])
}

fn agrees(architecture: &str, adapter: Option<&str>, golden: &str) {
    for GoldenCase { tokens, positions, logits } in golden_cases(golden) {
        let decoder = decoder(architecture, positions).unwrap();
        let adapter = adapter.map(|name| Adapter::open(&golden_folder().join(name), decoder.model()).unwrap());
        let found = decoder.logits(adapter.as_ref(), &batch(&tokens, logits.len()));
        let difference = logit_distance(&found, &logits.concat());
        assert!(difference <= TOLERANCE, "{architecture}, {} tokens: {difference:.2e}", tokens.len());
    }
}

macro_rules! architectures {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            agrees(stringify!($name), None, stringify!($name));
        }
    )*};
}

architectures!(gemma, gemma3, llama, llama3, mistral, phi3, qwen2, qwen3, smollm3);

#[test]
fn adapters_agree_with_peft() {
    agrees("llama", Some("llama-lora"), "llama-lora");
    agrees("llama", Some("llama-dora"), "llama-dora");
    agrees("qwen2", Some("qwen2-dora"), "qwen2-dora");
}

#[test]
fn what_cannot_be_trained_is_refused_by_name() {
    for (architecture, part) in [("gemma2", "soft caps"), ("mixtral", "experts"), ("mistral3", "temperature")] {
        let message = decoder(architecture, 64).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn examples_behind_one_copy_of_their_beginning_are_computed_as_if_alone() {
    for architecture in ["llama", "gemma3"] {
        let decoder = decoder(architecture, 64).unwrap();
        let example = |own: &[u32]| {
            let mut tokens: Vec<u32> = (0..40).map(|i| 3 + i * 7 % 50).collect();
            tokens.extend(own);
            Example { prompt_tokens: tokens.len() - 2, tokens, ..Example::default() }
        };
        let examples = [example(&[5, 6, 7, 8]), example(&[9, 10, 11]), example(&[60, 61, 62, 63])];
        let together = decoder.logits(None, &Batch::new(&examples.iter().collect::<Vec<_>>()));
        let alone: Vec<f64> =
            examples.iter().flat_map(|example| decoder.logits(None, &Batch::new(&[example]))).map(f64::from).collect();
        assert!(Batch::new(&examples.iter().collect::<Vec<_>>()).tokens.len() < 60);
        assert!(logit_distance(&together, &alone) <= TOLERANCE, "{architecture}");
    }
}

#[test]
fn weights_as_blocks_are_the_same_weights() {
    let model = || Arc::new(Model::unpacked(Gguf::from_bytes(golden_model("llama")).unwrap()).unwrap());
    let logits = |kept| Decoder::new(model(), 64, kept).unwrap().logits(None, &batch(&[1, 5, 9, 30], 4));
    assert_eq!(logits(BaseWeights::Numbers), logits(BaseWeights::Blocks));
}

#[test]
fn the_default_model_gives_the_engines_logits() {
    let path = model(TestModel::SmolLm2);
    let engine = Arc::new(Model::load(&path).unwrap());
    let text = "<|im_start|>user\nwake me at half past six tomorrow<|im_end|>\n<|im_start|>assistant\n";
    let tokens = engine.tokenizer().encode(text, SpecialTokens::Parse);
    let mut sequence = Sequence::new(Arc::clone(&engine), 64, 2).unwrap();
    let expected: Vec<f64> = sequence.logits(&tokens, &[]).unwrap().iter().copied().map(f64::from).collect();
    let trained = Arc::new(Model::unpacked(Gguf::open(&path).unwrap()).unwrap());
    let decoder = Decoder::new(trained, 64, BaseWeights::Numbers).unwrap();
    let ids: Vec<u32> = tokens.iter().map(|TokenId(id)| *id).collect();
    let found = decoder.logits(None, &batch(&ids, tokens.len()));
    let difference = logit_distance(&found, &expected);
    assert!(difference <= ENGINE_TOLERANCE, "{difference:.4} standard deviations");
}
