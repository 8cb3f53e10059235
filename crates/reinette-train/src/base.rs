//! The base model: a GGUF file, perhaps with the weights of a safetensors file in place of its own.

use crate::TrainError;
use crate::decoder::in_pairs;
use half::f16;
use reinette_engine::gguf::{Gguf, GgufWriter, TensorView};
use reinette_engine::{LoadError, Model};
use reinette_kernels::{QuantType, RopeStyle, dequantize};
use safetensors::{Dtype, SafeTensors};
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
type Contents = (QuantType, Vec<u8>);

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
    if name.ends_with("norm.weight") && description.architecture.starts_with("gemma") {
        // Gemma multiplies by one more than its weight; GGUF files have the sum.
        for number in &mut numbers {
            *number += 1.0;
        }
    }
    let rotated = ["attn_q.", "attn_k."].iter().any(|part| tensor.name.contains(part));
    if rotated && description.rope.style == RopeStyle::Interleaved {
        let width = if tensor.dims.len() > 1 { tensor.dims[0] } else { 1 };
        numbers = in_pairs(&numbers, width, description);
    }
    if ty == QuantType::F16 && tensor.dims.len() > 1 {
        return Ok(Some((ty, numbers.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()).collect())));
    }
    Ok(Some((QuantType::F32, numbers.iter().flat_map(|number| number.to_le_bytes()).collect())))
}

/// What Hugging Face calls a tensor of a GGUF file; `None` for what is metadata there.
fn hugging_face_name(name: &str, architecture: &str) -> Option<String> {
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
