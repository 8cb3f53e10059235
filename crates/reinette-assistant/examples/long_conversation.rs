//! Memory and time of a conversation that outgrows the model's context many times over:
//!
//! ```text
//! cargo run --release -p reinette-assistant --example long_conversation -- MODEL.gguf adapters/everyday [TURNS]
//! ```
//!
//! The whole assistant is asked, its home in a temporary folder; answers are cut short, so that it is done in minutes. Reads
//! `/proc`, so that it runs on Linux alone.
#![expect(clippy::print_stdout, reason = "the figures are what the program is for")]

use reinette::{
    Approval, Capability, Event, LanguageModel, ModelInfo, OnDeviceConfig, OnDeviceModel, Request, ResponseStream,
    Summary, ToolAdapter, TurnEvent,
};
use reinette_assistant::{Assistant, Confirm, Home};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Tokens of an answer.
const ANSWER_TOKENS: usize = 16;
/// Lines of the table.
const LINES: usize = 20;
/// What the system counts processor time in.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is said by turns: nothing that any app would do something about.
const WORDS: [&str; 5] = [
    "I went for a long walk along the river this morning, and the fog was so thick that I could not see the other side.",
    "My grandmother used to bake a cake with plums and cinnamon, and the whole house smelled of it until the next day.",
    "We talked about the old cinema in our street, which was closed last year, and about the films that we saw there.",
    "The garden looks sad in this weather, but the first snowdrops are out, and a robin has come every day this week.",
    "I am reading a novel about a lighthouse keeper who writes letters to a woman that he has never met in his life.",
];

/// A model that says little, and counts the tokens of prompts that it had to read.
struct Brief {
    model: OnDeviceModel,
    read_tokens: Arc<AtomicUsize>,
}

impl LanguageModel for Brief {
    fn info(&self) -> ModelInfo {
        self.model.info()
    }

    fn supports(&self, capability: Capability) -> bool {
        self.model.supports(capability)
    }

    fn has_learned(&self, tool: &str) -> bool {
        self.model.has_learned(tool)
    }

    fn respond(&self, mut request: Request) -> ResponseStream {
        request.options.max_tokens = ANSWER_TOKENS;
        let (events, answer) = async_channel::unbounded();
        for event in self.model.respond(request) {
            if let Ok(Event::Finished(Summary { prompt_tokens, cached_tokens, .. })) = &event {
                self.read_tokens.fetch_add(prompt_tokens - cached_tokens, Ordering::Relaxed);
            }
            // The channel is unbounded, and its other end is here.
            let _ = events.try_send(event);
        }
        ResponseStream::new(answer)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: long_conversation MODEL.gguf ADAPTER_FOLDER [TURNS]";
    let (model, adapter) = arguments.next().zip(arguments.next()).ok_or(usage)?;
    let turns: usize = arguments.next().map_or(Ok(1000), |turns| turns.parse())?;
    let mut config = OnDeviceConfig::new(model);
    config.adapter = Some(ToolAdapter::read(Path::new(&adapter))?);
    let read_tokens = Arc::<AtomicUsize>::default();
    let model: Arc<dyn LanguageModel> =
        Arc::new(Brief { model: OnDeviceModel::load(&config)?, read_tokens: Arc::clone(&read_tokens) });
    let home = tempfile::tempdir()?;
    let mut assistant = Assistant::open(Home::open(Some(home.path()))?, jiff::Zoned::now)?;
    println!(
        "{:>6} {:>8} {:>8} {:>16} {:>12} {:>12}",
        "turn", "RSS MB", "peak MB", "tokens read/turn", "CPU ms/turn", "longest ms"
    );
    let block = turns.div_ceil(LINES).max(1);
    let (mut processor, mut longest) = (processor_ms()?, Duration::ZERO);
    for turn in 1..=turns {
        let begun = Instant::now();
        let words = format!("{turn}: {}", WORDS[turn % WORDS.len()]);
        let mut asking = assistant.ask(&words, &model, Confirm::Ask)?;
        let replies = asking.replies();
        while let Some(event) = asking.next_blocking() {
            // Nothing is to be done.
            match event? {
                TurnEvent::Proposed { id, .. } => replies.decide(&id, Approval::Declined),
                TurnEvent::Asked { id, .. } => replies.choose(&id, None),
                _ => false,
            };
        }
        longest = longest.max(begun.elapsed());
        if turn.is_multiple_of(block) {
            let now = processor_ms()?;
            let [resident, peak] = ["VmRSS:", "VmHWM:"].map(megabytes);
            let share = (now - processor) / block as f64;
            let read = read_tokens.swap(0, Ordering::Relaxed) / block;
            println!("{turn:>6} {:>8} {:>8} {read:>16} {share:>12.0} {:>12}", resident?, peak?, longest.as_millis());
            (processor, longest) = (now, Duration::ZERO);
        }
    }
    Ok(())
}

/// A line of what the system says of this process's memory.
fn megabytes(field: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("no such field")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1000)
}

/// The processor time of all threads so far.
fn processor_ms() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // After the program's name, which may hold anything, the twelfth and thirteenth fields.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks * 1000.0 / TICKS_PER_SECOND)
}
