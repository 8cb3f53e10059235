//! How often the right tools are among those that a session offers of hundreds: the everyday tools and their requests to
//! work with (`evals/requests.jsonl`), among 200 tools of an office.
//!
//! ```text
//! cargo run --release -p reinette-assistant --example tool_selection -- evals/requests.jsonl
//! ```
#![expect(clippy::print_stdout, reason = "the figures are what the program is for")]

use reinette::testing::{Reply, ScriptedModel};
use reinette::{FunctionTool, Property, Schema, Session, ToolDefinition};
use serde_json::Value;
use std::error::Error;
use std::time::Instant;

/// What an office does, and with what.
const VERBS: [&str; 10] =
    ["create", "find", "list", "delete", "update", "share", "archive", "approve", "export", "assign"];
const NOUNS: [&str; 20] = [
    "invoice",
    "contract",
    "employee",
    "customer",
    "order",
    "shipment",
    "ticket",
    "project",
    "budget",
    "report",
    "vehicle",
    "room",
    "supplier",
    "campaign",
    "payment",
    "warehouse",
    "document",
    "contact",
    "expense",
    "payroll",
];

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name the file of requests")?;
    let lines = std::fs::read_to_string(path)?;
    let requests: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let needs_tools = |request: &Value| request["calls"].as_array().is_some_and(|calls| !calls.is_empty());
    let of_work = |request: &&Value| request["split"] == "work" && needs_tools(request);
    let requests: Vec<&Value> = requests.iter().filter(of_work).collect();
    let everyday = reinette_apps::tools();
    let everyday = everyday.iter().map(|planner| planner.definition().clone());
    let tools: Vec<ToolDefinition> = everyday.chain(of_an_office()).collect();
    println!("{} requests that need tools, {} tools", requests.len(), tools.len());
    for count in [1, 2, 4, 6, 8, 12, 16, 24] {
        let model = ScriptedModel::answering(|_| Reply::text("Well."));
        let all = tools.iter().cloned();
        let tool = |definition| FunctionTool::dynamic(definition, |_| async { Ok(String::new()) });
        let session = all.map(tool).fold(Session::new(&model).max_offered_tools(count), Session::tool);
        let (mut complete, begun) = (0_u32, Instant::now());
        for request in &requests {
            // Nothing is called, so that what was called last is never offered for that.
            session.respond_blocking(request["text"].as_str().unwrap_or_default())?;
            let offered = model.requests().pop().map(|request| request.tools).unwrap_or_default();
            let is_offered = |call: &Value| offered.iter().any(|tool| tool.name == call["tool"]);
            complete += u32::from(request["calls"].as_array().into_iter().flatten().all(is_offered));
        }
        let each = begun.elapsed() / u32::try_from(requests.len())?;
        let share = 100.0 * f64::from(complete) / requests.len() as f64;
        println!("offered {count:2}: all right tools are among them for {share:5.1} % of requests; {each:.0?} a turn");
    }
    Ok(())
}

fn of_an_office() -> impl Iterator<Item = ToolDefinition> {
    let tool = |verb: &str, noun: &str| ToolDefinition {
        name: format!("{verb}_{noun}"),
        description: format!("Lets the user {verb} a {noun} of the company."),
        parameters: Schema::object([Property::required("name", Schema::text().describe(&format!("which {noun}")))]),
        examples: Vec::new(),
    };
    VERBS.into_iter().flat_map(move |verb| NOUNS.into_iter().map(move |noun| tool(verb, noun)))
}
