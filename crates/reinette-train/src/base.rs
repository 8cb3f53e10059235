//! The base model: a GGUF file, perhaps with the weights of a safetensors file in place of its own; and how the two forms
//! name and order the same weights.

use crate::TrainError;
use crate::decoder::{in_halves, in_pairs};
use half::f16;
use reinette_engine::architecture::Description;
use reinette_engine::gguf::{Gguf, GgufWriter, TensorView};
use reinette_engine::{LoadError, Model};
use reinette_kernels::{QuantType, RopeStyle, dequantize, quantize};
use safetensors::tensor::TensorView as SafeTensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;
use std::path::Path;

/// A file of weights may not be larger than this: 16 billion numbers of 16 bits.
const MAX_FILE_BYTES: u64 = 32 << 30;

/// Opens the model's file; `weights`, a safetensors file with Hugging Face's names, replaces what it has quantised.
///
/// # Errors
/// If a file cannot be read, or they are not the same model's.
pub(crate) fn open(base: &Path, weights: Option<&Path>) -> Result<Gguf, TrainError> {
    let refuse = |source: LoadError| TrainError::Base { path: base.to_owned(), source };
    let gguf = Gguf::open(base).map_err(|error| refuse(error.into()))?;
    let Some(path) = weights else { return Ok(gguf) };
    let misfit = |problem: String| TrainError::Weights { path: path.to_owned(), problem };
    if std::fs::metadata(path).map_err(TrainError::read(path))?.len() > MAX_FILE_BYTES {
        return Err(misfit(format!("is larger than {MAX_FILE_BYTES} bytes")));
    }
    let bytes = std::fs::read(path).map_err(TrainError::read(path))?;
    let stored = SafeTensors::deserialize(&bytes).map_err(|error| misfit(error.to_string()))?;
    let model = Model::unpacked(gguf.clone()).map_err(refuse)?;
    let replaced: Vec<(TensorView<'_>, Option<Contents>)> = gguf
        .tensors()
        .map(|tensor| Ok((tensor, replacement(&tensor, &model, &stored).map_err(misfit)?)))
        .collect::<Result<_, TrainError>>()?;
    let mut writer = GgufWriter::default();
    gguf.metadata().iter().for_each(|(key, value)| writer.copy(key, &value));
    for (tensor, replacement) in &replaced {
        let (ty, bytes) = replacement.as_ref().map_or((tensor.quant_type, tensor.bytes), |(ty, bytes)| (*ty, bytes));
        writer.tensor(tensor.name, tensor.dims, ty, bytes)?;
    }
    Ok(Gguf::from_bytes(writer.to_bytes())?)
}

/// A tensor's type and bytes.
pub(crate) type Contents = (QuantType, Vec<u8>);

/// A model's tensors as a safetensors file with Hugging Face's names and orders; what only GGUF files have is left out.
pub(crate) fn hugging_face(contents: &[(TensorView<'_>, Contents)], model: &Model) -> Vec<u8> {
    let description = model.description();
    let stored: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = contents
        .iter()
        .filter_map(|(tensor, (quant_type, bytes))| {
            let name = hugging_face_name(tensor.name, &description.architecture)?;
            let mut numbers = vec![0.0; tensor.dims.iter().product()];
            dequantize(*quant_type, bytes, &mut numbers);
            if is_one_more(&name, description) {
                for number in &mut numbers {
                    *number -= 1.0;
                }
            }
            if let Some(width) = paired_width(tensor, description) {
                numbers = in_halves(&numbers, width, description);
            }
            let dtype = match quant_type {
                QuantType::F16 => Dtype::F16,
                QuantType::BF16 => Dtype::BF16,
                _ => Dtype::F32,
            };
            let shape = tensor.dims.iter().rev().copied().collect();
            Some((name, dtype, shape, quantize(*quant_type, &numbers)))
        })
        .collect();
    let views = stored.iter().map(|(name, dtype, shape, bytes)| {
        let view = SafeTensorView::new(*dtype, shape.clone(), bytes).expect("the bytes are as many as the shape says");
        (name.as_str(), view)
    });
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).expect("names and shapes are sound")
}

/// Whether GGUF files have one more than Hugging Face's: Gemma multiplies by one more than the weights of its norms.
fn is_one_more(name: &str, description: &Description) -> bool {
    name.ends_with("norm.weight") && description.architecture.starts_with("gemma")
}

/// How wide the rows are that rotation goes through, where GGUF files order them in pairs.
fn paired_width(tensor: &TensorView<'_>, description: &Description) -> Option<usize> {
    let is_rotated = ["attn_q.", "attn_k."].iter().any(|part| tensor.name.contains(part));
    let is_paired = is_rotated && description.rope.style == RopeStyle::Interleaved;
    is_paired.then(|| if tensor.dims.len() > 1 { tensor.dims[0] } else { 1 })
}

/// A tensor as the safetensors file has it, laid out as in GGUF; `None` for one that only GGUF files have.
fn replacement(tensor: &TensorView<'_>, model: &Model, stored: &SafeTensors<'_>) -> Result<Option<Contents>, String> {
    let description = model.description();
    let Some(name) = hugging_face_name(tensor.name, &description.architecture) else { return Ok(None) };
    let found = stored.tensor(&name).map_err(|error| format!("{name}: {error}"))?;
    if !found.shape().iter().rev().eq(tensor.dims) {
        let dims: Vec<usize> = tensor.dims.iter().rev().copied().collect();
        return Err(format!("{name} has the shape {:?}, the model needs {dims:?}", found.shape()));
    }
    let ty = match found.dtype() {
        Dtype::F16 => QuantType::F16,
        Dtype::BF16 => QuantType::BF16,
        Dtype::F32 => QuantType::F32,
        other => return Err(format!("{name} is of {other:?}: only F16, BF16 and F32 can be read")),
    };
    let mut numbers = vec![0.0; found.shape().iter().product()];
    dequantize(ty, found.data(), &mut numbers);
    if is_one_more(&name, description) {
        for number in &mut numbers {
            *number += 1.0;
        }
    }
    if let Some(width) = paired_width(tensor, description) {
        numbers = in_pairs(&numbers, width, description);
    }
    if ty == QuantType::F16 && tensor.dims.len() > 1 {
        return Ok(Some((ty, numbers.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()).collect())));
    }
    Ok(Some((QuantType::F32, numbers.iter().flat_map(|number| number.to_le_bytes()).collect())))
}

/// What Hugging Face calls a tensor of a GGUF file; `None` for what is metadata there.
pub(crate) fn hugging_face_name(name: &str, architecture: &str) -> Option<String> {
    match name {
        "token_embd.weight" => return Some("model.embed_tokens.weight".to_owned()),
        "output.weight" => return Some("lm_head.weight".to_owned()),
        "output_norm.weight" => return Some("model.norm.weight".to_owned()),
        _ => {}
    }
    let (layer, part) = name.strip_prefix("blk.")?.split_once('.')?;
    let (part, ending) = part.split_once('.')?;
    let (gemma, phi) = (architecture.starts_with("gemma"), architecture == "phi3");
    let module = match part {
        "attn_norm" => "input_layernorm",
        "ffn_norm" if gemma && architecture != "gemma" => "pre_feedforward_layernorm",
        "ffn_norm" | "post_attention_norm" => "post_attention_layernorm",
        "post_ffw_norm" => "post_feedforward_layernorm",
        "attn_q_norm" => "self_attn.q_norm",
        "attn_k_norm" => "self_attn.k_norm",
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_qkv" => "self_attn.qkv_proj",
        "attn_output" => "self_attn.o_proj",
        "ffn_gate" => "mlp.gate_proj",
        "ffn_up" if phi => "mlp.gate_up_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_down" => "mlp.down_proj",
        _ => return None,
    };
    Some(format!("model.layers.{layer}.{module}.{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reinette_testkit::golden_model;
    use std::path::PathBuf;

    fn numbers(tensor: &TensorView<'_>) -> Vec<f32> {
        let mut numbers = vec![0.0; tensor.dims.iter().product()];
        dequantize(tensor.quant_type, tensor.bytes, &mut numbers);
        numbers
    }

    /// The golden models' weights as the transformers library names and orders them.
    fn weights(name: &str) -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name, "base.safetensors"].iter().collect()
    }

    #[test]
    fn weights_in_hugging_faces_form_take_the_place_of_the_files_own() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["gemma3", "llama"] {
            let original = Gguf::from_bytes(golden_model(name)).unwrap();
            // The same file with zeros for weights: everything has to come from elsewhere.
            let mut writer = GgufWriter::default();
            original.metadata().iter().for_each(|(key, value)| writer.copy(key, &value));
            let zeros = vec![0; original.size_bytes()];
            for tensor in original.tensors() {
                writer.tensor(tensor.name, tensor.dims, tensor.quant_type, &zeros[..tensor.bytes.len()]).unwrap();
            }
            let path = folder.path().join(name);
            std::fs::write(&path, writer.to_bytes()).unwrap();
            let replaced = open(&path, Some(&weights(name))).unwrap();
            for tensor in original.tensors() {
                let found = replaced.tensor(tensor.name).unwrap();
                let differences = numbers(&tensor).into_iter().zip(numbers(&found)).map(|(a, b)| (a - b).abs());
                let greatest = differences.fold(0.0_f32, f32::max);
                assert!(greatest <= 1e-6, "{} of {name} differs by {greatest}", tensor.name);
            }
        }
    }

    #[test]
    fn a_model_is_written_as_hugging_face_has_it() {
        for name in ["gemma3", "llama"] {
            let gguf = Gguf::from_bytes(golden_model(name)).unwrap();
            let model = Model::unpacked(gguf.clone()).unwrap();
            let contents = |tensor: TensorView<'_>| (QuantType::F32, quantize(QuantType::F32, &numbers(&tensor)));
            let contents: Vec<_> = gguf.tensors().map(|tensor| (tensor, contents(tensor))).collect();
            let (written, expected) = (hugging_face(&contents, &model), std::fs::read(weights(name)).unwrap());
            let [written, expected] = [&written, &expected].map(|bytes| SafeTensors::deserialize(bytes).unwrap());
            for (name, tensor) in written.tensors() {
                let floats = |bytes: &[u8]| -> Vec<f32> {
                    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
                };
                let expected = expected.tensor(&name).unwrap();
                assert_eq!(tensor.shape(), expected.shape(), "{name}");
                let pairs = floats(tensor.data()).into_iter().zip(floats(expected.data()));
                let greatest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
                assert!(greatest <= 1e-6, "{name} differs by {greatest}");
            }
            let missing: Vec<_> = expected.names().into_iter().filter(|name| written.tensor(name).is_err()).collect();
            // The output layer, where it is the embedding.
            assert!(missing.iter().all(|name| *name == "lm_head.weight"), "{missing:?}");
        }
    }

    #[test]
    fn weights_of_another_model_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qwen3.gguf");
        std::fs::write(&path, golden_model("qwen3")).unwrap();
        let message = open(&path, Some(&weights("llama"))).unwrap_err().to_string();
        assert!(message.contains("base.safetensors"), "{message}");
        std::fs::write(folder.path().join("damaged"), "nonsense").unwrap();
        assert!(matches!(open(&path, Some(&folder.path().join("damaged"))), Err(TrainError::Weights { .. })));
    }
}
