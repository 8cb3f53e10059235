//! What can go wrong, and what each error says to do about it: `errors`, with the model of this machine.

#![expect(clippy::print_stdout, reason = "what is said is what it is for")]

use reinette::{
    Concurrency, Generable, GenerationOptions, ModelError, Schema, Session, SessionError, SystemModel,
    SystemModelConfig,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, Serialize, Deserialize, Generable)]
struct Place {
    #[guide(length = 1..=40)]
    city: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A model that is not there: why, and how to get it.
    let config = SystemModelConfig { model: Some("./no-such-model.gguf".to_owned()), ..SystemModelConfig::default() };
    if let Err(error) = SystemModel::load_blocking(&config) {
        println!("unavailable: {error}");
    }

    let model =
        SystemModel::load_blocking(&SystemModelConfig { context_tokens: Some(512), ..SystemModelConfig::default() })?;
    let session = Session::new(&model).concurrency(Concurrency::Refuse);
    match session.respond_blocking("word ".repeat(2_000)) {
        Err(error @ SessionError::PromptTooLong { needed_tokens, limit_tokens }) => {
            println!("too long by {} tokens: {error}", needed_tokens - limit_tokens);
        }
        other => println!("{other:?}"),
    }

    let short = GenerationOptions { max_tokens: 3, ..GenerationOptions::default() };
    match session.turn("Which city?").options(short).respond_as_blocking::<Place>() {
        Err(error @ SessionError::Truncated { .. }) => println!("truncated: {error}"),
        other => println!("{other:?}"),
    }

    let mut first = session.stream("Count to ten.").blocking();
    first.next();
    if let Err(error @ SessionError::Busy) = session.respond_blocking("And to twenty.") {
        println!("busy: {error}");
    }
    // Dropping an answer cancels it: the session is free again.
    drop(first);

    if let Err(error @ ModelError::Schema { .. }) = Schema::from_json_schema(json!({"not": {"type": "null"}})) {
        println!("schema: {error}");
    }
    Ok(())
}
