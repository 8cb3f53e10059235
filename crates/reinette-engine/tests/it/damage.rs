//! What is damaged is an error, never another answer.

use crate::prefix::PREFIX_TOKENS;
use reinette_engine::gguf::{Gguf, GgufWriter};
use reinette_engine::tokenizer::TokenId;
use reinette_engine::{
    Adapter, AdapterError, Batch, BatchConfig, FileState, GenerateError, GenerateRequest, Model, PrefixCache, Progress,
    Sequence, SnapshotFolder,
};
use reinette_kernels::QuantType;
use reinette_testkit::TinyDecoder;
use safetensors::tensor::{Dtype, TensorView};
use std::path::Path;
use std::sync::Arc;

/// A tiny model with an output layer of its own, in which the first number of a tensor is another.
fn damaged(tensor: &str, number: f32) -> Model {
    let file = Gguf::from_bytes(TinyDecoder::Llama.file(1)).unwrap();
    let contents = file.tensors().map(|view| {
        let mut bytes = view.bytes.to_vec();
        if view.name == tensor {
            assert_eq!(view.quant_type, QuantType::F32);
            bytes[..4].copy_from_slice(&number.to_le_bytes());
        }
        bytes
    });
    let contents: Vec<Vec<u8>> = contents.collect();
    let mut writer = GgufWriter::default();
    file.metadata().iter().for_each(|(key, value)| writer.copy(key, &value));
    for (view, bytes) in file.tensors().zip(&contents) {
        writer.tensor(view.name, view.dims, view.quant_type, bytes).unwrap();
    }
    let output = file.tensor("token_embd.weight").unwrap();
    writer.tensor("output.weight", output.dims, output.quant_type, output.bytes).unwrap();
    Model::from_gguf(Gguf::from_bytes(writer.to_bytes()).unwrap()).unwrap()
}

fn prompt(first: u32) -> Vec<TokenId> {
    (first..first + 40).map(|position| TokenId(position * 7 % 256)).collect()
}

#[test]
fn numbers_that_are_not_finite_are_an_error_and_nothing_of_them_is_kept() {
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for tensor in ["output_norm.weight", "blk.0.attn_norm.weight"] {
            let model = Arc::new(damaged(tensor, number));
            let mut sequence = Sequence::new(model, 128, 2).unwrap();
            for _ in 0..2 {
                let answer = sequence.generate(GenerateRequest::new(prompt(0)), &mut |text| panic!("it says {text:?}"));
                assert!(matches!(answer, Err(GenerateError::NotFinite { .. })), "{tensor} of {number}: {answer:?}");
            }
            assert!(matches!(sequence.logits(&prompt(0), &[]), Err(GenerateError::NotFinite { .. })));
        }
    }
}

#[test]
fn a_request_that_meets_them_disturbs_no_other() {
    // The row of the first token, which only one of the prompts has.
    let model = Arc::new(damaged("token_embd.weight", f32::NAN));
    let mut batch = Batch::new(Arc::clone(&model), BatchConfig::new(128, 2)).unwrap();
    let submitted = [0, 1].map(|first| {
        let request = GenerateRequest { max_tokens: 8, ..GenerateRequest::new(prompt(first)) };
        batch.submit(request)
    });
    let mut ended = Vec::new();
    while !batch.is_idle() {
        for (ticket, progress) in batch.step() {
            if let Progress::Finished(result) = progress {
                ended.push((ticket, result.is_ok()));
            }
        }
    }
    ended.sort_unstable();
    assert_eq!(ended, [(submitted[0], false), (submitted[1], true)]);
}

/// An adapter of PEFT's form on one projection: `A` is `[rank, 64]`.
fn files(rank: usize, number: f32, config: &str) -> (String, Vec<u8>) {
    let mut numbers = vec![0.5_f32; rank * 64];
    numbers.iter_mut().skip(3).take(1).for_each(|place| *place = number);
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let name = |part: &str| format!("base_model.model.model.layers.0.self_attn.q_proj.lora_{part}.weight");
    let view = |shape: [usize; 2]| TensorView::new(Dtype::F32, shape.to_vec(), &bytes).unwrap();
    let tensors = [(name("A"), view([rank, 64])), (name("B"), view([64, rank]))];
    (format!(r#"{{"peft_type": "LORA", {config}}}"#), safetensors::serialize(tensors, None).unwrap())
}

#[test]
fn adapters_that_cannot_be_right_are_refused_by_name() {
    let model = damaged("none", 0.0);
    let folder = tempfile::tempdir().unwrap();
    let refused = |rank, number, config: &str| {
        let (config, weights) = files(rank, number, config);
        let error = Adapter::from_parts(config.as_bytes(), &weights, &model).err();
        std::fs::write(folder.path().join("adapter_config.json"), config).unwrap();
        std::fs::write(folder.path().join("adapter_model.safetensors"), weights).unwrap();
        let without_model = Adapter::verify(folder.path()).err();
        assert_eq!(error.as_ref().map(ToString::to_string), without_model.map(|error| error.to_string()));
        error
    };
    assert!(refused(4, 0.5, r#""lora_alpha": 8, "r": 4"#).is_none());
    assert!(refused(4, 0.5, r#""lora_alpha": -8"#).is_none(), "what was learned may be taken away");
    for (rank, config) in [(0, r#""lora_alpha": 8"#), (1025, r#""lora_alpha": 8"#)] {
        let error = refused(rank, 0.5, config);
        assert!(matches!(&error, Some(AdapterError::Rank { rank: found, .. }) if *found == rank), "{error:?}");
    }
    assert!(matches!(refused(4, 0.5, r#""lora_alpha": 8, "r": 0"#), Some(AdapterError::Config(_))));
    for alpha in ["0", "1e9", "-1e9", "1e38", "1e-9"] {
        let error = refused(4, 0.5, &format!(r#""lora_alpha": {alpha}"#));
        assert!(matches!(error, Some(AdapterError::Scale { rank: 4, .. })), "an alpha of {alpha}: {error:?}");
    }
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 70_000.0] {
        let error = refused(4, number, r#""lora_alpha": 8"#);
        let is_named = |tensor: &str| tensor.contains("q_proj.lora_");
        assert!(matches!(&error, Some(AdapterError::NotFinite { tensor }) if is_named(tensor)), "{error:?}");
    }
}

#[test]
fn numbers_of_every_type_are_looked_at() {
    let model = damaged("none", 0.0);
    let config = br#"{"peft_type": "LORA", "lora_alpha": 8}"#;
    for (dtype, broken) in [
        (Dtype::F16, 0x7c00_u16),
        (Dtype::F16, 0xfe01),
        (Dtype::BF16, 0x7f80),
        (Dtype::BF16, 0xffc0),
        (Dtype::BF16, 0x7f00),
    ] {
        for number in [0x3c00, broken] {
            let bytes: Vec<u8> = (0..64).flat_map(|_| u16::to_le_bytes(number)).collect();
            let name = |part: &str| format!("base_model.model.model.layers.0.self_attn.q_proj.lora_{part}.weight");
            let view = |shape: [usize; 2]| TensorView::new(dtype, shape.to_vec(), &bytes).unwrap();
            let file = safetensors::serialize([(name("A"), view([1, 64])), (name("B"), view([64, 1]))], None).unwrap();
            let is_refused = matches!(Adapter::from_parts(config, &file, &model), Err(AdapterError::NotFinite { .. }));
            assert_eq!(is_refused, number == broken, "{dtype:?} of {number:x}");
        }
    }
}

fn states(folder: &SnapshotFolder) -> Vec<FileState> {
    folder.verify().unwrap().into_iter().map(|file| file.state).collect()
}

#[test]
fn snapshots_are_verified_without_their_model() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = SnapshotFolder::new(folder.path().join("prefixes"), 1 << 30);
    assert!(states(&snapshots).is_empty(), "there is no folder yet");
    let prefixes = Arc::new(PrefixCache::new(0, Some(snapshots.clone())));
    let config = BatchConfig { prefixes, ..BatchConfig::new(512, 2) };
    let mut sequence = Sequence::with_config(Arc::new(damaged("none", 0.0)), config).unwrap();
    let prompt: Vec<TokenId> = (0..).take(PREFIX_TOKENS + 9).map(|place| TokenId(place % 251)).collect();
    let request = GenerateRequest { prefix_tokens: PREFIX_TOKENS, max_tokens: 2, ..GenerateRequest::new(prompt) };
    sequence.generate(request, &mut |_| {}).unwrap();
    sequence.save_prefix();
    assert_eq!(states(&snapshots), [FileState::Intact]);
    let file = std::fs::read_dir(snapshots.path()).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let state_of = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        states(&snapshots)[0]
    };
    for at in [0, 20, 100, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        assert_eq!(state_of(&bytes), FileState::Damaged, "byte {at}");
    }
    for length in [0, 8, 12, 20, whole.len() - 1] {
        assert_eq!(state_of(&whole[..length]), FileState::Damaged, "{length} bytes");
    }
    let mut of_another_version = whole.clone();
    of_another_version[8] -= 1;
    assert_eq!(state_of(&of_another_version), FileState::Outdated);
    assert!(Path::exists(&file), "verifying changes nothing");
}
