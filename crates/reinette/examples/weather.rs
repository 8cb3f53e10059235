//! A tool that the model may use, and everything that happens in a turn: `weather [WORDS]`.

#![expect(clippy::print_stdout, reason = "what happens is what it is for")]

use reinette::{Decision, Session, SystemModel, SystemModelConfig, ToolMode, TurnEvent, tool};

/// The weather in a city on a day.
#[tool(timeout_seconds = 5)]
async fn weather(
    /// without the country
    city: String,
    #[guide(range = 0..=6)] days_from_now: u8,
) -> Result<String, String> {
    if city.trim().is_empty() {
        return Err("say which city".to_owned());
    }
    Ok(format!("{city}, in {days_from_now} days: sun in the morning, 18 degrees"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words = std::env::args().nth(1).unwrap_or_else(|| "What is the weather in Lyon tomorrow?".to_owned());
    let model = SystemModel::load_blocking(&SystemModelConfig::default())?;
    let session = Session::new(&model).instructions("You know the weather.").tool(weather).approve_calls(|call| {
        if call.name == "weather" { Decision::Allow } else { Decision::Refuse("only the weather".to_owned()) }
    });
    // Left to itself, a very small model would rather talk.
    for event in session.turn(words).tool_mode(ToolMode::Required).events().blocking() {
        match event? {
            TurnEvent::Text { text } => print!("{text}"),
            TurnEvent::Finished(response) => println!("\n{:?}", response.usage),
            other => println!("{other:?}"),
        }
    }
    Ok(())
}
