//! Models small enough to be made in memory: vocabularies to fuzz, and decoders with random weights.

use reinette_engine::gguf::GgufWriter;
use reinette_kernels::QuantType;

/// A file with a byte-level vocabulary: every byte, some merges, control tokens, a chat template.
pub fn byte_level_model(pre_tokenizer: &str) -> Vec<u8> {
    let mut writer = GgufWriter::default();
    byte_level_vocabulary(&mut writer, pre_tokenizer, PLAIN_TEMPLATE);
    writer.to_bytes()
}

/// Each message in a line, with who speaks.
const PLAIN_TEMPLATE: &str = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";

/// Gives the number of tokens.
fn byte_level_vocabulary(writer: &mut GgufWriter<'_>, pre_tokenizer: &str, template: &str) -> usize {
    let merges = ["h e", "l l", "he ll", "hell o", "Ġ Ġ", "ĠĠ ĠĠ", "1 2", "a a", "aa aa", "Ã ©", "ð Ł"];
    let mut tokens: Vec<String> = (0..=u8::MAX).map(|byte| letter(byte).to_string()).collect();
    tokens.extend(merges.map(|merge| merge.replace(' ', "")));
    let n_normal = tokens.len();
    tokens.extend(["<|im_start|>", "<|im_end|>", "<tool_call>", "  "].map(String::from));
    let texts: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let kinds: Vec<i32> = (0..tokens.len()).map(|index| if index < n_normal { 1 } else { 3 }).collect();
    writer.set("tokenizer.ggml.model", "gpt2");
    writer.set("tokenizer.ggml.pre", pre_tokenizer);
    writer.set("tokenizer.ggml.tokens", texts.as_slice());
    writer.set("tokenizer.ggml.token_type", kinds.as_slice());
    writer.set("tokenizer.ggml.merges", merges.as_slice());
    writer.set("tokenizer.ggml.bos_token_id", &0u32);
    writer.set("tokenizer.chat_template", template);
    tokens.len()
}

/// What a tiny decoder is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TinyDecoder {
    /// Every layer sees all positions.
    Llama,
    /// Most layers see the last 64 positions only.
    WindowedGemma3,
}

impl TinyDecoder {
    /// Layers; the sixth of a Gemma sees all positions.
    const N_LAYERS: usize = 7;
    const HIDDEN_DIM: usize = 64;
    const N_HEADS: usize = 4;
    const N_KV_HEADS: usize = 2;
    const HEAD_DIM: usize = 16;
    const FFN_DIM: usize = 96;

    /// Both of them.
    pub const ALL: [TinyDecoder; 2] = [TinyDecoder::Llama, TinyDecoder::WindowedGemma3];

    fn name(self) -> &'static str {
        match self {
            TinyDecoder::Llama => "llama",
            TinyDecoder::WindowedGemma3 => "gemma3",
        }
    }

    /// A model file with the vocabulary of [`byte_level_model`] and weights that `seed` decides. What it says makes no
    /// sense; that it depends on every weight and every token before is what tests are after.
    ///
    /// # Panics
    /// Never: the shapes are fixed.
    pub fn file(self, seed: u64) -> Vec<u8> {
        self.file_with_template(seed, PLAIN_TEMPLATE)
    }

    /// As [`TinyDecoder::file`], with this chat template.
    ///
    /// # Panics
    /// Never: the shapes are fixed.
    pub fn file_with_template(self, seed: u64, template: &str) -> Vec<u8> {
        let name = self.name();
        let mut writer = GgufWriter::default();
        writer.set("general.architecture", name);
        let sizes = [
            ("block_count", Self::N_LAYERS),
            ("embedding_length", Self::HIDDEN_DIM),
            ("attention.head_count", Self::N_HEADS),
            ("attention.head_count_kv", Self::N_KV_HEADS),
            ("attention.key_length", Self::HEAD_DIM),
            ("feed_forward_length", Self::FFN_DIM),
            ("context_length", 4096),
        ];
        for (key, size) in sizes {
            writer.set(&format!("{name}.{key}"), &u32::try_from(size).unwrap_or(u32::MAX));
        }
        if self == TinyDecoder::WindowedGemma3 {
            writer.set(&format!("{name}.attention.sliding_window"), &64u32);
        }
        writer.set(&format!("{name}.attention.layer_norm_rms_epsilon"), &1e-5f32);
        let vocab_size = byte_level_vocabulary(&mut writer, "gpt-2", template);
        let tensors = Self::tensors(vocab_size, seed);
        for (name, dims, bytes) in &tensors {
            writer.tensor(name, dims, QuantType::F32, bytes).expect("the bytes are as many as the dimensions say");
        }
        writer.to_bytes()
    }

    /// Names, dimensions as ggml orders them, and contents.
    fn tensors(vocab_size: usize, seed: u64) -> Vec<(String, Vec<usize>, Vec<u8>)> {
        let (query_dim, key_dim) = (Self::N_HEADS * Self::HEAD_DIM, Self::N_KV_HEADS * Self::HEAD_DIM);
        let layer = [
            ("attn_norm", vec![Self::HIDDEN_DIM]),
            ("attn_q", vec![Self::HIDDEN_DIM, query_dim]),
            ("attn_k", vec![Self::HIDDEN_DIM, key_dim]),
            ("attn_v", vec![Self::HIDDEN_DIM, key_dim]),
            ("attn_output", vec![query_dim, Self::HIDDEN_DIM]),
            ("ffn_norm", vec![Self::HIDDEN_DIM]),
            ("ffn_gate", vec![Self::HIDDEN_DIM, Self::FFN_DIM]),
            ("ffn_up", vec![Self::HIDDEN_DIM, Self::FFN_DIM]),
            ("ffn_down", vec![Self::FFN_DIM, Self::HIDDEN_DIM]),
        ];
        let mut shapes = vec![
            ("token_embd.weight".to_owned(), vec![Self::HIDDEN_DIM, vocab_size]),
            ("output_norm.weight".to_owned(), vec![Self::HIDDEN_DIM]),
        ];
        for index in 0..Self::N_LAYERS {
            shapes.extend(layer.iter().map(|(part, dims)| (format!("blk.{index}.{part}.weight"), dims.clone())));
        }
        let mut random = Random(seed);
        let tensor = |(name, dims): (String, Vec<usize>)| {
            // Norms are ones; rows of matrices have a length of about one, twice that makes the choice of tokens lively.
            let scale = if dims.len() == 1 { 0.0 } else { 2.0 * (3.0 / dims[0] as f32).sqrt() };
            let mut number = || if scale > 0.0 { scale * random.within_one() } else { 1.0 };
            let bytes = (0..dims.iter().product()).flat_map(|_| number().to_le_bytes()).collect();
            (name, dims, bytes)
        };
        shapes.into_iter().map(tensor).collect()
    }
}

/// A linear congruential generator (Knuth's MMIX): good enough for weights without a meaning.
struct Random(u64);

impl Random {
    /// A number in `[-1, 1)`.
    fn within_one(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
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

/// An adapter of rank 2 for the golden model of the llama architecture: `adapter_config.json` and
/// `adapter_model.safetensors`.
pub fn tiny_lora() -> (&'static str, Vec<u8>) {
    const CONFIG: &str = r#"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none", "use_rslora": false}"#;
    let name = |part| format!("base_model.model.model.layers.0.self_attn.q_proj.{part}.weight");
    let (a, b) = (name("lora_A"), name("lora_B"));
    let header = format!(
        r#"{{"{a}":{{"dtype":"F32","shape":[2,32],"data_offsets":[0,256]}},"{b}":{{"dtype":"F32","shape":[32,2],"data_offsets":[256,512]}}}}"#
    );
    let mut weights = (header.len() as u64).to_le_bytes().to_vec();
    weights.extend(header.into_bytes());
    weights.extend(0.5_f32.to_le_bytes().repeat(128));
    (CONFIG, weights)
}
