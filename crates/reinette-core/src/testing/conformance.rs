//! What every [`LanguageModel`] promises, as checks to run on one's own.
//!
//! A backend passes when [`run`] gives no [`Outcome::Broken`]. Checks of what a model does not claim to
//! [support](LanguageModel::supports) are left out, and say so.
//!
//! ```no_run
//! # extern crate reinette_core as reinette;
//! use reinette::testing::conformance;
//! # let my_model = reinette::testing::ScriptedModel::new([]);
//! conformance::assert_conforms(&my_model);
//! ```

use crate::{
    Capability, Entry, Event, FinishReason, GenerationOptions, LanguageModel, LogitsProcessor, ModelError, Property,
    Request, Sampling, Schema, Summary, ToolCall, ToolDefinition, ToolMode, Transcript,
};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Tokens that an answer may have in checks that are not about its length: enough for every value asked for here.
const MAX_TOKENS: usize = 400;

/// One promise.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What is promised, in a few words.
    pub promise: &'static str,
    /// What a model has to support for it to hold.
    pub needs: Option<Capability>,
    holds: fn(&dyn LanguageModel) -> Result<(), String>,
}

/// What became of a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Kept,
    /// It does not, and why.
    Broken(String),
    /// The model does not claim to support what it takes.
    LeftOut(Capability),
}

/// All promises.
pub const CHECKS: [Check; 17] = [
    Check { promise: "says what it is", needs: None, holds: says_what_it_is },
    Check { promise: "an answer is words and then one end", needs: None, holds: ends_once },
    Check { promise: "an answer stops at its limit of tokens", needs: None, holds: stops_at_its_limit },
    Check { promise: "an answer stops before a stop string", needs: None, holds: stops_before_a_stop_string },
    Check { promise: "a dropped answer does not hold up the next", needs: None, holds: goes_on_after_a_dropped_answer },
    Check { promise: "two requests at once are both answered", needs: None, holds: answers_two_at_once },
    Check { promise: "a conversation with calls and outputs is understood", needs: None, holds: takes_tool_outputs },
    Check {
        promise: "a conversation that is too long is refused with both lengths",
        needs: None,
        holds: refuses_what_is_too_long,
    },
    Check {
        promise: "a schema that cannot be met is refused before generation",
        needs: None,
        holds: refuses_the_impossible,
    },
    Check {
        promise: "what is not supported is refused by its capability",
        needs: None,
        holds: refuses_what_it_does_not_support,
    },
    Check {
        promise: "a prompt has as many tokens as were counted",
        needs: Some(Capability::TokenCount),
        holds: counts_tokens,
    },
    Check {
        promise: "probabilities are told of every token, and are some",
        needs: Some(Capability::LogProbabilities),
        holds: tells_probabilities,
    },
    Check {
        promise: "thoughts come before the answer, no longer than they may, and none unasked",
        needs: Some(Capability::Reasoning),
        holds: thinks_as_far_as_it_may,
    },
    Check {
        promise: "values satisfy their schemas, whatever the sampling",
        needs: Some(Capability::GuidedGeneration),
        holds: satisfies_schemas,
    },
    Check {
        promise: "required calls are made, and right",
        needs: Some(Capability::ToolCalling),
        holds: calls_when_it_must,
    },
    Check {
        promise: "no tool is called that may not be",
        needs: Some(Capability::ToolCalling),
        holds: does_not_call_when_it_must_not,
    },
    Check {
        promise: "the same seed gives the same text",
        needs: Some(Capability::SameTextForSameSeed),
        holds: repeats_itself_with_its_seed,
    },
];

/// Holds a model against every promise.
pub fn run(model: &dyn LanguageModel) -> Vec<(Check, Outcome)> {
    let outcome = |check: Check| match check.needs {
        Some(capability) if !model.supports(capability) => Outcome::LeftOut(capability),
        _ => (check.holds)(model).map_or_else(Outcome::Broken, |()| Outcome::Kept),
    };
    CHECKS.into_iter().map(|check| (check, outcome(check))).collect()
}

/// Holds a model against every promise.
///
/// # Panics
/// If one is broken, naming all that are.
pub fn assert_conforms(model: &dyn LanguageModel) {
    let broken = run(model).into_iter().filter_map(|(check, outcome)| match outcome {
        Outcome::Broken(reason) => Some(format!("- {}: {reason}", check.promise)),
        _ => None,
    });
    let broken: Vec<String> = broken.collect();
    assert!(broken.is_empty(), "{} breaks promises:\n{}", model.info().name, broken.join("\n"));
}

/// A whole answer.
struct Answer {
    reasoning: String,
    text: String,
    calls: Vec<ToolCall>,
    summary: Summary,
}

/// Asks, and checks what holds of every answer: one end, and nothing after it.
fn ask(model: &dyn LanguageModel, request: Request) -> Result<Answer, String> {
    let mut events = model.respond(request);
    let (mut reasoning, mut text, mut calls) = (String::new(), String::new(), Vec::new());
    while let Some(event) = events.next() {
        match event.map_err(|error| format!("it failed: {error}"))? {
            Event::Text(words) => text.push_str(&words),
            Event::Reasoning(_) if !text.is_empty() => return Err("it thought after it had begun to answer".to_owned()),
            Event::Reasoning(words) => reasoning.push_str(&words),
            Event::ToolCall(call) => calls.push(call),
            Event::Finished(summary) => {
                return match events.next() {
                    None => Ok(Answer { reasoning, text, calls, summary }),
                    Some(event) => Err(format!("{event:?} came after the end")),
                };
            }
        }
    }
    Err("the answer had no end".to_owned())
}

/// The error that a request ends in, before any event.
fn refusal(model: &dyn LanguageModel, request: Request) -> Result<ModelError, String> {
    match model.respond(request).next() {
        Some(Err(error)) => Ok(error),
        Some(Ok(event)) => Err(format!("it was answered: {event:?}")),
        None => Err("the answer was empty".to_owned()),
    }
}

fn hold(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn asking(words: &str, max_tokens: usize) -> Request {
    let options = GenerationOptions { max_tokens, ..GenerationOptions::default() };
    Request { transcript: Transcript::from_prompt(words), options, ..Request::default() }
}

fn says_what_it_is(model: &dyn LanguageModel) -> Result<(), String> {
    hold(!model.info().name.is_empty(), || "its name is empty".to_owned())?;
    hold(model.info() == model.info() && model.version() == model.version(), || "it says now this, now that".to_owned())
}

fn ends_once(model: &dyn LanguageModel) -> Result<(), String> {
    let mut request = asking("Say hello.", 32);
    request.transcript.entries.insert(0, Entry::Instructions { text: "You are kind.".to_owned() });
    let answer = ask(model, request)?;
    hold(answer.calls.is_empty(), || "it called tools where there are none".to_owned())?;
    hold(answer.summary.prompt_tokens >= answer.summary.cached_tokens, || format!("{:?}", answer.summary))
}

fn stops_at_its_limit(model: &dyn LanguageModel) -> Result<(), String> {
    let answer = ask(model, asking("Tell a long story about a dragon and a lighthouse.", 5))?;
    hold(answer.summary.output_tokens <= 5, || format!("{} tokens instead of 5", answer.summary.output_tokens))
}

fn stops_before_a_stop_string(model: &dyn LanguageModel) -> Result<(), String> {
    let free = ask(model, asking("Count from one to ten in words.", 24))?.text;
    // What the model says anyway, from its middle.
    let middle: String = free.chars().skip(free.chars().count() / 2).take(3).collect();
    if middle.is_empty() {
        return Ok(());
    }
    let mut request = asking("Count from one to ten in words.", 24);
    request.options.stop = vec![middle.clone()];
    let answer = ask(model, request)?;
    hold(!answer.text.contains(&middle), || format!("{:?} holds {middle:?}", answer.text))
}

fn goes_on_after_a_dropped_answer(model: &dyn LanguageModel) -> Result<(), String> {
    let mut dropped = model.respond(asking("Tell a long story.", MAX_TOKENS));
    let _ = dropped.next();
    drop(dropped);
    ask(model, asking("Say hello.", 8)).map(drop)
}

fn answers_two_at_once(model: &dyn LanguageModel) -> Result<(), String> {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| ask(model, asking("Say hello.", 8)).map(drop));
        let own = ask(model, asking("Say goodbye.", 8)).map(drop);
        other.join().unwrap_or_else(|_| Err("it panicked".to_owned())).and(own)
    })
}

fn weather() -> ToolDefinition {
    let parameters = Schema::object([
        Property::required("city", Schema::one_of_words(["Lyon", "Oslo"])),
        Property::required("days", Schema::integer(1, 5)),
    ]);
    ToolDefinition {
        name: "weather".to_owned(),
        description: "The weather in a city for some days.".to_owned(),
        parameters,
        examples: Vec::new(),
    }
}

fn takes_tool_outputs(model: &dyn LanguageModel) -> Result<(), String> {
    let mut request = asking("What is the weather in Lyon?", 32);
    let arguments = [("city".to_owned(), json!("Lyon")), ("days".to_owned(), json!(2))].into_iter().collect();
    let call = ToolCall { id: "call-of-before".to_owned(), name: "weather".to_owned(), arguments };
    request.transcript.push(Entry::ToolCalls { calls: vec![call] });
    request.transcript.push(Entry::tool_output("call-of-before", "sun"));
    request.tools = vec![weather()];
    request.tool_mode = ToolMode::Disallowed;
    let answer = ask(model, request)?;
    hold(answer.calls.is_empty(), || "it called a tool that it may not".to_owned())
}

fn refuses_what_is_too_long(model: &dyn LanguageModel) -> Result<(), String> {
    let limit = model.info().context_tokens;
    if limit == 0 {
        return Ok(());
    }
    // No vocabulary has tokens of eight words.
    match refusal(model, asking(&"river stone ".repeat(limit * 4), 8))? {
        ModelError::ContextFull { needed_tokens, limit_tokens } => {
            hold(needed_tokens > limit_tokens, || format!("{needed_tokens} tokens are not more than {limit_tokens}"))
        }
        other => Err(format!("it said {other} instead of `ContextFull`")),
    }
}

fn refuses_the_impossible(model: &dyn LanguageModel) -> Result<(), String> {
    for schema in [
        json!({"type": "integer", "minimum": 2, "maximum": 1}),
        json!({"type": "string", "not": {"const": "x"}}),
        json!({"enum": []}),
    ] {
        let mut request = asking("Say something.", 16);
        request.response_schema = Some(Schema::new(schema.clone()));
        let error = refusal(model, request)?;
        hold(matches!(error, ModelError::Schema { .. }), || format!("{schema} gave {error} instead of `Schema`"))?;
    }
    Ok(())
}

fn refuses_what_it_does_not_support(model: &dyn LanguageModel) -> Result<(), String> {
    let told = GenerationOptions { log_probabilities: Some(0), ..GenerationOptions::default() };
    let edited =
        GenerationOptions { logits_processor: Some(LogitsProcessor::new(|_| {})), ..GenerationOptions::default() };
    let thinking = GenerationOptions { reasoning_tokens: 8, ..GenerationOptions::default() };
    let all =
        [(told, Capability::LogProbabilities), (edited, Capability::LogitAccess), (thinking, Capability::Reasoning)];
    for (options, needed) in all {
        if model.supports(needed) {
            continue;
        }
        let error = refusal(model, Request { options, ..asking("Say hello.", 8) })?;
        let is_named = matches!(error, ModelError::Unsupported { capability, .. } if capability == needed);
        hold(is_named, || format!("{needed:?} gave {error} instead of `Unsupported`"))?;
    }
    if !model.supports(Capability::Vision) {
        let mut pictured = asking("What is this?", 8);
        pictured.transcript.push(Entry::Attachment { media_type: "image/png".to_owned(), url: "data:,".to_owned() });
        let error = refusal(model, pictured)?;
        let is_named = matches!(error, ModelError::Unsupported { capability: Capability::Vision, .. });
        hold(is_named, || format!("an attachment gave {error} instead of `Unsupported`"))?;
    }
    let counted = model.token_count(&asking("Say hello.", 8));
    let is_named = matches!(counted, Err(ModelError::Unsupported { capability: Capability::TokenCount, .. }));
    hold(is_named != model.supports(Capability::TokenCount), || format!("counting tokens gave {counted:?}"))
}

fn counts_tokens(model: &dyn LanguageModel) -> Result<(), String> {
    let count = |request: &Request| model.token_count(request).map_err(|error| format!("it does not count: {error}"));
    let (short, long) = (asking("Say hello.", 8), asking("Say hello, and goodbye, and everything between.", 8));
    let (counted, more) = (count(&short)?, count(&long)?);
    hold(counted < more, || format!("{counted} tokens, and {more} of more words"))?;
    let read = ask(model, short)?.summary.prompt_tokens;
    hold(counted == read, || format!("{counted} tokens were counted and {read} read"))
}

fn thinks_as_far_as_it_may(model: &dyn LanguageModel) -> Result<(), String> {
    let mut request = asking("What is two and two?", 12);
    let unasked = ask(model, request.clone())?;
    hold(unasked.reasoning.is_empty() && unasked.summary.reasoning_tokens == 0, || {
        format!("it thought {:?} unasked", unasked.reasoning)
    })?;
    request.options.reasoning_tokens = 9;
    let asked = ask(model, request)?.summary;
    hold(asked.reasoning_tokens <= 9 && asked.output_tokens <= 9 + 12, || {
        format!("of {} tokens {} were thoughts", asked.output_tokens, asked.reasoning_tokens)
    })
}

fn tells_probabilities(model: &dyn LanguageModel) -> Result<(), String> {
    let mut request = asking("Say hello.", 12);
    request.options.log_probabilities = Some(2);
    let summary = ask(model, request)?.summary;
    let told = &summary.log_probabilities;
    hold(told.len() == summary.output_tokens, || format!("{} of {} tokens", told.len(), summary.output_tokens))?;
    for token in told {
        let likeliest: Vec<f32> = token.likeliest.iter().map(|likely| likely.log_probability).collect();
        let all = token.log_probability.iter().chain(&likeliest);
        hold(all.clone().all(|log_probability| *log_probability < 1e-4), || format!("{token:?} is more than certain"))?;
        hold(likeliest.is_sorted_by(|before, after| before >= after), || format!("{token:?} is not in order"))?;
        let total: f32 = likeliest.iter().map(|log_probability| log_probability.exp()).sum();
        hold(total < 1.001, || format!("{token:?} is more than certain"))?;
    }
    Ok(())
}

/// Shapes that small and random models get wrong when nothing holds them.
fn schemas() -> Vec<Value> {
    vec![
        json!({"type": "boolean"}),
        json!({"type": "integer", "minimum": -3, "maximum": 12}),
        json!({"enum": ["left", "right", 3, null]}),
        json!({"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"}),
        json!({"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 6}, "minItems": 2, "maxItems": 4}),
        json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 12},
                "at": {"type": "string", "format": "date"},
                "of": {"anyOf": [{"type": "null"}, {"type": "number", "minimum": 0, "maximum": 1}]},
            },
            "required": ["name", "at", "of"],
            "additionalProperties": false,
        }),
    ]
}

fn samplings() -> [Sampling; 2] {
    [Sampling::Greedy, Sampling::Random { temperature: 1.5, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 7 }]
}

fn satisfies_schemas(model: &dyn LanguageModel) -> Result<(), String> {
    for json in schemas() {
        for sampling in samplings() {
            let schema = Schema::new(json.clone());
            let mut request = asking("Invent a value.", MAX_TOKENS);
            request.options.sampling = sampling;
            request.response_schema = Some(schema.clone());
            let answer = ask(model, request)?;
            let wrong = |reason: String| format!("{:?} for {json}: {reason}", answer.text);
            let value: Value = serde_json::from_str(&answer.text).map_err(|error| wrong(error.to_string()))?;
            schema.validate(&value).map_err(wrong)?;
        }
    }
    Ok(())
}

fn calls_when_it_must(model: &dyn LanguageModel) -> Result<(), String> {
    let mut request = asking("What is the weather in Lyon for two days?", MAX_TOKENS);
    request.tools = vec![weather()];
    request.tool_mode = ToolMode::Required;
    let answer = ask(model, request)?;
    hold(!answer.calls.is_empty(), || format!("it said {:?} instead", answer.text))?;
    hold(answer.summary.finish_reason == FinishReason::ToolCalls, || format!("{:?}", answer.summary.finish_reason))?;
    let ids: HashSet<&String> = answer.calls.iter().map(|call| &call.id).collect();
    hold(ids.len() == answer.calls.len(), || "two calls have one id".to_owned())?;
    for call in &answer.calls {
        hold(call.name == "weather", || format!("there is no tool `{}`", call.name))?;
        weather().parameters.validate(&Value::Object(call.arguments.clone()))?;
    }
    Ok(())
}

fn does_not_call_when_it_must_not(model: &dyn LanguageModel) -> Result<(), String> {
    let mut request = asking("What is the weather in Lyon for two days?", 16);
    request.tools = vec![weather()];
    request.tool_mode = ToolMode::Disallowed;
    hold(ask(model, request)?.calls.is_empty(), || "it called".to_owned())
}

fn repeats_itself_with_its_seed(model: &dyn LanguageModel) -> Result<(), String> {
    let [_, sampling] = samplings();
    let text = || {
        let mut request = asking("Write a line of a poem.", 24);
        request.options.sampling = sampling;
        ask(model, request).map(|answer| answer.text)
    };
    let (first, second) = (text()?, text()?);
    hold(first == second, || format!("{first:?}, and then {second:?}"))
}
