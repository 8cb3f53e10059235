//! Plans one tool call and makes the change at once: `act HOME NOW TOOL ARGUMENTS`.
//!
//! For example, with a folder of its own:
//! `cargo run -p reinette-apps --example act -- /tmp/home '2026-03-11T10:15:00+01:00[Europe/Paris]' create_event
//! '{"title": "dentist", "when": "tomorrow at 9"}'`

use reinette_apps::{Focus, Folders, Plan, World, apply_all, more_tools, tools};
use reinette_time::{Clock, Language};
use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [home, now, name, arguments] = arguments.as_slice() else { return Err("HOME NOW TOOL ARGUMENTS".into()) };
    let world = World {
        clock: Clock { now: now.parse()? },
        folders: Folders::inside(Path::new(home)),
        language: Language::English,
        focus: Focus::default(),
    };
    let tools: Vec<_> = tools().into_iter().chain(more_tools()).collect();
    let tool = tools.iter().find(|tool| tool.definition().name == *name).ok_or("no such tool")?;
    let said = match tool.plan(&serde_json::from_str(arguments)?, &world)? {
        Plan::Answer(answer) => answer.text,
        Plan::Change(change) => {
            apply_all(&change.files)?;
            change.done
        }
        Plan::Ask(question) => {
            let labels: Vec<String> = question.choices.into_iter().map(|choice| choice.label).collect();
            format!("{}\n- {}", question.text, labels.join("\n- "))
        }
    };
    writeln!(io::stdout(), "{said}")?;
    Ok(())
}
