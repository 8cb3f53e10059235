//! Tiny models of every architecture, and adapters for them, give the logits of the transformers and PEFT libraries
//! (`checks/transformers/tiny_models.py` makes the models and writes the logits).

use reinette_engine::gguf::{Gguf, GgufWriter};
use reinette_engine::tokenizer::TokenId;
use reinette_engine::{Adapter, AdapterError, BatchConfig, GenerateError, KvType, LoadError, Model, Sequence};
use reinette_testkit::{golden_cases, golden_folder, logit_distance};
use std::sync::Arc;

/// The root mean square of the differences, in standard deviations of the logits. Keys and values are rounded to
/// halves, each by up to 2⁻¹² of itself, and the errors add up over layers; the scripts hold llama.cpp, which rounds
/// activations too, to 0.03. A part of a block that is missing or wrong changes the logits by 0.05 at least.
const TOLERANCE: f64 = 0.004;

fn load(name: &str) -> Arc<Model> {
    Arc::new(Model::load(&golden_folder().join(format!("{name}.gguf"))).unwrap())
}

/// Compares with the logits in `golden`.
fn agrees_with_transformers(name: &str, adapter: Option<&str>, golden: &str) {
    let model = load(name);
    let adapters: Vec<_> =
        adapter.map(|path| Arc::new(Adapter::load(&golden_folder().join(path), &model).unwrap())).into_iter().collect();
    let cases = golden_cases(golden);
    assert_eq!(cases.len(), 2);
    for case in cases {
        let tokens: Vec<TokenId> = case.tokens.iter().copied().map(TokenId).collect();
        let mut sequence = Sequence::new(model.clone(), case.positions, 1).unwrap();
        let logits = sequence.logits(&tokens, &adapters).unwrap();
        let expected: Vec<f64> = case.logits.concat();
        let found = &logits[logits.len() - expected.len()..];
        let difference = logit_distance(found, &expected);
        assert!(difference <= TOLERANCE, "{name}, {} tokens: {difference:.5} standard deviations", tokens.len());
    }
}

macro_rules! architectures {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            let name = stringify!($name);
            agrees_with_transformers(name, None, name);
        }
    )*};
}

architectures!(gemma, gemma2, gemma3, llama, llama3, mistral, mistral3, mixtral, phi3, qwen2, qwen3, qwen3moe, smollm3);

/// As [`TOLERANCE`], for keys and values in 8 bits instead of halves: each is rounded by up to a 254th of the greatest
/// of its group.
const EIGHT_BIT_TOLERANCE: f64 = 0.03;

#[test]
fn keys_and_values_in_8_bits_change_logits_a_little() {
    for name in ["gemma3", "llama", "qwen2"] {
        let model = load(name);
        let tokens: Vec<TokenId> = (3..60).map(TokenId).collect();
        let logits = |ty| {
            let mut sequence =
                Sequence::with_config(model.clone(), BatchConfig { kv_type: ty, ..BatchConfig::new(64, 1) }).unwrap();
            sequence.logits(&tokens, &[]).unwrap().to_vec()
        };
        let exact: Vec<f64> = logits(KvType::F16).into_iter().map(f64::from).collect();
        let difference = logit_distance(&logits(KvType::Q8), &exact);
        assert!(difference > 0.0 && difference <= EIGHT_BIT_TOLERANCE, "{name}: {difference:.5} standard deviations");
    }
}

#[test]
fn adapters_in_both_forms_agree_with_peft() {
    // Neighbours rotated, halves rotated with rank-stabilised scaling, fused projections.
    for name in ["llama", "qwen3", "phi3"] {
        for form in ["", ".gguf"] {
            agrees_with_transformers(name, Some(&format!("{name}-lora{form}")), &format!("{name}-lora"));
        }
    }
}

#[test]
fn dora_adapters_agree_with_peft() {
    // Neighbours rotated, biases.
    for name in ["llama", "qwen2"] {
        let adapter = format!("{name}-dora");
        agrees_with_transformers(name, Some(&adapter), &adapter);
    }
}

#[test]
fn adapters_are_switched_between_requests_of_one_sequence() {
    let model = load("llama");
    let adapter = [Arc::new(Adapter::load(&golden_folder().join("llama-lora"), &model).unwrap())];
    let tokens: Vec<TokenId> = (3..15).map(TokenId).collect();
    let mut sequence = Sequence::new(model, 64, 1).unwrap();
    let mut logits = |adapters: &[_]| sequence.logits(&tokens, adapters).unwrap().to_vec();
    let (plain, adapted, again) = (logits(&[]), logits(&adapter), logits(&[]));
    assert_eq!(plain, again);
    assert_ne!(plain, adapted);
}

/// The adapter of the golden files, its changes multiplied by `factor`.
fn scaled_adapter(model: &Model, factor: f64) -> Arc<Adapter> {
    let read = |name: &str| std::fs::read(golden_folder().join("llama-lora").join(name)).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&read("adapter_config.json")).unwrap();
    config["lora_alpha"] = (config["lora_alpha"].as_f64().unwrap() * factor).into();
    let weights = read("adapter_model.safetensors");
    Arc::new(Adapter::from_parts(config.to_string().as_bytes(), &weights, model).unwrap())
}

#[test]
fn alphas_by_pattern_are_followed() {
    let model = load("llama");
    let read = |name: &str| std::fs::read(golden_folder().join("llama-lora").join(name)).unwrap();
    let weights = read("adapter_model.safetensors");
    let mut config: serde_json::Value = serde_json::from_slice(&read("adapter_config.json")).unwrap();
    let logits = |config: &serde_json::Value| {
        let adapter = Adapter::from_parts(config.to_string().as_bytes(), &weights, &model).unwrap();
        let mut sequence = Sequence::new(Arc::clone(&model), 64, 1).unwrap();
        sequence.logits(&[TokenId(3), TokenId(4)], &[Arc::new(adapter)]).unwrap().to_vec()
    };
    let plain = logits(&config);
    let alpha = config["lora_alpha"].take();
    config["lora_alpha"] = 1.0.into();
    config["alpha_pattern"] = serde_json::json!({ r"layers\.\d+\..*": alpha });
    assert_eq!(logits(&config), plain);
    config["alpha_pattern"] = serde_json::json!({ "no_such_module": alpha });
    assert_ne!(logits(&config), plain);
}

#[test]
fn a_stack_adds_up_what_its_adapters_add() {
    let model = load("llama");
    let tokens: Vec<TokenId> = (3..15).map(TokenId).collect();
    let mut sequence = Sequence::new(Arc::clone(&model), 64, 1).unwrap();
    let mut logits = |adapters: &[Arc<Adapter>]| -> Vec<f32> { sequence.logits(&tokens, adapters).unwrap().to_vec() };
    let exact = |logits: Vec<f32>| logits.into_iter().map(f64::from).collect::<Vec<_>>();
    let (half, whole) = (scaled_adapter(&model, 0.5), scaled_adapter(&model, 1.0));
    // Twice the half is the whole, which agrees with PEFT; the whole and its opposite are nothing.
    let (plain, adapted) = (logits(&[]), exact(logits(&[Arc::clone(&whole)])));
    assert!(logit_distance(&plain, &adapted) > TOLERANCE);
    assert!(logit_distance(&logits(&[Arc::clone(&half), half]), &adapted) < TOLERANCE);
    assert!(logit_distance(&logits(&[whole, scaled_adapter(&model, -1.0)]), &exact(plain)) < TOLERANCE);
}

#[test]
fn an_adapter_that_was_loaded_for_another_model_is_refused() {
    let (llama, mistral) = (load("llama"), load("mistral"));
    let foreign = [Arc::new(Adapter::load(&golden_folder().join("llama-lora"), &llama).unwrap())];
    let mut sequence = Sequence::new(mistral, 64, 1).unwrap();
    let error = sequence.logits(&[TokenId(3)], &foreign).unwrap_err();
    assert!(matches!(error, GenerateError::ForeignAdapter), "{error}");
}

#[test]
fn an_adapter_of_another_model_is_refused() {
    let mistral = load("mistral");
    let fitting = Adapter::load(&golden_folder().join("llama-lora"), &mistral).unwrap_err();
    assert!(matches!(&fitting, AdapterError::OtherModel { .. }), "{fitting}");
    let qwen = load("qwen3");
    let Err(AdapterError::OtherKind { key, found, .. }) =
        Adapter::load(&golden_folder().join("llama-lora.gguf"), &qwen)
    else {
        panic!("an adapter for llama")
    };
    assert_eq!((key, found.as_str()), ("general.architecture", "llama"));
    let Err(AdapterError::UnknownTarget { tensor }) =
        Adapter::load(&golden_folder().join("llama-lora"), &load("mixtral"))
    else {
        panic!("experts are no target")
    };
    assert!(tensor.contains("mlp."), "{tensor}");
}

/// The file of `name` with other metadata and one more tensor.
fn changed(
    name: &str,
    key: &str,
    change: impl Fn(&mut GgufWriter<'_>),
    extra: Option<&str>,
) -> Result<Model, LoadError> {
    let file = Gguf::open(&golden_folder().join(format!("{name}.gguf"))).unwrap();
    let mut writer = GgufWriter::default();
    file.metadata().iter().filter(|(found, _)| *found != key).for_each(|(key, value)| writer.copy(key, &value));
    change(&mut writer);
    for tensor in file.tensors() {
        writer.tensor(tensor.name, tensor.dims, tensor.quant_type, tensor.bytes).unwrap();
    }
    if let (Some(extra), Some(tensor)) = (extra, file.tensor("output_norm.weight")) {
        writer.tensor(extra, tensor.dims, tensor.quant_type, tensor.bytes).unwrap();
    }
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), writer.to_bytes()).unwrap();
    Model::load(path.path())
}

#[test]
fn what_is_not_supported_is_named() {
    let message = |name, key, change: &dyn Fn(&mut GgufWriter<'_>), extra| {
        changed(name, key, change, extra).unwrap_err().to_string()
    };
    let other = message("llama", "general.architecture", &|writer| writer.set("general.architecture", "mamba"), None);
    assert!(other.contains("\"mamba\"") && other.contains("smollm3"), "{other}");
    let scaling = message("llama", "", &|writer| writer.set("llama.rope.scaling.type", "su"), None);
    assert!(scaling.contains("llama.rope.scaling.type is su"), "{scaling}");
    let gating = message("qwen3moe", "", &|writer| writer.set("qwen3moe.expert_gating_func", &2u32), None);
    assert!(gating.contains("expert_gating_func is 2"), "{gating}");
    let layers = message("llama", "llama.block_count", &|writer| writer.set("llama.block_count", &16_000_000u32), None);
    assert!(layers.contains("llama.block_count is 16000000"), "{layers}");
    let unused = message("llama", "", &|_| {}, Some("blk.0.attn_sinks.weight"));
    assert!(unused.contains("blk.0.attn_sinks.weight") && unused.contains("\"llama\""), "{unused}");
    assert!(changed("llama", "", |_| {}, None).is_ok());
}
