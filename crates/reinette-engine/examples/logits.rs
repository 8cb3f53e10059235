//! Reads token ids (decimal, separated by white space) from standard input and writes the logits after each of them to
//! standard output, as little-endian `f32`, `[n_tokens, vocab_size]`. For comparison with other programs.
//!
//! `logits [--kv-cache=q8] MODEL.gguf [ADAPTER_FOLDER]`

use reinette_engine::tokenizer::TokenId;
use reinette_engine::{Adapter, BatchConfig, KvType, Model, Sequence};
use std::error::Error;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from).peekable();
    let eight_bits = arguments.next_if(|argument| argument.as_os_str() == "--kv-cache=q8");
    let kv_type = if eight_bits.is_some() { KvType::Q8 } else { KvType::F16 };
    let path = arguments.next().ok_or("usage: logits [--kv-cache=q8] MODEL.gguf [ADAPTER_FOLDER]")?;
    let model = Arc::new(Model::load(&path)?);
    let adapter = arguments.next().map(|folder| Adapter::load(&folder, &model)).transpose()?.map(Arc::new);
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let tokens = text.split_whitespace().map(|id| id.parse().map(TokenId)).collect::<Result<Vec<_>, _>>()?;
    let config = BatchConfig { kv_type, ..BatchConfig::new(tokens.len() + 1, 2) };
    let mut sequence = Sequence::with_config(model, config)?;
    let logits = sequence.logits(&tokens, adapter.as_slice())?;
    let bytes: Vec<u8> = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
    std::io::stdout().write_all(&bytes)?;
    Ok(())
}
