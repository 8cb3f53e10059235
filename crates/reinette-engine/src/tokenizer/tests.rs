use super::*;
use crate::gguf::GgufWriter;

/// A tiny vocabulary: letters, a few merges, a control token and a user-defined one.
fn byte_pair(pre_tokenizer: &str) -> Result<Tokenizer, TokenizerError> {
    let tokens = ["a", "b", "Ġ", "ab", "Ġab", "<|im_end|>", "<tool>", "c"];
    let mut writer = GgufWriter::default();
    writer.set("tokenizer.ggml.model", "gpt2");
    writer.set("tokenizer.ggml.pre", pre_tokenizer);
    writer.set("tokenizer.ggml.tokens", tokens.as_slice());
    writer.set("tokenizer.ggml.token_type", [1i32, 1, 1, 1, 1, 3, 4, 1].as_slice());
    writer.set("tokenizer.ggml.merges", ["a b", "Ġ ab"].as_slice());
    Tokenizer::from_gguf(&Gguf::from_bytes(writer.to_bytes())?)
}

/// A tiny vocabulary with scores and some byte tokens.
fn sentence_piece(prefix: bool) -> Tokenizer {
    let tokens = ["<unk>", "<s>", "</s>", "<0xC3>", "<0xA9>", "▁", "a", "b", "ab", "▁a", "▁ab"];
    let mut writer = GgufWriter::default();
    writer.set("tokenizer.ggml.model", "llama");
    writer.set("tokenizer.ggml.tokens", tokens.as_slice());
    writer.set("tokenizer.ggml.token_type", [2i32, 3, 3, 6, 6, 1, 1, 1, 1, 1, 1].as_slice());
    let scores = [0.0f32, 0.0, 0.0, 0.0, 0.0, -1.0, -2.0, -3.0, -4.0, -5.0, -6.0];
    writer.set("tokenizer.ggml.scores", scores.as_slice());
    writer.set("tokenizer.ggml.add_space_prefix", &prefix);
    Tokenizer::from_gguf(&Gguf::from_bytes(writer.to_bytes()).unwrap()).unwrap()
}

fn ids(tokenizer: &Tokenizer, text: &str, special: SpecialTokens) -> Vec<u32> {
    tokenizer.encode(text, special).into_iter().map(|id| id.0).collect()
}

/// The words into which a pre-tokenizer cuts a text.
fn words<'a>(name: &str, text: &'a str) -> Vec<&'a str> {
    let mut words = Vec::new();
    PreTokenizer::named(name).unwrap().split(text, |word| words.push(word));
    words
}

#[test]
fn pairs_are_merged_by_rank() {
    let tokenizer = byte_pair("gpt-2").unwrap();
    assert_eq!(ids(&tokenizer, "ab abb", SpecialTokens::AsText), [3, 4, 1]);
    assert_eq!(tokenizer.decode(&[TokenId(4), TokenId(1), TokenId(99)]), b" abb");
}

#[test]
fn control_tokens_are_parsed_only_where_asked_for() {
    let tokenizer = byte_pair("gpt-2").unwrap();
    assert_eq!(ids(&tokenizer, "a<|im_end|>b<tool>", SpecialTokens::Parse), [0, 5, 1, 6]);
    let text = ids(&tokenizer, "a<|im_end|>b<tool>", SpecialTokens::AsText);
    assert!(!text.contains(&5) && text.ends_with(&[1, 6]), "{text:?}");
    assert!(tokenizer.is_end_of_generation(TokenId(5)) && tokenizer.is_special(TokenId(5)));
    assert_eq!(tokenizer.token("<|im_end|>"), Some(TokenId(5)));
}

#[test]
fn pairs_are_merged_by_score() {
    let tokenizer = sentence_piece(true);
    assert_eq!(ids(&tokenizer, "ab ab", SpecialTokens::AsText), [10, 10]);
    assert_eq!(ids(&sentence_piece(false), "ab ab", SpecialTokens::AsText), [8, 10]);
    // é falls back to its bytes; € has none in this vocabulary and becomes the unknown token.
    assert_eq!(ids(&tokenizer, "é", SpecialTokens::AsText), [5, 3, 4]);
    assert_eq!(ids(&tokenizer, "€", SpecialTokens::AsText), [5, 0, 0, 0]);
    assert_eq!(ids(&tokenizer, "<s>a</s>", SpecialTokens::Parse), [1, 9, 2]);
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.adds_bos()), (Some(TokenId(1)), Some(TokenId(2)), true));
}

#[test]
fn words_are_those_of_the_patterns() {
    let text = "I'll SHE'LL  12345 x\r\n\n y!! ";
    assert_eq!(words("gpt-2", text), ["I", "'ll", " SHE", "'", "LL", " ", " 12345", " x", "\r\n\n", " y", "!!", " "]);
    assert_eq!(
        words("smollm", text),
        ["I", "'ll", " SHE", "'", "LL", "  ", "1", "2", "3", "4", "5", " x", "\r\n\n", " y", "!!", " "]
    );
    assert_eq!(
        words("qwen2", text),
        ["I", "'ll", " SHE", "'LL", " ", " ", "1", "2", "3", "4", "5", " x", "\r\n\n", " y", "!!", " "]
    );
    assert_eq!(
        words("llama-bpe", text),
        ["I", "'ll", " SHE", "'LL", " ", " ", "123", "45", " x", "\r\n\n", " y", "!!", " "]
    );
}

#[test]
fn a_pre_tokenizer_that_is_not_built_in_is_named() {
    assert!(byte_pair("no-such").unwrap_err().to_string().contains("`no-such`"));
}

#[test]
fn lists_of_unequal_length_are_refused() {
    let mut writer = GgufWriter::default();
    writer.set("tokenizer.ggml.model", "llama");
    writer.set("tokenizer.ggml.tokens", ["a", "b"].as_slice());
    writer.set("tokenizer.ggml.scores", [0.0f32].as_slice());
    let error = Tokenizer::from_gguf(&Gguf::from_bytes(writer.to_bytes()).unwrap()).unwrap_err();
    assert!(matches!(error, TokenizerError::WrongLength { expected: 2, found: 1, .. }));
}

#[test]
fn characters_are_never_split() {
    let text = "né 日本 👩\u{200d}🚀 \u{0} x";
    for size in 1..6 {
        let mut stream = Utf8Stream::default();
        let mut out: String = text.as_bytes().chunks(size).map(|chunk| stream.push(chunk)).collect();
        out.push_str(stream.flush());
        assert_eq!(out, text);
    }
}

#[test]
fn broken_bytes_become_replacement_characters() {
    for bytes in [&b"\xff"[..], b"a\xc3b", b"\xf0\x9f\x92", b"\xed\xa0\x80", b"\x80\x80", b"ok\xe2\x82"] {
        for size in 1..4 {
            let mut stream = Utf8Stream::default();
            let mut out: String = bytes.chunks(size).map(|chunk| stream.push(chunk)).collect();
            out.push_str(stream.flush());
            assert_eq!(out, String::from_utf8_lossy(bytes), "{bytes:x?} by {size}");
        }
    }
}
