//! The model on a server, against a server of the test's own on the loopback interface.

use super::conformance::{assert_conforms, tiny_model};
use futures_lite::future::block_on;
use reinette::{
    Capability, ChatCompletionsConfig, ChatCompletionsModel, Entry, Event, FinishReason, GenerationOptions,
    LanguageModel, ModelError, Request, Sampling, Schema, Session, TokenLogProbability, ToolCall, ToolDefinition,
    ToolMode, Transcript,
};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Answers a request's body on its connection.
type Handler = dyn Fn(&Value, &mut TcpStream) + Send + Sync;

/// A server that answers each connection once; gives its address.
pub(crate) fn serve(handler: impl Fn(&Value, &mut TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback interface has a free port");
    serve_on(listener, handler)
}

pub(crate) fn serve_on(
    listener: TcpListener,
    handler: impl Fn(&Value, &mut TcpStream) + Send + Sync + 'static,
) -> String {
    let address = format!("http://{}/v1", listener.local_addr().expect("a bound listener has an address"));
    let handler: Arc<Handler> = Arc::new(handler);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handler = Arc::clone(&handler);
            std::thread::spawn(move || answer(stream, &*handler));
        }
    });
    address
}

fn answer(mut stream: TcpStream, handler: &Handler) {
    let mut reader = BufReader::new(stream.try_clone().expect("a connection can be read and written"));
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).unwrap_or(0) > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length is a number");
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body is as long as its header says");
    handler(&serde_json::from_slice(&body).expect("bodies are JSON"), &mut stream);
}

pub(crate) fn begin(stream: &mut TcpStream, status: &str, extra: &str) {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/event-stream\r\nconnection: close\r\n{extra}\r\n");
    stream.write_all(head.as_bytes()).expect("the client listens");
}

/// Sends a piece; tells whether the client is still there.
pub(crate) fn piece(stream: &mut TcpStream, piece: &Value) -> bool {
    stream.write_all(format!("data: {piece}\n\n").as_bytes()).is_ok()
}

/// A server that says these pieces to whoever asks.
fn saying(pieces: Vec<Value>) -> ChatCompletionsModel {
    let address = serve(move |_, stream| {
        begin(stream, "200 OK", "");
        let _ = pieces.iter().all(|said| piece(stream, said)) && stream.write_all(b"data: [DONE]\n\n").is_ok();
    });
    ChatCompletionsModel::new(ChatCompletionsConfig::new(address, "said"))
}

pub(crate) fn delta(delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})
}

/// A server in front of a model of ours.
pub(crate) fn in_front_of(model: impl LanguageModel + 'static) -> String {
    serve(move |body, stream| {
        let mut events = model.respond(request(body)).peekable();
        if let Some(Err(ModelError::ContextFull { needed_tokens, limit_tokens })) = events.peek() {
            begin(stream, "400 Bad Request", "");
            let error = json!({"error": {
                "type": "exceed_context_size_error", "n_prompt_tokens": needed_tokens, "n_ctx": limit_tokens,
            }});
            return stream.write_all(error.to_string().as_bytes()).expect("the client listens");
        }
        begin(stream, "200 OK", "");
        let mut calls = 0;
        for event in events {
            let said = match event.expect("the model answers") {
                Event::Text(text) => delta(&json!({"content": text}), None),
                Event::ToolCall(ToolCall { id, name, arguments }) => {
                    let function = json!({"name": name, "arguments": Value::Object(arguments).to_string()});
                    calls += 1;
                    delta(&json!({"tool_calls": [{"index": calls - 1, "id": id, "function": function}]}), None)
                }
                Event::Finished(summary) => {
                    let reason = if summary.finish_reason == FinishReason::Length { "length" } else { "stop" };
                    let mut last = delta(&json!({}), Some(reason));
                    let told = summary.log_probabilities.iter().map(said_token).collect::<Vec<_>>();
                    last["choices"][0]["logprobs"] = json!({"content": told});
                    last["usage"] = json!({
                        "prompt_tokens": summary.prompt_tokens, "completion_tokens": summary.output_tokens,
                    });
                    last
                }
                _ => continue,
            };
            if !piece(stream, &said) {
                return;
            }
        }
        let _ = stream.write_all(b"data: [DONE]\n\n");
    })
}

/// A token as the API tells of it: once with its bytes, which not all servers send.
fn said_token(told: &TokenLogProbability) -> Value {
    let likeliest = told.likeliest.iter();
    let likeliest =
        likeliest.map(|token| json!({"token": "?", "bytes": token.bytes, "logprob": token.log_probability}));
    json!({
        "token": told.text(), "bytes": told.bytes, "logprob": told.log_probability,
        "top_logprobs": likeliest.collect::<Vec<_>>(),
    })
}

/// A request as our models take it.
fn request(body: &Value) -> Request {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut transcript = Transcript::default();
    for message in body["messages"].as_array().expect("there are messages") {
        let content = text(&message["content"]);
        transcript.push(match message["role"].as_str().expect("messages have a role") {
            "system" => Entry::Instructions { text: content },
            "user" => Entry::Prompt { text: content },
            "tool" => Entry::tool_output(text(&message["tool_call_id"]), content),
            _ => Entry::Response { text: content },
        });
    }
    let tool = |tool: &Value| ToolDefinition {
        name: text(&tool["function"]["name"]),
        description: text(&tool["function"]["description"]),
        parameters: Schema::new(tool["function"]["parameters"].clone()),
        examples: Vec::new(),
    };
    let sampling = match body["seed"].as_u64() {
        Some(seed) => Sampling::Random { temperature: 1.5, top_k: 0, top_p: 1.0, min_p: 0.0, seed },
        None => Sampling::Greedy,
    };
    let stop = body["stop"].as_array().into_iter().flatten().map(text).collect();
    let max_tokens =
        body["max_tokens"].as_u64().and_then(|limit| usize::try_from(limit).ok()).expect("answers have a limit");
    let schema = body["response_format"]["json_schema"]["schema"].clone();
    Request {
        transcript,
        tools: body["tools"].as_array().into_iter().flatten().map(tool).collect(),
        tool_mode: if body["tool_choice"] == "required" { ToolMode::Required } else { ToolMode::Allowed },
        response_schema: (!schema.is_null()).then(|| Schema::new(schema)),
        options: GenerationOptions {
            sampling,
            max_tokens,
            stop,
            log_probabilities: body["top_logprobs"].as_u64().and_then(|count| usize::try_from(count).ok()),
            ..GenerationOptions::default()
        },
        ..Request::default()
    }
}

#[test]
fn a_model_behind_a_server_keeps_the_same_promises() {
    let model = tiny_model();
    let context_tokens = model.info().context_tokens;
    let mut config = ChatCompletionsConfig::new(in_front_of(model), "tiny");
    config.context_tokens = context_tokens;
    config.capabilities = vec![
        Capability::GuidedGeneration,
        Capability::ToolCalling,
        Capability::SameTextForSameSeed,
        Capability::LogProbabilities,
        Capability::TokenCount,
    ];
    let model = ChatCompletionsModel::new(config);
    assert!(!model.supports(Capability::TokenCount), "the API has no words for it");
    assert_eq!(assert_conforms(&model), 2);
}

#[test]
fn what_is_sent_is_what_the_api_takes() {
    let bodies: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = Arc::clone(&bodies);
    let address = serve(move |body, stream| {
        seen.lock().unwrap().push(body.clone());
        begin(stream, "200 OK", "");
        piece(stream, &delta(&json!({"content": "{\"a\": true}"}), Some("stop")));
    });
    let mut config = ChatCompletionsConfig::new(address, "m");
    config.capabilities.push(Capability::Vision);
    let model = ChatCompletionsModel::new(config);
    let call = ToolCall { id: "c".into(), name: "t".into(), arguments: serde_json::Map::new() };
    let transcript = Transcript {
        entries: vec![
            Entry::Prompt { text: "First".into() },
            Entry::Response { text: "Let me see.".into() },
            Entry::ToolCalls { calls: vec![call] },
            Entry::tool_output("c", "sun"),
        ],
    };
    let schema = Schema::object([reinette::Property::required("a", Schema::boolean().with("x-note", "ours"))]);
    let session = Session::from_transcript(&model, transcript).instructions("Be kind.");
    let url = "data:image/png;base64,AA==";
    let turn = session.turn("Second").attach("image/png", url).attach("image/png", url);
    block_on(turn.respond_under(schema)).unwrap();
    let body = bodies.lock().unwrap().remove(0);
    let function = json!({"name": "t", "arguments": "{}"});
    let picture = json!({"type": "image_url", "image_url": {"url": url}});
    let expected = json!([
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "Let me see.",
         "tool_calls": [{"id": "c", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "c", "content": "sun"},
        {"role": "user", "content": [{"type": "text", "text": "Second"}, picture, picture]},
    ]);
    assert_eq!(body["messages"], expected);
    assert_eq!((&body["model"], &body["stream"], &body["temperature"]), (&json!("m"), &json!(true), &json!(0.0)));
    let format = &body["response_format"]["json_schema"];
    assert_eq!(format["schema"]["properties"]["a"], json!({"type": "boolean"}));
    assert_eq!(body.get("tools"), None);
}

#[test]
fn calls_come_in_pieces_and_usage_at_the_end() {
    let said = |index: u32, id: Option<&str>, name: Option<&str>, arguments: &str| {
        delta(
            &json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]}),
            None,
        )
    };
    let model = saying(vec![
        delta(&json!({"role": "assistant", "content": null}), None),
        said(0, Some("x"), Some("sum"), ""),
        said(0, None, None, "{\"of\": "),
        said(1, Some("y"), Some("end"), ""),
        said(0, None, None, "[1, 2]}"),
        delta(&json!({}), Some("tool_calls")),
        json!({"choices": [], "usage": {
            "prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5},
        }}),
    ]);
    let events: Vec<Event> = model
        .respond(Request { transcript: Transcript::from_prompt("x"), ..Request::default() })
        .map(Result::unwrap)
        .collect();
    let [Event::ToolCall(sum), Event::ToolCall(end), Event::Finished(summary)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!((sum.id.as_str(), &sum.arguments["of"], end.name.as_str()), ("x", &json!([1, 2]), "end"));
    assert_eq!((summary.prompt_tokens, summary.cached_tokens, summary.output_tokens), (9, 5, 4));
    assert_eq!(summary.finish_reason, FinishReason::ToolCalls);
}

#[test]
fn what_a_server_thinks_comes_apart_from_what_it_says() {
    let bodies: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = Arc::clone(&bodies);
    let address = serve(move |body, stream| {
        seen.lock().unwrap().push(body.clone());
        begin(stream, "200 OK", "");
        piece(stream, &delta(&json!({"reasoning_content": "Two "}), None));
        piece(stream, &delta(&json!({"reasoning_content": "and ", "reasoning": "and "}), None));
        piece(stream, &delta(&json!({"reasoning": "two."}), None));
        piece(stream, &delta(&json!({"content": "Four."}), Some("stop")));
        let details = json!({"reasoning_tokens": 5});
        let usage = json!({"prompt_tokens": 9, "completion_tokens": 7, "completion_tokens_details": details});
        piece(stream, &json!({"choices": [], "usage": usage}));
    });
    let mut config = ChatCompletionsConfig::new(address, "m");
    let refused = ChatCompletionsModel::new(config.clone());
    config.capabilities.push(Capability::Reasoning);
    let session = Session::new(&ChatCompletionsModel::new(config));
    let options = GenerationOptions { reasoning_tokens: 2_000, max_tokens: 50, ..GenerationOptions::default() };
    let response = session.turn("2 + 2?").options(options.clone()).respond_blocking().unwrap();
    assert_eq!(response.content, "Four.");
    assert_eq!(response.entries[1], Entry::Reasoning { text: "Two and two.".into(), signature: None });
    assert_eq!((response.usage.output_tokens, response.usage.reasoning_output_tokens), (7, 5));
    session.respond_blocking("And 3 + 3?").unwrap();
    let bodies = bodies.lock().unwrap();
    assert_eq!((&bodies[0]["reasoning_effort"], &bodies[0]["max_tokens"]), (&json!("medium"), &json!(2_050)));
    assert_eq!(bodies[1].get("reasoning_effort"), None);
    assert!(!bodies[1].to_string().contains("Two and two"), "thoughts are not sent back");
    let error = Session::new(&refused).turn("2 + 2?").options(options).respond_blocking().unwrap_err();
    assert!(error.to_string().contains("Capability::Reasoning"), "{error}");
}

/// The error that asking ends in.
pub(crate) fn error_of(model: &ChatCompletionsModel) -> ModelError {
    let request = Request { transcript: Transcript::from_prompt("x"), ..Request::default() };
    model.respond(request).find_map(Result::err).expect("it fails")
}

/// The error of a server that answers with this status, header and body.
fn error_under(status: &'static str, header: &'static str, body: &'static str) -> ModelError {
    let address = serve(move |_, stream| {
        begin(stream, status, header);
        stream.write_all(body.as_bytes()).expect("the client listens");
    });
    error_of(&ChatCompletionsModel::new(ChatCompletionsConfig::new(address, "m")))
}

#[test]
fn errors_say_what_to_do() {
    let error = error_under("401 Unauthorized", "", r#"{"error": {"message": "no key"}}"#).to_string();
    assert!(error.contains("no key") && error.contains("api_key"), "{error}");
    let error = error_under("429 Too Many Requests", "retry-after: 7\r\n", "{}");
    assert!(matches!(error, ModelError::RateLimited { retry_after_seconds: Some(7) }), "{error}");
    let error = error_under("404 Not Found", "", "nothing here").to_string();
    assert!(error.contains("nothing here") && error.contains("base_url"), "{error}");
    let refused = saying(vec![delta(&json!({"refusal": "I will not."}), Some("stop"))]);
    assert!(matches!(error_of(&refused), ModelError::Refused { explanation } if explanation == "I will not."));
    let broken = saying(vec![delta(&json!({"content": "half an"}), None)]);
    assert!(error_of(&broken).to_string().contains("broke off"));
    let nonsense = saying(vec![json!("nonsense")]);
    assert!(error_of(&nonsense).to_string().contains("no piece of an answer"));
    let wrong =
        saying(vec![delta(&json!({"tool_calls": [{"function": {"name": "t", "arguments": "{"}}]}), Some("stop"))]);
    assert!(error_of(&wrong).to_string().contains("call of `t`"));
    let far = saying(vec![delta(&json!({"tool_calls": [{"index": 4_000_000_000_u64}]}), None)]);
    assert!(error_of(&far).to_string().contains("128 calls"));
    let nobody = ChatCompletionsModel::new(ChatCompletionsConfig::new("http://127.0.0.1:9/v1", "m"));
    assert!(error_of(&nobody).to_string().contains("is the server running"));
}

#[test]
fn the_key_is_printed_nowhere() {
    let mut config = ChatCompletionsConfig::new("http://127.0.0.1:9/v1", "m");
    config.api_key = Some("sesame".into());
    assert!(!format!("{config:?} {:?}", ChatCompletionsModel::new(config.clone())).contains("sesame"));
}

#[test]
fn a_dropped_answer_ends_the_connection() {
    let (gone, noticed) = std::sync::mpsc::channel();
    let address = serve(move |_, stream| {
        begin(stream, "200 OK", "");
        while piece(stream, &delta(&json!({"content": "on and on "}), None)) {}
        gone.send(()).unwrap();
    });
    let session = Session::new(&ChatCompletionsModel::new(ChatCompletionsConfig::new(address, "m")));
    let mut words = session.stream("Talk!");
    block_on(words.next()).unwrap().unwrap();
    drop(words);
    noticed.recv().expect("the server notices that nobody listens");
}
