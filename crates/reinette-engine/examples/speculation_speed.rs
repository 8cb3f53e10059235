//! What guessing tokens is worth: `speculation_speed MODEL.gguf [DRAFT.gguf]`.
//!
//! Answers a request that asks for a copy and one that does not, without guesses, with prompt lookup and with the draft model, in
//! turn. Prints the time a token takes, with the share of tokens that were guessed right.

#![expect(clippy::print_stdout, reason = "a program that measures")]

use reinette_engine::template::{Message, RenderInput};
use reinette_engine::tokenizer::{SpecialTokens, TokenId};
use reinette_engine::{BatchConfig, EndOfGeneration, GenerateRequest, Model, Sequence, Speculation};
use std::error::Error;
use std::sync::Arc;

const REPETITIONS: usize = 5;
const ANSWER_TOKENS: usize = 96;
const REQUESTS: [(&str, &str); 2] = [
    (
        "a copy",
        "Repeat this word for word: The ferry to the island leaves at nine in the morning and again at four in the \
         afternoon. Tickets are sold in the blue house beside the harbour, where you can also leave your bags until the evening.",
    ),
    ("a story", "Tell me a story about a lighthouse and a storm."),
];
const WAYS: [(&str, Speculation); 3] = [
    ("without guesses", Speculation::Off),
    ("prompt lookup", Speculation::PromptLookup { max_tokens: 8 }),
    ("draft model", Speculation::DraftModel { max_tokens: 8, least_probability: 0.5 }),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: speculation_speed MODEL.gguf [DRAFT.gguf]")?;
    let model = Arc::new(Model::load(path.as_ref())?);
    let draft = arguments.next().map(|path| Model::load(path.as_ref()).map(Arc::new)).transpose()?;
    let n_ways = if draft.is_some() { 3 } else { 2 };
    let config = BatchConfig { draft, ..BatchConfig::new(1024, 2) };
    let mut sequence = Sequence::with_config(Arc::clone(&model), config)?;
    for (name, request) in REQUESTS {
        let text = model
            .chat_template()?
            .render(&RenderInput::new(&[Message::new("user", request.to_owned())], model.tokenizer()))?;
        let prompt = model.tokenizer().encode(&text, SpecialTokens::Parse);
        let mut measured = vec![(Vec::new(), 0); n_ways];
        for _ in 0..REPETITIONS {
            for ((_, speculation), (milliseconds, guessed)) in WAYS.iter().zip(&mut measured) {
                let (token_ms, right) = answer(&mut sequence, &prompt, *speculation)?;
                milliseconds.push(token_ms);
                *guessed = right;
            }
        }
        for ((way, _), (milliseconds, guessed)) in WAYS.iter().zip(measured) {
            let [low, middle, high] = spread(milliseconds);
            println!(
                "{name}, {way}: {middle:.2} ms a token ({low:.2} to {high:.2}), {guessed} of {ANSWER_TOKENS} were guessed"
            );
        }
    }
    Ok(())
}

/// The milliseconds of a token after the first one, and how many were guessed right.
fn answer(
    sequence: &mut Sequence,
    prompt: &[TokenId],
    speculation: Speculation,
) -> Result<(f64, usize), Box<dyn Error>> {
    let request = GenerateRequest {
        speculation,
        end_of_generation: EndOfGeneration::Ignored,
        max_tokens: ANSWER_TOKENS,
        ..GenerateRequest::new(prompt.to_vec())
    };
    let answer = sequence.generate(request, &mut |_| {})?;
    Ok(((answer.total_ms - answer.first_token_ms) / (ANSWER_TOKENS - 1) as f64, answer.guessed_tokens))
}

/// The least, the middle and the greatest.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}
