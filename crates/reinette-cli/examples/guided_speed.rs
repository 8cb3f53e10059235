//! The time of a whole answer under a JSON schema, beside `llama-server` with the same schema on the same model:
//!
//! ```text
//! cargo run --release -p reinette-cli --example guided_speed -- MODEL.gguf path/to/llama-server
//! ```
//!
//! `reinette bench --against llama.cpp` builds the server under `peers/` of the cache. Both are asked through the same
//! session code, greedily, by turns; what the schema says is in neither prompt. Each question is new to both.
#![expect(clippy::print_stdout, reason = "the figures are what the program is for")]

use reinette::{
    ChatCompletionsConfig, ChatCompletionsModel, GenerationOptions, LanguageModel, OnDeviceConfig, OnDeviceModel,
    Property, Response, Schema, SchemaDisplay, Session,
};
use serde_json::Value;
use std::error::Error;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is asked; the first of each warms up.
const CITIES: [&str; 6] = ["Paris", "Lyon", "Oslo", "Rome", "Vienna", "Lisbon"];
/// Threads of both.
const THREADS: usize = 2;
/// Tokens of the context of both.
const CONTEXT_TOKENS: usize = 2048;
/// How long the server may take to be ready.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// A server that ends with its owner.
struct Server {
    child: Child,
    base_url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // If it has ended already, nothing is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(program: &str, model: &str) -> Result<Self, Box<dyn Error>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
        let (threads, context) = (THREADS.to_string(), CONTEXT_TOKENS.to_string());
        let arguments = ["--model", model, "--port", &port, "--threads", &threads, "--ctx-size", &context];
        let mut command = Command::new(program);
        command.args(arguments).args(["--parallel", "1", "--jinja"]).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { child: command.spawn()?, base_url: format!("http://127.0.0.1:{port}/v1") };
        let begun = Instant::now();
        while ureq::get(format!("http://127.0.0.1:{port}/health")).call().is_err() {
            if begun.elapsed() > START_TIMEOUT {
                return Err("the server is not ready after two minutes".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(program)) = (arguments.next(), arguments.next()) else {
        return Err("usage: guided_speed MODEL.gguf path/to/llama-server".into());
    };
    let config = OnDeviceConfig { threads: THREADS, context_tokens: CONTEXT_TOKENS, ..OnDeviceConfig::new(&path) };
    let ours = Arc::new(OnDeviceModel::load(&config)?);
    let server = Server::start(&program, &path)?;
    let theirs = ChatCompletionsModel::new(ChatCompletionsConfig::new(&server.base_url, "model"));
    let mut ratios = Vec::new();
    for (round, city) in CITIES.into_iter().enumerate() {
        // Each is first in every other round.
        let (own, peer) = if round % 2 == 0 {
            let own = answer(&ours, city)?;
            (own, answer(&theirs, city)?)
        } else {
            let peer = answer(&theirs, city)?;
            (answer(&ours, city)?, peer)
        };
        if round == 0 {
            continue;
        }
        let told = |response: &Response<Value>| {
            let (ms, tokens) = (response.timings.total_ms, response.usage.output_tokens);
            format!("{ms:.0} ms, {tokens} tokens, {:.1} ms a token", ms / tokens.max(1) as f64)
        };
        let ratio = peer.timings.total_ms / own.timings.total_ms;
        println!("{city}: ours {}; llama-server {}; {ratio:.2} times", told(&own), told(&peer));
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("{:.2} times as fast (median of {} pairs)", ratios[ratios.len() / 2], ratios.len());
    Ok(())
}

/// A whole answer of a new session.
fn answer<M: LanguageModel + Clone + 'static>(model: &M, city: &str) -> Result<Response<Value>, Box<dyn Error>> {
    let schema = Schema::object([
        Property::required("title", Schema::text().with("minLength", 20).with("maxLength", 60)),
        Property::required("days", Schema::integer(1, 5)),
        Property::required(
            "stops",
            Schema::array(Schema::text().with("minLength", 10).with("maxLength", 40))
                .with("minItems", 3)
                .with("maxItems", 3),
        ),
        Property::required("kind", Schema::one_of_words(["city", "sea", "mountains"])),
    ]);
    let options =
        GenerationOptions { max_tokens: 400, schemas: SchemaDisplay::LeftOut, ..GenerationOptions::default() };
    let session = Session::new(model).instructions("You plan trips. Answer with JSON.");
    let turn = session.turn(format!("Plan a trip to {city} for a family with a child.")).options(options);
    Ok(futures_lite::future::block_on(turn.respond_under(schema))?)
}
