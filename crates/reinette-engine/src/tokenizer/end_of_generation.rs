//! Which tokens mean that the model has finished, decided as llama.cpp does: by metadata and by well-known names.

use super::vocabulary::{TokenKind, Vocabulary};
use super::{TokenId, TokenizerError};
use crate::gguf::Metadata;

/// Keys of the metadata whose token ends the generation.
const KEYS: [&str; 6] = [
    "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.eom_token_id",
    "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_rep_token_id",
    "tokenizer.ggml.fim_sep_token_id",
];

/// Names that end a turn or a message in some family of models; such a token is a control token whatever the file
/// says.
const NAMES: [&str; 23] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
    "<|fim_pad|>",
];

/// Names of code models: the padding of a gap to fill, and where another file or repository begins.
const CODE_NAMES: [&str; 9] = [
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
];

/// The tokens that end the generation, in ascending order; makes control tokens of those that are known by name.
pub(super) fn end_of_generation(
    metadata: Metadata<'_>,
    vocabulary: &mut Vocabulary,
    default_eos: Option<TokenId>,
) -> Result<Vec<TokenId>, TokenizerError> {
    let mut ids: Vec<TokenId> = Vec::new();
    for key in KEYS {
        let default = if key == KEYS[0] { default_eos } else { None };
        ids.extend(metadata.find::<u32>(key)?.map(TokenId).or(default).and_then(|id| vocabulary.existing(id)));
    }
    let named: Vec<TokenId> =
        vocabulary.iter().filter(|(_, _, bytes)| is_known_name(bytes)).map(|(id, ..)| id).collect();
    for &id in &named {
        vocabulary.set_kind(id, TokenKind::Control);
    }
    ids.extend(named);
    let has = |name: &str| ids.iter().any(|&id| vocabulary.bytes(id) == name.as_bytes());
    // Where a reply has several parts, each ends with `<|end|>` and only the last with one of the others.
    let in_parts = (has("<|call|>") || has("<|calls|>")) && (has("<|return|>") || has("<|flush|>"));
    // Here `</s>` is strike-through markup.
    let markup = has("<|tool_response>");
    ids.retain(|&id| {
        let bytes = vocabulary.bytes(id);
        !(in_parts && bytes == b"<|end|>" || markup && bytes == b"</s>")
    });
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn is_known_name(bytes: &[u8]) -> bool {
    // All of the names are longer than most tokens and begin with one of three characters.
    bytes.len() >= 4
        && matches!(bytes[0], b'<' | b'[' | b'_')
        && NAMES.iter().chain(&CODE_NAMES).any(|name| name.as_bytes() == bytes)
}
