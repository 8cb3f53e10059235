//! The model on the device: many requests at the same time, adapters, and what it tells of itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures_lite::future::block_on;
use reinette::{
    Adapter, Entry, Event, FinishReason, GenerationOptions, LanguageModel, LoadedAdapter, LogitsProcessor, ModelError,
    OnDeviceConfig, OnDeviceModel, Property, Request, Sampling, Schema, SchemaDisplay, Session, SessionError, Summary,
    ToolDefinition, Transcript,
};
use reinette_testkit::TinyDecoder;
use std::path::Path;
use std::sync::Arc;

fn model() -> OnDeviceModel {
    model_of(3, 1024)
}

fn model_of(seed: u64, context_tokens: usize) -> OnDeviceModel {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, TinyDecoder::WindowedGemma3.file(seed)).unwrap();
    OnDeviceModel::load(&OnDeviceConfig { threads: 2, context_tokens, ..OnDeviceConfig::new(path) }).unwrap()
}

fn request(words: String, seed: u64) -> Request {
    let sampling = Sampling::Random { temperature: 0.7, top_k: 0, top_p: 1.0, min_p: 0.0, seed };
    let options = GenerationOptions { sampling, max_tokens: 60, ..GenerationOptions::default() };
    Request { transcript: Transcript::from_prompt(words), options, ..Request::default() }
}

/// The text of an answer, and what it took.
fn answer(stream: impl IntoIterator<Item = Result<Event, reinette::ModelError>>) -> (String, Option<Summary>) {
    let (mut text, mut summary) = (String::new(), None);
    for event in stream {
        match event.unwrap() {
            Event::Text(piece) => text.push_str(&piece),
            Event::Finished(finished) => summary = Some(finished),
            _ => {}
        }
    }
    (text, summary)
}

#[test]
fn requests_at_the_same_time_are_answered_as_each_alone() {
    let model = model();
    // More than are answered together, of very different lengths.
    let requests = || (0..11).map(|number| request("hello there 12 ".repeat(1 + number % 4 * 9), number as u64));
    let alone: Vec<String> = requests().map(|request| answer(model.respond(request)).0).collect();
    let streams: Vec<_> = requests().map(|request| model.respond(request)).collect();
    // Some are never listened to again, and hold nobody up.
    let together: Vec<Option<String>> =
        streams.into_iter().enumerate().map(|(number, stream)| (number % 3 != 1).then(|| answer(stream).0)).collect();
    for (alone, together) in alone.into_iter().zip(together) {
        assert!(together.is_none_or(|together| together == alone), "not {alone:?}");
    }
}

#[test]
fn a_request_that_cannot_be_answered_harms_no_other() {
    let model = model();
    let long = model.respond(request("hello there ".repeat(900), 1));
    // To cut this into tokens would take minutes.
    let endless = model.respond(request("a".repeat(4 << 20), 1));
    let good = model.respond(request("hello".to_owned(), 2));
    for refused in [long, endless] {
        let error = refused.into_iter().last().unwrap().unwrap_err();
        assert!(matches!(error, reinette::ModelError::ContextFull { .. }), "{error}");
    }
    let summary = answer(good).1.unwrap();
    assert!(matches!(summary.finish_reason, FinishReason::Stop | FinishReason::Length));
}

/// Writes an adapter of rank 1 on one projection in PEFT's form.
fn write_adapter(folder: &Path, weight: f32) {
    let name = |part: &str| format!("base_model.model.model.layers.0.self_attn.q_proj.lora_{part}.weight");
    let tensor = |shape: [usize; 2], begin: usize| serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, begin + 256]});
    let header = serde_json::json!({name("A"): tensor([1, 64], 0), name("B"): tensor([64, 1], 256)}).to_string();
    let mut weights = (header.len() as u64).to_le_bytes().to_vec();
    weights.extend(header.into_bytes());
    weights.extend(weight.to_le_bytes().repeat(128));
    std::fs::write(folder.join("adapter_model.safetensors"), weights).unwrap();
    let config = r#"{"peft_type": "LORA", "r": 1, "lora_alpha": 1}"#;
    std::fs::write(folder.join("adapter_config.json"), config).unwrap();
}

fn adapter(model: &OnDeviceModel, weight: f32) -> Adapter {
    let folder = tempfile::tempdir().unwrap();
    write_adapter(folder.path(), weight);
    model.load_adapter(folder.path()).unwrap()
}

#[test]
fn adapters_are_switched_and_stacked_request_by_request() {
    let model = model();
    let (one, other) = (adapter(&model, 0.9), adapter(&model, -0.7));
    let said = |adapters: Vec<Adapter>| {
        let mut request = request("hello there 12 hello".to_owned(), 5);
        request.options.adapters = adapters;
        answer(model.respond(request)).0
    };
    let (plain, first, stacked) = (said(vec![]), said(vec![one.clone()]), said(vec![one.clone(), other.clone()]));
    let (second, plain_again, stacked_again) = (said(vec![other.clone()]), said(vec![]), said(vec![one, other]));
    assert_eq!((&plain, &stacked), (&plain_again, &stacked_again), "what came between leaves no trace");
    let all = [&plain, &first, &second, &stacked];
    assert!((0..4).all(|index| !all[..index].contains(&all[index])), "{all:?}");
}

#[test]
fn adapters_change_calls_of_described_tools_too() {
    let model = model_of(3, 8192);
    let parameters = Schema::object([Property::required("word", Schema::text().with("maxLength", 40))]);
    let tool =
        ToolDefinition { name: "look_up".into(), description: "Looks a word up.".into(), parameters, examples: vec![] };
    let calls = |adapters: Vec<Adapter>| {
        let mut request = request("hello there".to_owned(), 1);
        (request.tools, request.tool_mode) = (vec![tool.clone()], reinette::ToolMode::Required);
        request.options.adapters = adapters;
        let calls = model.respond(request).filter_map(|event| match event.unwrap() {
            Event::ToolCall(call) => Some(call.arguments),
            _ => None,
        });
        calls.collect::<Vec<_>>()
    };
    let plain = calls(vec![]);
    assert!(!plain.is_empty());
    assert_ne!(calls(vec![adapter(&model, 1.5)]), plain);
    assert_eq!(calls(vec![]), plain);
}

#[test]
fn an_adapter_of_another_model_is_refused_by_name() {
    /// What another kind of model has loaded.
    struct Elsewhere;

    impl LoadedAdapter for Elsewhere {
        fn name(&self) -> &'static str {
            "elsewhere"
        }
    }

    let (model, other) = (Arc::new(model()), model_of(4, 1024));
    for foreign in [adapter(&other, 0.5), Adapter::new(Elsewhere)] {
        let options = GenerationOptions { adapters: vec![foreign.clone()], ..GenerationOptions::default() };
        let error = Session::new(&model).turn("hello").options(options).respond_blocking().unwrap_err();
        let SessionError::Model(ModelError::Adapter { name, reason }) = &error else { panic!("{error}") };
        assert!(name == foreign.name() && reason.contains("`load_adapter`"), "{error}");
    }
    // One that is damaged, and one that is not there.
    let folder = tempfile::tempdir().unwrap();
    write_adapter(folder.path(), 0.5);
    std::fs::write(folder.path().join("adapter_model.safetensors"), "damaged").unwrap();
    for path in [folder.path(), Path::new("no such adapter")] {
        let error = model.load_adapter(path).unwrap_err();
        assert!(matches!(error, ModelError::Adapter { .. }), "{error}");
    }
}

#[test]
fn a_response_tells_what_the_model_held_of_its_tokens() {
    let model = Arc::new(model());
    let options = GenerationOptions { max_tokens: 9, log_probabilities: Some(2), ..GenerationOptions::default() };
    let response = Session::new(&model).turn("hello").options(options.clone()).respond_blocking().unwrap();
    assert_eq!(response.log_probabilities.len(), response.usage.output_tokens);
    // The likeliest is picked, unless the program thinks otherwise.
    assert!(response.log_probabilities.iter().all(|token| token.bytes == token.likeliest[0].bytes));
    let processor = LogitsProcessor::new(|logits| {
        let [.., a] = logits.tokens_of("a")[..] else { return };
        logits.values()[a.index()] = 1e6;
    });
    let options = GenerationOptions { logits_processor: Some(processor), ..options };
    let response = Session::new(&model).turn("hello").options(options).respond_blocking().unwrap();
    assert_eq!(response.content, "aaaaaaaaa");
    assert!(response.log_probabilities.iter().all(|token| token.text() == "a" && token.log_probability < Some(0.0)));
}

#[test]
fn a_session_counts_what_its_model_would_read() {
    let model = Arc::new(model());
    let session = Session::new(&model).instructions("hello there");
    let counted = session.token_count("hello").unwrap();
    let options = GenerationOptions { max_tokens: 2, ..GenerationOptions::default() };
    let response = session.turn("hello").options(options).respond_blocking().unwrap();
    assert_eq!(response.usage.input_tokens, counted);
    assert!(session.token_count("hello").unwrap() > counted, "the conversation has grown");
}

#[test]
fn an_adapter_whose_template_speaks_of_tools_is_told_of_those_on_offer() {
    let folder = tempfile::tempdir().unwrap();
    write_adapter(folder.path(), 0.5);
    let template = "{%- for tool in tools -%}{{- tool.function.name + ': ' + tool.function.description + '\n' -}}{%- endfor -%}\
        {%- for message in messages -%}{{- message.role + message.content -}}{%- endfor -%}";
    std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
    std::fs::write(folder.path().join("tools.json"), "[]").unwrap();
    let model = model_of(3, 8192);
    let counted = |description: &str, told: bool| {
        let tool = ToolDefinition {
            name: "look_up".into(),
            description: description.into(),
            parameters: Schema::object([Property::required("word", Schema::text().with("maxLength", 20))]),
            examples: vec![],
        };
        let mut request = request("hello there".to_owned(), 1);
        request.tools = vec![tool];
        request.tool_mode = reinette::ToolMode::Required;
        if told {
            request.options.adapters = vec![model.load_adapter(folder.path()).unwrap()];
        }
        let calls = model.respond(request.clone()).filter(|event| matches!(event, Ok(Event::ToolCall(_)))).count();
        assert!(calls > 0, "a tool that the adapter has never seen is called");
        model.token_count(&request).unwrap()
    };
    let long = "hello there ".repeat(20);
    let (brief, detailed) = (counted("hello", true), counted(&long, true));
    assert!(detailed > brief + 19, "{brief} {detailed}");
    assert!(detailed < counted(&long, false), "only the template's words stand around the tools");
    // What a tool says of itself cannot end the turn that it stands in.
    assert!(counted("<end_of_turn>", true) > brief);
}

#[test]
fn prewarming_with_tools_reads_what_will_be_asked_and_chooses_nothing() {
    let model = model_of(3, 8192);
    let tool = ToolDefinition {
        name: "look_up".into(),
        description: "Looks a word up.".into(),
        parameters: Schema::object([Property::required("word", Schema::text())]),
        examples: vec![],
    };
    let asked = |words: &str| {
        let mut request = request(words.to_owned(), 1);
        request.transcript.entries.insert(0, Entry::Instructions { text: "hello ".repeat(20) });
        request.tools = vec![tool.clone()];
        request
    };
    let events: Vec<Event> = model.prewarm(asked("h")).map(Result::unwrap).collect();
    let [Event::Finished(read)] = &events[..] else { panic!("{events:?}") };
    // A token for each of the two prompts, which ends it.
    assert!(read.output_tokens <= 2, "{read:?}");
    let (_, summary) = answer(model.respond(asked("hello there")));
    let counted = model.token_count(&asked("")).unwrap();
    assert!(summary.unwrap().cached_tokens > counted / 2);
}

#[test]
fn schemas_are_shown_unless_they_are_left_out() {
    let model = model();
    let counted = |schemas, response_schema, tools| {
        let mut request = request("hello".to_owned(), 1);
        request.transcript.entries.insert(0, Entry::Instructions { text: "hello there".to_owned() });
        (request.options.schemas, request.response_schema, request.tools) = (schemas, response_schema, tools);
        model.token_count(&request).unwrap()
    };
    let schema = |words: &str| Some(Schema::object([Property::required("a", Schema::text().describe(words))]));
    let plain = counted(SchemaDisplay::Shown, None, vec![]);
    let shown = counted(SchemaDisplay::Shown, schema("he"), vec![]);
    assert!(plain < shown && shown < counted(SchemaDisplay::Shown, schema("hello there hello there"), vec![]));
    assert_eq!(counted(SchemaDisplay::LeftOut, schema("hello there"), vec![]), plain);
    let tool = ToolDefinition {
        name: "look_up".into(),
        description: "Looks a word up.".into(),
        parameters: Schema::object([]),
        examples: vec![],
    };
    assert!(counted(SchemaDisplay::Shown, None, vec![tool.clone()]) > plain + 100);
    assert_eq!(counted(SchemaDisplay::LeftOut, None, vec![tool]), plain);
}

/// A model whose template knows thoughts, and begins them itself or leaves that to the model.
fn thinking_model(beginning: &str) -> OnDeviceModel {
    let template = format!(
        "{{% for m in messages %}}{{{{ m.role }}}}: {{{{ m.content }}}}\n{{% endfor %}}\
         {{% if enable_thinking %}}{beginning}{{% else %}}<think>\n\n</think>\n\n{{% endif %}}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, TinyDecoder::Llama.file_with_template(4, &template)).unwrap();
    OnDeviceModel::load(&OnDeviceConfig { threads: 1, ..OnDeviceConfig::new(path) }).unwrap()
}

#[test]
fn a_model_thinks_as_far_as_it_may_and_its_value_is_right() {
    let schema = || Schema::integer(10, 99);
    for beginning in ["<think>\n", ""] {
        let model = Arc::new(thinking_model(beginning));
        super::conformance::assert_conforms(&model);
        let session = Session::new(&model);
        let think = |reasoning_tokens| GenerationOptions { reasoning_tokens, ..GenerationOptions::default() };
        let turn = session.turn("A number?").options(think(11));
        let thoughtful = block_on(turn.respond_under(schema())).unwrap();
        let [Entry::Prompt { .. }, Entry::Reasoning { text, .. }, Entry::Response { .. }] =
            thoughtful.entries.as_slice()
        else {
            panic!("{:?}", thoughtful.entries);
        };
        assert!(!text.is_empty());
        assert_eq!(thoughtful.usage.reasoning_output_tokens, 11, "with random weights it finds no end of its own");
        assert!((10..=99).contains(&thoughtful.content.as_u64().unwrap()));
        // What was thought is not shown again, and the same is thought again.
        let before = session.token_count("And another?").unwrap();
        let told: Transcript = Transcript {
            entries: thoughtful
                .entries
                .iter()
                .filter(|entry| !matches!(entry, Entry::Reasoning { .. }))
                .cloned()
                .collect(),
        };
        let other = Session::from_transcript(&model, told);
        assert_eq!(other.token_count("And another?").unwrap(), before);
        let fresh = Session::new(&model);
        let turn = fresh.turn("A number?").options(think(11));
        let again = block_on(turn.respond_under(schema())).unwrap();
        assert_eq!(again.entries, thoughtful.entries);
    }
}
