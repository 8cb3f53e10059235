//! Lets a model choose among tools: `tools MODEL.gguf [ADAPTER_FOLDER] < requests.txt`, one request a line.

use reinette::{
    Event, Generable, LanguageModel, OnDeviceConfig, OnDeviceModel, Request, ToolAdapter, ToolDefinition, Transcript,
};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::io::Write;

/// A reminder.
#[derive(Serialize, Deserialize, Generable)]
struct Reminder {
    /// what to be reminded of
    #[guide(span)]
    title: String,
    /// when
    #[guide(span)]
    when: Option<String>,
}

/// A timer.
#[derive(Serialize, Deserialize, Generable)]
struct Timer {
    /// how long
    #[guide(span)]
    duration: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let mut config = OnDeviceConfig::new(arguments.next().ok_or("usage: tools MODEL.gguf [ADAPTER_FOLDER]")?);
    config.adapter = arguments.next().map(|folder| ToolAdapter::read(folder.as_ref())).transpose()?;
    let model = OnDeviceModel::load(&config)?;
    let tools = vec![
        ToolDefinition::new::<Reminder>("create_reminder", "Remind the user of something.")
            .example("remind me to feed the cat at 6", &[("title", "feed the cat"), ("when", "6")]),
        ToolDefinition::new::<Timer>("set_timer", "Start a timer that rings after a duration.")
            .example("timer for ten minutes please", &[("duration", "ten minutes")]),
    ];
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lines() {
        let transcript = Transcript::from_prompt(line?);
        let request = Request { transcript, tools: tools.clone(), ..Request::default() };
        for event in model.respond(request) {
            match event? {
                Event::Text(text) => write!(out, "{text}")?,
                Event::ToolCall(call) => writeln!(out, "{} {}", call.name, serde_json::to_string(&call.arguments)?)?,
                Event::Finished(summary) => writeln!(out, "\n{summary:?}")?,
                _ => {}
            }
            out.flush()?;
        }
    }
    Ok(())
}
