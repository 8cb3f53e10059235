//! Judging what a model does: `expectations [WORDS]`, with the model of this machine. A test would use `assert_trajectory!`,
//! which panics; an evaluation counts.

#![expect(clippy::print_stdout, reason = "the verdicts are what it is for")]

use reinette::testing::trajectory::{CallExpectation, Trajectory, contains, judged, range};
use reinette::{Session, SystemModel, SystemModelConfig, ToolMode, assert_trajectory, tool};

/// The weather in a city on a day.
#[tool]
async fn weather(
    /// without the country
    city: String,
    #[guide(range = 0..=6)] days_from_now: u8,
) -> String {
    format!("{city}, in {days_from_now} days: sun")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words = std::env::args().nth(1).unwrap_or_else(|| "What is the weather in Lyon tomorrow?".to_owned());
    let model = SystemModel::load_blocking(&SystemModelConfig::default())?;
    let session = Session::new(&model).tool(weather);
    let response = session.turn(words).tool_mode(ToolMode::Required).respond_blocking()?;

    // Holds for any model: the tool is called, with a day that its guide admits.
    assert_trajectory!(response.entries, ordered[weather { days_from_now: range(0.0..=6.0) }], never[send_mail]);

    // What the model that answered is good for is counted, and each verdict says why.
    let expectations = [
        ("the city", CallExpectation::new("weather").argument("city", contains("Lyon"))),
        ("the day", CallExpectation::new("weather").argument("days_from_now", range(1.0..=1.0))),
        ("by a judge", CallExpectation::new("weather").argument("city", judged(&model, "Is it a city in France?"))),
    ];
    let mut held = 0;
    for (what, expected) in expectations {
        let verdict = Trajectory::ordered([expected]).check(&response.entries);
        held += usize::from(verdict.is_ok());
        println!("{what}: {}", verdict.map_or_else(|mismatch| mismatch.to_string(), |()| "as expected".to_owned()));
    }
    println!("{held} of 3");
    Ok(())
}
