//! How long constraints take: building the vocabulary's trie, compiling a grammar of twenty tools for texts of growing
//! length, and the mask of each token of an answer. A model without preferences answers, so that no decoding is in the
//! figures; masks are compared with the time in which a decode step would not notice them.
//!
//! ```text
//! cargo run --release -p reinette-engine --example constraint_speed -- SmolLM2-135M-Instruct.Q4_1.gguf
//! ```
#![expect(clippy::print_stdout, reason = "the figures are what the program is for")]

use reinette_engine::constraint::{CallGrammar, CallTool, ConstraintCompiler, Grammar, NoCall};
use reinette_engine::gguf::Gguf;
use reinette_engine::tokenizer::{TokenId, Tokenizer};
use serde_json::{Value, json};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Answers per text: enough masks for a median.
const ANSWERS: usize = 30;

/// What a mask may take: a hundredth of a decode step at a hundred tokens a second.
const MASK_BUDGET: Duration = Duration::from_micros(100);

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
    measure("a schema of three fields", &Grammar::JsonSchema(schema), &compiler, &tokenizer)
}

/// Twenty tools of two spans and a free string each.
fn calls(words: &str) -> CallGrammar {
    let span = || json!({"type": "string", "x-span": true});
    let parameters: Value = json!({"type": "object", "required": ["title"], "properties": {
        "title": span(), "when": span(), "expression": {"type": "string", "maxLength": 40},
    }});
    let tool = |number| CallTool { name: format!("tool_number_{number}"), parameters: parameters.clone() };
    CallGrammar { tools: (0..20).map(tool).collect(), words: words.to_owned(), max_calls: 3, no_call: NoCall::Allowed }
}

/// Prints how long compiling and masking take for `grammar`.
fn measure(
    name: &str,
    grammar: &Grammar,
    compiler: &ConstraintCompiler,
    tokenizer: &Tokenizer,
) -> Result<(), Box<dyn Error>> {
    let (mut compiling, mut masking) = (Vec::new(), Vec::new());
    let (mut forced, mut picked) = (0, 0);
    let mut random: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..ANSWERS {
        let start = Instant::now();
        let mut constraint = compiler.compile(grammar)?;
        compiling.push(start.elapsed());
        loop {
            forced += constraint.forced()?.len();
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
            constraint.commit(token)?;
            picked += 1;
        }
    }
    compiling.sort();
    masking.sort();
    let median = masking[masking.len() / 2];
    println!(
        "{name}: compiled in {:.1?} (median), mask {median:.1?} median, {:.1?} at the 99th percentile, {:.1?} worst; \
         {forced} of {} tokens forced; the median is {:.2} of the budget",
        compiling[compiling.len() / 2],
        masking[masking.len() * 99 / 100],
        masking[masking.len() - 1],
        forced + picked,
        median.as_secs_f64() / MASK_BUDGET.as_secs_f64(),
    );
    Ok(())
}
