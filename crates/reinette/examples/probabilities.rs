//! How sure the model is of each token, and a word that it is kept from: `probabilities [WORDS] [FORBIDDEN]`, with the
//! model of this machine.

#![expect(clippy::print_stdout, reason = "the probabilities are what it is for")]

use reinette::{GenerationOptions, LogitsProcessor, Session, SystemModel, SystemModelConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let words = arguments.next().unwrap_or_else(|| "Name the capital of France in one word.".to_owned());
    let forbidden = arguments.next().unwrap_or_else(|| "Paris".to_owned());
    let model = SystemModel::load_blocking(&SystemModelConfig::default())?;
    let session = Session::new(&model);
    println!("the prompt takes {} tokens", session.token_count(&words)?);
    let told = GenerationOptions { max_tokens: 12, log_probabilities: Some(3), ..GenerationOptions::default() };
    for token in session.turn(&*words).options(told.clone()).respond_blocking()?.log_probabilities {
        let probability = token.log_probability.map_or(1.0, f32::exp);
        let likeliest = token.likeliest.iter().map(|likely| String::from_utf8_lossy(&likely.bytes));
        println!("{:5.1} %  {:?}  of {:?}", probability * 100.0, token.text(), likeliest.collect::<Vec<_>>());
    }
    let forbid = LogitsProcessor::new(move |logits| {
        for text in [forbidden.clone(), format!(" {forbidden}")] {
            if let Some(logit) = logits.tokens_of(&text).first().and_then(|token| logits.get_mut(*token)) {
                *logit = f32::NEG_INFINITY;
            }
        }
    });
    let options = GenerationOptions { logits_processor: Some(forbid), ..told };
    println!("without that word: {}", Session::new(&model).turn(words).options(options).respond_blocking()?.content);
    Ok(())
}
