//! Gradients are those of PyTorch (`checks/transformers/gradients.py` makes the adapters and computes them).

use super::{Decoder, Gradients};
use crate::adapter::Adapter;
use crate::base::hugging_face_name;
use crate::batch::{Batch, Example};
use crate::config::{AdapterConfig, BaseWeights, Method, ModelConfig, Recompute};
use crate::preference::Reference;
use crate::tensor::values;
use reinette_engine::Model;
use reinette_engine::gguf::Gguf;
use reinette_testkit::{golden_folder, golden_model};
use safetensors::SafeTensors;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The length of the difference of two gradients of one matrix, in lengths of the gradient: both compute in 32 bits, in
/// different orders.
const TOLERANCE: f64 = 1e-4;

/// As in the script.
fn examples() -> Vec<Example> {
    let shared: Vec<u32> = (0..40).map(|i| 1 + (7 * i + i * i) % 62).collect();
    let with = |own: &[u32]| [shared.as_slice(), own].concat();
    let pairs = [(with(&[5, 9]), vec![11, 4, 2]), (with(&[8]), vec![12, 60, 33, 2]), (vec![1, 17, 3], vec![40, 2])];
    let example = |(prompt, answer): (Vec<u32>, Vec<u32>)| Example {
        prompt_tokens: prompt.len(),
        tokens: [prompt, answer].concat(),
        ..Example::default()
    };
    pairs.map(example).to_vec()
}

fn batch() -> Batch {
    Batch::new(&examples().iter().collect::<Vec<_>>())
}

fn length(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(|number| number * number).sum::<f64>().sqrt()
}

/// A tiny model with its adapter, and the folder of what PyTorch has computed of them.
fn golden(name: &str) -> (PathBuf, Decoder, Adapter) {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name].iter().collect();
    let model = Arc::new(Model::unpacked(Gguf::from_bytes(golden_model(name)).unwrap()).unwrap());
    let adapter = Adapter::load(&folder, &model, &model_config()).unwrap();
    (folder, Decoder::new(model, 64, BaseWeights::Numbers).unwrap(), adapter)
}

fn model_config() -> ModelConfig {
    ModelConfig { adapter: AdapterConfig { rank: 4, ..AdapterConfig::default() }, ..ModelConfig::default() }
}

/// Both the loss and the gradients by all that is trained are those of a file, whose tensors are `called` something else.
fn assert_agrees(found: &Gradients, adapter: &Adapter, file: &Path, called: impl Fn(String) -> String) {
    let bytes = std::fs::read(file).unwrap();
    let golden = SafeTensors::deserialize(&bytes).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let loss: f64 = metadata.metadata().as_ref().unwrap()["loss"].parse().unwrap();
    let found_loss = found.loss.sum();
    assert!((found_loss - loss).abs() < 1e-4 * loss, "{}: {found_loss} instead of {loss}", file.display());
    assert_eq!(found.parameters.len(), golden.len());
    for (parameter, tensor_name) in found.parameters.iter().zip(adapter.parameter_names().into_iter().map(called)) {
        let tensor = golden.tensor(&tensor_name).unwrap();
        let expected = tensor.data().as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes)));
        let found = values(parameter).iter().copied().map(f64::from);
        let difference = length(expected.clone().zip(found).map(|(a, b)| a - b)) / length(expected);
        assert!(difference < TOLERANCE, "{tensor_name} of {}: {difference:.2e}", file.display());
    }
}

fn agrees_with_pytorch(name: &str) {
    let (folder, decoder, adapter) = golden(name);
    for recompute in [Recompute::Nothing, Recompute::Layers] {
        let found = decoder.gradients(&adapter, None, &batch(), recompute);
        assert_agrees(&found, &adapter, &folder.join("gradients.safetensors"), |name| name);
    }
}

#[test]
fn gradients_with_dora_agree_with_pytorch() {
    for name in ["llama", "qwen2"] {
        let (folder, decoder, _) = golden(name);
        let adapter = Adapter::open(&golden_folder().join(format!("{name}-dora")), decoder.model()).unwrap();
        let found = decoder.gradients(&adapter, None, &batch(), Recompute::Nothing);
        assert_agrees(&found, &adapter, &folder.join("dora.safetensors"), |name| name);
    }
}

#[test]
fn gradients_of_all_weights_agree_with_pytorch() {
    for name in ["gemma3", "llama", "qwen2"] {
        let (folder, decoder, _) = golden(name);
        let config = ModelConfig { method: Method::Full, ..ModelConfig::default() };
        let weights = Adapter::new(decoder.model(), &config, 1).unwrap();
        let architecture = &decoder.model().description().architecture;
        for recompute in [Recompute::Nothing, Recompute::Layers] {
            let found = decoder.gradients(&weights, None, &batch(), recompute);
            let called = |name: String| hugging_face_name(&name, architecture).unwrap();
            assert_agrees(&found, &weights, &folder.join("whole.safetensors"), called);
        }
    }
}

#[test]
fn preferences_agree_with_pytorch() {
    let (folder, decoder, adapter) = golden("llama");
    let mut pairs = examples()[..2].to_vec();
    let answer = |example: &Example| example.tokens[example.prompt_tokens..].to_vec();
    (pairs[0].rejected, pairs[1].rejected) = (Some(answer(&pairs[1])), Some(answer(&pairs[0])));
    // A fresh adapter changes nothing: what is preferred is measured against the base.
    let base = Adapter::new(decoder.model(), &model_config(), 1).unwrap();
    let reference = Reference { adapter: base, beta: 0.1 };
    let batch = Batch::new(&pairs.iter().collect::<Vec<_>>());
    let found = decoder.gradients(&adapter, Some(&reference), &batch, Recompute::Nothing);
    assert_agrees(&found, &adapter, &folder.join("preference.safetensors"), |name| name);
}

macro_rules! architectures {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            agrees_with_pytorch(stringify!($name));
        }
    )*};
}

architectures!(gemma3, llama, qwen2, qwen3, smollm3);
