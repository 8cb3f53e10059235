//! What comes with models: their files, adapters, templates, and the schemas of what they shall say.

use std::sync::{Arc, OnceLock};

use reinette_engine::constraint::{
    CallGrammar, CallSyntax, CallTool, Constraint, ConstraintCompiler, ConstraintError, Grammar, NoCall,
};
use reinette_engine::gguf::{Gguf, GgufWriter};
use reinette_engine::template::{ChatTemplate, Message, RenderInput};
use reinette_engine::tokenizer::{SpecialTokens, TokenId, Tokenizer, Utf8Stream};
use reinette_engine::{Adapter, Model, Sequence};
use reinette_testkit::{ARCHITECTURES, byte_level_model, golden_model, sentence_piece_model, tiny_lora};
use serde_json::Value;

use crate::FuzzTarget;

/// A model file: metadata, tensors, vocabulary, chat template, and a step of the decoder.
pub(crate) const MODEL_FILE: FuzzTarget = FuzzTarget {
    name: "model_file",
    run: model_file,
    seeds: || {
        let whole = ARCHITECTURES.map(golden_model);
        [byte_level_model("qwen2"), sentence_piece_model(), tensors()].into_iter().chain(whole).collect()
    },
    words: &[
        "llama",
        "qwen2",
        "gemma3",
        "general.alignment",
        "llama.block_count",
        "llama.rope.scaling.type",
        "linear",
        "output.weight",
        "rope_freqs.weight",
        "blk.0.attn_q.bias",
        "blk.0.attn_q_norm.weight",
        "gemma3.attention.sliding_window",
    ],
};

/// PEFT's configuration, a zero byte, and the adapter's weights.
pub(crate) const ADAPTER: FuzzTarget = FuzzTarget {
    name: "adapter",
    run: adapter,
    seeds: || {
        let (config, weights) = tiny_lora();
        vec![[config.as_bytes(), &[0], &weights].concat()]
    },
    words: &["\"F16\"", "\"BF16\"", "\"F8_E5M2\"", "[2,32]", "[32,2]", "lora_B", "k_proj", "use_rslora", "1e39", "-1"],
};

/// The source of a chat template.
pub(crate) const CHAT_TEMPLATE: FuzzTarget = FuzzTarget {
    name: "chat_template",
    run: chat_template,
    seeds: || TEMPLATES.map(|source| source.as_bytes().to_vec()).to_vec(),
    words: &[
        "{%",
        "%}",
        "{{",
        "}}",
        "for ",
        "endfor",
        "if ",
        "messages",
        "loop.index0",
        "namespace(",
        "|tojson",
        "range(",
        "*",
        "~",
        "[::-1]",
        ".items()",
        "|length",
        "%}{%",
        "macro ",
        "{#",
        "999999999",
        "recursive",
    ],
};

/// A text to be encoded, its first byte choosing the tokenizer.
pub(crate) const TOKENS: FuzzTarget = FuzzTarget {
    name: "tokens",
    run: tokens,
    seeds: || TEXTS.map(|text| text.as_bytes().to_vec()).to_vec(),
    words: &["<|im_end|>", "</s>", "<0x0A>", "▁", "\u{301}", "'ll", "\r\n", "\u{200d}", "\u{85}"],
};

/// A JSON Schema: an answer is generated under it, and a call whose arguments it describes.
pub(crate) const SCHEMA: FuzzTarget = FuzzTarget {
    name: "schema",
    run: schema,
    seeds: || SCHEMAS.map(|schema| schema.as_bytes().to_vec()).to_vec(),
    words: &[
        "\"type\":",
        "\"string\"",
        "\"integer\"",
        "\"number\"",
        "\"array\"",
        "\"object\"",
        "\"null\"",
        "\"boolean\"",
        "\"enum\":",
        "\"const\":",
        "\"anyOf\":",
        "\"$ref\":",
        "\"#/$defs/a\"",
        "\"pattern\":",
        "\"minLength\":",
        "\"maxItems\":",
        "\"uniqueItems\":true",
        "\"minimum\":",
        "\"multipleOf\":",
        "\"x-span\":true",
        "\"required\":",
        "\"prefixItems\":",
        "\"additionalProperties\":",
        "\"format\":",
        "\"date-time\"",
        "{}",
        "[]",
        "true",
        "1e308",
        ",",
        "-0.1",
        "\\\\d{1,9}",
        "\"not\":",
        "\"oneOf\":",
        "\"allOf\":",
    ],
};

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

const SCHEMAS: [&str; 4] = [
    r#"{"type":"object","properties":{"title":{"type":"string","x-span":true},"when":{"enum":["now","later"]}},"required":["title"]}"#,
    r##"{"$defs":{"a":{"type":"array","items":{"type":"integer","minimum":0,"maximum":9},"maxItems":3,"uniqueItems":true}},"type":"object","properties":{"a":{"$ref":"#/$defs/a"},"b":{"anyOf":[{"type":"null"},{"const":1.5}]}},"additionalProperties":false}"##,
    r#"{"type":"object","properties":{"p":{"type":"string","pattern":"^[a-z]{2,5}\\d?$"},"n":{"type":"number","exclusiveMinimum":-1,"multipleOf":0.5}}}"#,
    r#"{"type":"array","prefixItems":[{"type":"boolean"},{"type":"string","format":"date"}],"items":false,"minItems":1}"#,
];

/// A file with tensors that no model has.
fn tensors() -> Vec<u8> {
    let data = [0; 64];
    let mut writer = GgufWriter::default();
    writer.set("general.architecture", "llama");
    writer.set("nested", [[1u16, 2].as_slice(), [].as_slice()].as_slice());
    // 64 bytes are 16 numbers, so the shape fits.
    let _ = writer.tensor("token_embd.weight", &[8, 2], reinette_kernels::QuantType::F32, &data);
    writer.to_bytes()
}

fn model_file(input: &[u8]) -> String {
    let gguf = match Gguf::from_bytes(input.to_vec()) {
        Ok(gguf) => gguf,
        Err(error) => return format!("{error:?}"),
    };
    for tensor in gguf.tensors() {
        assert_eq!(gguf.tensor(tensor.name).map(|found| found.bytes.len()), Some(tensor.bytes.len()));
    }
    let tokenizer = Tokenizer::from_gguf(&gguf);
    if let Ok(tokenizer) = &tokenizer {
        for special in [SpecialTokens::Parse, SpecialTokens::AsText] {
            let ids = tokenizer.encode("Hello, <|im_end|> é 123 ▁ \n\n x", special);
            assert!(ids.iter().all(|id| id.index() < tokenizer.vocab_size()));
        }
    }
    let rendered = ChatTemplate::from_gguf(&gguf).and_then(|template| template.render(&RenderInput::default()));
    let decoded = Model::from_gguf(gguf).and_then(|model| Sequence::new(Arc::new(model), 8, 1)).map(|mut sequence| {
        let logits = sequence.logits(&[TokenId(0), TokenId(1), TokenId(0)], &[]).map(<[f32]>::len);
        logits.is_ok()
    });
    format!("{:?} {:?} {decoded:?}", tokenizer.err(), rendered.err())
}

fn adapter(input: &[u8]) -> String {
    static MODEL: OnceLock<Option<Arc<Model>>> = OnceLock::new();
    let model =
        MODEL.get_or_init(|| Some(Arc::new(Model::from_gguf(Gguf::from_bytes(golden_model("llama")).ok()?).ok()?)));
    let model = model.as_ref().expect("the golden model is one");
    let end = input.iter().position(|&byte| byte == 0).unwrap_or(input.len());
    let (config, weights) = input.split_at(end);
    match Adapter::from_parts(config, weights.get(1..).unwrap_or_default(), model) {
        Ok(adapter) => {
            let sequence = Sequence::new(Arc::clone(model), 8, 1);
            format!("{:?}", sequence.map(|mut sequence| sequence.logits(&[TokenId(1)], &[Arc::new(adapter)]).is_ok()))
        }
        Err(error) => format!("{error:?}"),
    }
}

fn chat_template(input: &[u8]) -> String {
    let template = match ChatTemplate::from_source(&String::from_utf8_lossy(input)) {
        Ok(template) => template,
        Err(error) => return format!("{error:?}"),
    };
    let messages = [Message::new("system", "Be brief."), Message::new("user", "Hello <b>é</b>\n")];
    let now = jiff::civil::DateTime::constant(2026, 3, 11, 10, 15, 0, 0);
    let input = RenderInput { messages: &messages, bos: "<s>", eos: "</s>", now: Some(now), ..RenderInput::default() };
    match template.render(&input) {
        Ok(text) => {
            assert!(text.len() < 64 << 20, "the budget does not bound the output: {} bytes", text.len());
            "rendered".to_owned()
        }
        Err(error) => format!("{error:?}"),
    }
}

fn tokens(input: &[u8]) -> String {
    static TOKENIZERS: OnceLock<Vec<Tokenizer>> = OnceLock::new();
    let Some((&choice, text)) = input.split_first() else { return String::new() };
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
    String::new()
}

fn schema(input: &[u8]) -> String {
    static TOKENIZER: OnceLock<Option<(Arc<Tokenizer>, ConstraintCompiler)>> = OnceLock::new();
    let shared = TOKENIZER.get_or_init(|| {
        let gguf = Gguf::from_bytes(byte_level_model("qwen2")).ok()?;
        let tokenizer = Arc::new(Tokenizer::from_gguf(&gguf).ok()?);
        Some((Arc::clone(&tokenizer), ConstraintCompiler::new(tokenizer)))
    });
    let (tokenizer, compiler) = shared.as_ref().expect("the tiny vocabulary is one");
    let Ok(schema) = serde_json::from_slice::<Value>(input) else { return "no JSON".to_owned() };
    let calls = CallGrammar {
        tools: vec![CallTool { name: "act".to_owned(), parameters: schema.clone() }],
        sources: vec!["remind me to call Ana, tomorrow".to_owned()],
        max_calls: 2,
        no_call: NoCall::Allowed,
        syntax: CallSyntax::json_list("tool", "none"),
    };
    let outcome = |grammar| match compiler.compile(&grammar).and_then(|constraint| say(constraint, tokenizer, input)) {
        Ok(end) => end.to_owned(),
        Err(error) => format!("{error:?}"),
    };
    [Grammar::JsonSchema(schema), Grammar::Calls(calls)].map(outcome).join(" ")
}

/// Says something that the constraint admits, led by `choices`; wherever it may stop, it is JSON.
fn say(mut constraint: Constraint, tokenizer: &Tokenizer, choices: &[u8]) -> Result<&'static str, ConstraintError> {
    const MAX_TOKENS: usize = 64;
    let mut text = Vec::new();
    for choice in choices.iter().cycle().take(MAX_TOKENS) {
        if constraint.may_stop() {
            let parsed = serde_json::from_slice::<Value>(&text);
            assert!(parsed.is_ok(), "{:?} may be an answer", String::from_utf8_lossy(&text));
        }
        if constraint.is_complete() {
            return Ok("complete");
        }
        let mask = constraint.mask()?;
        let allowed: Vec<TokenId> = mask.iter().collect();
        let token = allowed[usize::from(*choice) % allowed.len()];
        constraint.commit(token)?;
        if !tokenizer.is_end_of_generation(token) {
            text.extend_from_slice(tokenizer.token_bytes(token));
        }
    }
    Ok("cut")
}
