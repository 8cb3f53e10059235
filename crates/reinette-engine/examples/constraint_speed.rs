//! How long constraints take: building the vocabulary's trie, compiling a grammar of twenty tools for texts of growing
//! length, and the mask of each token of an answer. A model without preferences answers, so that no decoding is in the
//! figures; masks are compared with the time in which a decode step would not notice them.
//!
//! Then the file's own model answers under two schemas, by turns with the grammar and with the same tokens chosen without
//! one: what a grammar adds to a token, and to the first.
//!
//! ```text
//! cargo run --release -p reinette-engine --example constraint_speed -- SmolLM2-135M-Instruct.Q4_1.gguf
//! ```
#![expect(clippy::print_stdout, reason = "the figures are what the program is for")]

use reinette_engine::constraint::{CallGrammar, CallSyntax, CallTool, ConstraintCompiler, Grammar, NoCall};
use reinette_engine::gguf::Gguf;
use reinette_engine::tokenizer::{SpecialTokens, TokenId, Tokenizer};
use reinette_engine::{
    EndOfGeneration, GenerateRequest, Generated, LogitsProcessor, Model, Sequence, TokenLogProbability,
};
use serde_json::{Value, json};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Answers per text: enough masks for a median.
const ANSWERS: usize = 30;

/// What a mask may take: a hundredth of a decode step at a hundred tokens a second.
const MASK_BUDGET: Duration = Duration::from_micros(100);

/// Answers with a grammar, and as many without.
const PAIRS: usize = 7;
/// Tokens of each.
const MAX_TOKENS: usize = 160;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name a GGUF file")?;
    let tokenizer = Arc::new(Tokenizer::from_gguf(&Gguf::open(path.as_ref())?)?);
    let compiler = ConstraintCompiler::new(Arc::clone(&tokenizer));
    let start = Instant::now();
    compiler.compile(&Grammar::Regex("a".to_owned()))?;
    println!("trie of {} tokens: {:.1?}", tokenizer.vocab_size(), start.elapsed());

    let request = "Remind me to call the plumber tomorrow at 8:30 and add milk to the list";
    let long = (0..2_000).map(|number| format!("word{}", number % 700)).collect::<Vec<_>>().join(" ");
    for (name, words) in [("a request of 15 words", request), ("a text of 2,000 words", &long)] {
        measure(name, &Grammar::Calls(calls(words)), &compiler, &tokenizer)?;
    }
    let schema = json!({"type": "object", "required": ["title", "tags", "priority"], "properties": {
        "title": {"type": "string", "maxLength": 80},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 5},
        "priority": {"type": "integer", "minimum": 1, "maximum": 5},
    }});
    let fields = Grammar::JsonSchema(schema);
    measure("a schema of three fields", &fields, &compiler, &tokenizer)?;
    let text = Grammar::JsonSchema(json!({"type": "string", "minLength": 500, "maxLength": 1000}));
    measure("a text of 500 characters or more", &text, &compiler, &tokenizer)?;
    let model = Arc::new(Model::load(path.as_ref())?);
    for (name, grammar) in [("a schema of three fields", &fields), ("a text of 500 characters or more", &text)] {
        decode(name, grammar, &compiler, &model)?;
    }
    Ok(())
}

/// Prints what `grammar` adds to decoding the same tokens.
fn decode(
    name: &str,
    grammar: &Grammar,
    compiler: &ConstraintCompiler,
    model: &Arc<Model>,
) -> Result<(), Box<dyn Error>> {
    let mut sequence = Sequence::new(Arc::clone(model), 2048, 2)?;
    let prompt = model.tokenizer().encode("Invent something, and write it down:\n", SpecialTokens::AsText);
    let mut answer = |request: GenerateRequest| -> Result<Generated, Box<dyn Error>> {
        let max_tokens = request.max_tokens.min(MAX_TOKENS);
        let request = GenerateRequest { max_tokens, end_of_generation: EndOfGeneration::Ignored, ..request };
        Ok(sequence.generate(request, &mut |_| {})?)
    };
    let constrained = || -> Result<GenerateRequest, Box<dyn Error>> {
        Ok(GenerateRequest { constraint: Some(compiler.compile(grammar)?), ..GenerateRequest::new(prompt.clone()) })
    };
    let told = answer(GenerateRequest { log_probabilities: Some(0), ..constrained()? })?;
    let tokens: Arc<[TokenId]> = told.log_probabilities.iter().map(|told: &TokenLogProbability| told.token).collect();
    let chosen = Arc::clone(&tokens);
    let same = LogitsProcessor::new(move |logits| {
        let next = chosen.get(logits.answer().len()).copied();
        next.and_then(|token| logits.get_mut(token)).into_iter().for_each(|logit| *logit = f32::MAX);
    });
    let free = || GenerateRequest {
        logits_processor: Some(same.clone()),
        max_tokens: tokens.len(),
        ..GenerateRequest::new(prompt.clone())
    };
    let a_token = |generated: &Generated| {
        (generated.total_ms - generated.first_token_ms) / generated.output_tokens.saturating_sub(1).max(1) as f64
    };
    let (mut ratios, mut spikes, mut free_ms) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let (with, without) = if pair % 2 == 0 {
            let with = answer(constrained()?)?;
            (with, answer(free())?)
        } else {
            let without = answer(free())?;
            (answer(constrained()?)?, without)
        };
        ratios.push(a_token(&with) / a_token(&without));
        spikes.push(with.first_token_ms - without.first_token_ms);
        free_ms.push(a_token(&without));
    }
    let median = |mut figures: Vec<f64>| {
        figures.sort_by(f64::total_cmp);
        [figures[PAIRS / 2], figures[0], figures[PAIRS - 1]]
    };
    let ([ratio, least, most], [spike, ..], [token_ms, ..]) = (median(ratios), median(spikes), median(free_ms));
    println!(
        "{name}: {} tokens, {} forced; a token takes {token_ms:.2} ms without the grammar and {:+.1} % with it ({:+.1} to \
         {:+.1}); the first {spike:+.2} ms",
        told.output_tokens,
        told.forced_tokens,
        (ratio - 1.0) * 100.0,
        (least - 1.0) * 100.0,
        (most - 1.0) * 100.0,
    );
    Ok(())
}

/// Twenty tools of two spans and a free string each.
fn calls(words: &str) -> CallGrammar {
    let span = || json!({"type": "string", "x-span": true});
    let parameters: Value = json!({"type": "object", "required": ["title"], "properties": {
        "title": span(), "when": span(), "expression": {"type": "string", "maxLength": 40},
    }});
    let tool = |number| CallTool { name: format!("tool_number_{number}"), parameters: parameters.clone() };
    CallGrammar {
        tools: (0..20).map(tool).collect(),
        sources: vec![words.to_owned()],
        max_calls: 3,
        no_call: NoCall::Allowed,
        syntax: CallSyntax::json_list("tool", "none"),
    }
}

/// Prints how long compiling and masking take for `grammar`.
fn measure(
    name: &str,
    grammar: &Grammar,
    compiler: &ConstraintCompiler,
    tokenizer: &Tokenizer,
) -> Result<(), Box<dyn Error>> {
    let (mut compiling, mut masking) = (Vec::new(), Vec::new());
    let (mut forced, mut picked, mut all) = (0, 0, Duration::ZERO);
    let mut random: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..ANSWERS {
        let start = Instant::now();
        let mut constraint = compiler.compile(grammar)?;
        compiling.push(start.elapsed());
        loop {
            let start = Instant::now();
            forced += constraint.forced()?.len();
            all += start.elapsed();
            if constraint.is_complete() {
                break;
            }
            let start = Instant::now();
            let mask = constraint.mask()?;
            masking.push(start.elapsed());
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = usize::try_from(random >> 33)? % mask.allowed_count();
            let token: TokenId = mask.iter().nth(place).ok_or("an empty mask")?;
            if tokenizer.is_end_of_generation(token) {
                break;
            }
            let start = Instant::now();
            constraint.commit(token)?;
            all += start.elapsed();
            picked += 1;
        }
    }
    all += masking.iter().sum::<Duration>();
    compiling.sort();
    masking.sort();
    let median = masking[masking.len() / 2];
    println!(
        "{name}: compiled in {:.1?} (median), mask {median:.1?} median, {:.1?} at the 99th percentile, {:.1?} worst; \
         {forced} of {} tokens forced; all of it {:.1?} for each that was not; the median mask is {:.2} of the budget",
        compiling[compiling.len() / 2],
        masking[masking.len() * 99 / 100],
        masking[masking.len() - 1],
        forced + picked,
        all / u32::try_from(picked)?,
        median.as_secs_f64() / MASK_BUDGET.as_secs_f64(),
    );
    Ok(())
}
