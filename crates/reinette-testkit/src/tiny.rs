//! Model files that are nothing but a vocabulary, small enough to fuzz.

use reinette_engine::gguf::GgufWriter;

/// A file with a byte-level vocabulary: every byte, some merges, control tokens, a chat template.
pub fn byte_level_model(pre_tokenizer: &str) -> Vec<u8> {
    let merges = ["h e", "l l", "he ll", "hell o", "Ġ Ġ", "ĠĠ ĠĠ", "1 2", "a a", "aa aa", "Ã ©", "ð Ł"];
    let mut tokens: Vec<String> = (0..=u8::MAX).map(|byte| letter(byte).to_string()).collect();
    tokens.extend(merges.map(|merge| merge.replace(' ', "")));
    let n_normal = tokens.len();
    tokens.extend(["<|im_start|>", "<|im_end|>", "<tool_call>", "  "].map(String::from));
    let texts: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let kinds: Vec<i32> = (0..tokens.len()).map(|index| if index < n_normal { 1 } else { 3 }).collect();
    let mut writer = GgufWriter::default();
    writer.set("tokenizer.ggml.model", "gpt2");
    writer.set("tokenizer.ggml.pre", pre_tokenizer);
    writer.set("tokenizer.ggml.tokens", texts.as_slice());
    writer.set("tokenizer.ggml.token_type", kinds.as_slice());
    writer.set("tokenizer.ggml.merges", merges.as_slice());
    writer.set("tokenizer.ggml.bos_token_id", &0u32);
    writer.set("tokenizer.chat_template", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}");
    writer.to_bytes()
}

/// A file with a SentencePiece-style vocabulary: every byte as a fallback, some words with scores.
pub fn sentence_piece_model() -> Vec<u8> {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).to_vec();
    tokens.extend((0..=u8::MAX).map(|byte| format!("<0x{byte:02X}>")));
    tokens.extend(
        ["▁", "a", "e", "l", "o", "h", "he", "ll", "hell", "hello", "▁hello", "é", "aa", "aaaa"].map(String::from),
    );
    let texts: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let kinds: Vec<i32> = (0..tokens.len())
        .map(|index| [2, 3, 3].get(index).copied().unwrap_or(if index < 259 { 6 } else { 1 }))
        .collect();
    let scores: Vec<f32> = (0..tokens.len()).map(|index| -(index as f32)).collect();
    let mut writer = GgufWriter::default();
    writer.set("tokenizer.ggml.model", "llama");
    writer.set("tokenizer.ggml.tokens", texts.as_slice());
    writer.set("tokenizer.ggml.token_type", kinds.as_slice());
    writer.set("tokenizer.ggml.scores", scores.as_slice());
    writer.set("tokenizer.ggml.add_space_prefix", &false);
    writer.to_bytes()
}

/// The printable character that stands for `byte` in a byte-level vocabulary.
fn letter(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if printable(byte) {
        return char::from(byte);
    }
    let moved = (0..byte).filter(|&other| !printable(other)).count();
    u32::try_from(0x100 + moved).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}
