//! What fuzzers run, and a small fuzzer of our own that every toolchain can run.
//!
//! [`FuzzTarget::run`] takes any bytes and must return: a panic, a hang or an exhausted memory is a bug. The same
//! targets are run by libFuzzer (`fuzz/`), which finds more, and by [`fuzz`], which is deterministic and needs nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use reinette_engine::gguf::{Gguf, GgufWriter};
use reinette_engine::template::{ChatTemplate, Message, RenderInput};
use reinette_engine::tokenizer::{SpecialTokens, Tokenizer, Utf8Stream};

use crate::tiny::{byte_level_model, sentence_piece_model};

/// Longest input; a longer one finds nothing new and takes longer.
const MAX_INPUT_BYTES: usize = 1 << 16;

/// A parser of foreign bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FuzzTarget {
    /// A model file: metadata, tensors, vocabulary, chat template.
    ModelFile,
    /// The source of a chat template.
    ChatTemplate,
    /// A text to be encoded, its first byte choosing the tokenizer.
    Tokens,
}

impl FuzzTarget {
    /// All of them.
    pub const ALL: [FuzzTarget; 3] = [FuzzTarget::ModelFile, FuzzTarget::ChatTemplate, FuzzTarget::Tokens];

    /// The name of the binary under `fuzz/`.
    pub fn name(self) -> &'static str {
        match self {
            FuzzTarget::ModelFile => "model_file",
            FuzzTarget::ChatTemplate => "chat_template",
            FuzzTarget::Tokens => "tokens",
        }
    }

    /// Feeds the parser with `input`.
    ///
    /// # Panics
    /// When the parser has a bug.
    pub fn run(self, input: &[u8]) {
        match self {
            FuzzTarget::ModelFile => model_file(input),
            FuzzTarget::ChatTemplate => chat_template(&String::from_utf8_lossy(input)),
            FuzzTarget::Tokens => tokens(input),
        }
    }

    /// Valid inputs to begin with.
    pub fn seeds(self) -> Vec<Vec<u8>> {
        match self {
            FuzzTarget::ModelFile => vec![byte_level_model("qwen2"), sentence_piece_model(), tensors()],
            FuzzTarget::ChatTemplate => TEMPLATES.map(|source| source.as_bytes().to_vec()).to_vec(),
            FuzzTarget::Tokens => TEXTS.map(|text| text.as_bytes().to_vec()).to_vec(),
        }
    }
}

const TEMPLATES: [&str; 4] = [
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m['content'] | trim }}<|im_end|>\n{% endfor %}",
    "{%- set ns = namespace(n=0) -%}{% macro x(a, b=1) %}{{ a ~ b }}{% endmacro %}{% set ns.n = ns.n + 1 %}{{ x(ns.n) }}",
    "{{ tools | tojson(indent=2) }}{{ strftime_now('%Y-%m-%d') if strftime_now is defined }}{{ raise_exception('no') }}",
    "{{ messages[::-1][0].content.strip().split(' ')[0].replace('a', 'bb').upper() | default('x') }}{% break %}",
];

const TEXTS: [&str; 4] = [
    "\0Hello, world! I'll see 12345 <|im_end|> é日本👩\u{200d}🚀  \r\n\t x",
    "\u{1}a\u{301}b ▁▁c<s></s><0x0A>    d",
    "\u{2}1234567 'S 'll\n\n  \n end ",
    "\u{3}\u{a0}\u{2003}word\u{85}\u{2028}… «x» ٣",
];

fn tensors() -> Vec<u8> {
    let data = [0; 64];
    let mut writer = GgufWriter::default();
    writer.set("general.architecture", "llama");
    writer.set("nested", [[1u16, 2].as_slice(), [].as_slice()].as_slice());
    // 64 bytes are 16 numbers, so the shape fits.
    let _ = writer.tensor("token_embd.weight", &[8, 2], reinette_kernels::QuantType::F32, &data);
    writer.to_bytes()
}

fn model_file(input: &[u8]) {
    let Ok(gguf) = Gguf::from_bytes(input.to_vec()) else { return };
    for tensor in gguf.tensors() {
        assert_eq!(gguf.tensor(tensor.name).map(|found| found.bytes.len()), Some(tensor.bytes.len()));
    }
    if let Ok(tokenizer) = Tokenizer::from_gguf(&gguf) {
        for special in [SpecialTokens::Parse, SpecialTokens::AsText] {
            let ids = tokenizer.encode("Hello, <|im_end|> é 123 ▁ \n\n x", special);
            assert!(ids.iter().all(|id| id.index() < tokenizer.vocab_size()));
        }
    }
    if let Ok(template) = ChatTemplate::from_gguf(&gguf) {
        let _ = template.render(&RenderInput::default());
    }
}

fn chat_template(source: &str) {
    let Ok(template) = ChatTemplate::from_source(source) else { return };
    let messages = [Message::new("system", "Be brief."), Message::new("user", "Hello <b>é</b>\n")];
    let now = jiff::civil::DateTime::constant(2026, 3, 11, 10, 15, 0, 0);
    let input = RenderInput { messages: &messages, bos: "<s>", eos: "</s>", now: Some(now), ..RenderInput::default() };
    if let Ok(text) = template.render(&input) {
        assert!(text.len() < 64 << 20, "the budget does not bound the output: {} bytes", text.len());
    }
}

fn tokens(input: &[u8]) {
    static TOKENIZERS: OnceLock<Vec<Tokenizer>> = OnceLock::new();
    let Some((&choice, text)) = input.split_first() else { return };
    let tokenizers = TOKENIZERS.get_or_init(|| {
        let byte_level = ["gpt-2", "smollm", "qwen2", "llama-bpe", "qwen35"].map(byte_level_model);
        let files = byte_level.into_iter().chain([sentence_piece_model()]);
        files.filter_map(|bytes| Tokenizer::from_gguf(&Gguf::from_bytes(bytes).ok()?).ok()).collect()
    });
    let index = usize::from(choice) % tokenizers.len();
    let tokenizer = &tokenizers[index];
    let text = String::from_utf8_lossy(text);
    for special in [SpecialTokens::Parse, SpecialTokens::AsText] {
        let ids = tokenizer.encode(&text, special);
        let mut stream = Utf8Stream::default();
        let mut streamed: String = ids.iter().map(|&id| stream.push(tokenizer.token_bytes(id))).collect();
        streamed.push_str(stream.flush());
        // SentencePiece, the last, cannot tell its mark from a space.
        let same = if index + 1 == tokenizers.len() { text.replace('▁', " ") } else { text.to_string() };
        assert_eq!(streamed, same, "encoding lost something");
    }
}

/// When a campaign ends.
#[derive(Debug, Clone, Copy)]
pub enum Budget {
    /// After so many inputs.
    Runs(u64),
    /// After so much time.
    Time(Duration),
}

/// An input that a target did not survive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// The input.
    pub input: Vec<u8>,
    /// Which run it was, from 0.
    pub run: u64,
}

/// Runs a target on mutated seeds; the same `seed` makes the same inputs. Gives the number of runs.
///
/// # Errors
/// The first input on which the target panics.
pub fn fuzz(target: FuzzTarget, seed: u64, budget: Budget) -> Result<u64, Crash> {
    let seeds = target.seeds();
    let mut random = Random(seed | 1);
    let start = Instant::now();
    let mut run = 0;
    loop {
        let over = match budget {
            Budget::Runs(runs) => run >= runs,
            Budget::Time(time) => start.elapsed() >= time,
        };
        if over {
            return Ok(run);
        }
        let mut input = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(8) {
            mutate(&mut input, &seeds, &mut random);
        }
        if catch_unwind(AssertUnwindSafe(|| target.run(&input))).is_err() {
            return Err(Crash { input, run });
        }
        run += 1;
    }
}

/// Damages `input` in one of the ways that parsers like least.
fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    const NUMBERS: [u64; 8] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];
    let at = random.below(input.len() + 1);
    let end = (at + random.below(33)).min(input.len());
    match random.below(6) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 => {
            let number = NUMBERS[random.below(NUMBERS.len())].to_le_bytes();
            let width = [1, 2, 4, 8][random.below(4)].min(input.len() - at);
            input[at..at + width].copy_from_slice(&number[..width]);
        }
        2 => drop(input.drain(at..end)),
        3 => {
            let copy = input[at..end].to_vec();
            input.splice(at..at, copy);
        }
        4 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            let piece = &other[from..(from + random.below(65)).min(other.len())];
            input.splice(at..end, piece.iter().copied());
        }
        _ => input.truncate(at.max(1)),
    }
    input.truncate(MAX_INPUT_BYTES);
}

/// xorshift64*; Paper: An experimental exploration of Marsaglia's xorshift generators, scrambled, arXiv:1402.6246.
struct Random(u64);

impl Random {
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        usize::try_from(mixed).unwrap_or(0) % bound
    }
}
