//! An application tested without weights: a model that says what it is told to, in a conversation that outgrows its context,
//! is written down and goes on with another model.

#![expect(clippy::print_stdout, reason = "what happens is what it is for")]

use reinette::testing::{Reply, ScriptedModel};
use reinette::{ContextPolicy, GenerationOptions, Session, TurnEvent};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = ScriptedModel::answering(|request| {
        Reply::text(&format!("I was shown {} entries.", request.transcript.entries.len()))
    })
    .with_context_tokens(128);
    let session = Session::new(&model).instructions("Be brief.").context_policy(ContextPolicy::DropOldest);
    for turn in 0..20 {
        for event in session.turn(format!("This is prompt number {turn}.")).events().blocking() {
            match event? {
                TurnEvent::ContextReduced(reduction) => println!("{} entries are hidden", reduction.hidden_entries),
                TurnEvent::Finished(response) => println!("{}", response.content),
                _ => {}
            }
        }
    }
    let written = serde_json::to_string(&session.transcript())?;
    let other = ScriptedModel::new([Reply::text("I have read it all.")]);
    let later = Session::from_transcript(&other, serde_json::from_str(&written)?);
    println!("{}", later.respond_blocking("And now?")?);
    // A model that thinks first is let do so as far as an answer is worth it.
    let thoughtful =
        Session::new(&ScriptedModel::new([Reply::text("Four.").after_thinking("Two and two make four. ")]));
    let options =
        GenerationOptions { reasoning_tokens: 256, language: Some("en".to_owned()), ..GenerationOptions::default() };
    for event in thoughtful.turn("What is two and two?").options(options).events().blocking() {
        match event? {
            TurnEvent::Reasoning { text } => print!("{text}"),
            TurnEvent::Finished(response) => println!("=> {}", response.content),
            _ => {}
        }
    }
    Ok(())
}
