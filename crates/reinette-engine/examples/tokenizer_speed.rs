//! Measures how fast a model file opens, its tokenizer is built, and text is encoded, in processor time (so that other
//! work on the machine disturbs little) where the system tells it, otherwise by the clock.
//!
//!     cargo run --release -p reinette-engine --example tokenizer_speed -- MODEL.gguf [TEXT_FILE]
#![allow(clippy::print_stdout, reason = "an example that reports figures")]

use std::path::Path;
use std::sync::LazyLock;
use std::time::Instant;

use reinette_engine::gguf::Gguf;
use reinette_engine::tokenizer::{SpecialTokens, Tokenizer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().ok_or("usage: tokenizer_speed MODEL.gguf [TEXT_FILE]")?;
    let text = match arguments.next() {
        Some(file) => std::fs::read_to_string(file)?,
        None => include_str!("../src/tokenizer/pre_tokenizer.rs").repeat(50),
    };
    for _ in 0..3 {
        let start = seconds();
        let gguf = Gguf::open(Path::new(&model))?;
        let opened = seconds();
        let tokenizer = Tokenizer::from_gguf(&gguf)?;
        println!("open {:.2} ms, tokenizer {:.2} ms", (opened - start) * 1e3, (seconds() - opened) * 1e3);
        measure("text", &tokenizer, &text);
    }
    let tokenizer = Tokenizer::from_gguf(&Gguf::open(Path::new(&model))?)?;
    for unit in ["a", " ", "<", "\n", "é", "的"] {
        measure(&format!("1 MB of {unit:?}"), &tokenizer, &unit.repeat((1 << 20) / unit.len()));
    }
    Ok(())
}

/// The processor time that this thread has taken.
fn seconds() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: Option<f64> = statistics.split(' ').next().and_then(|field| field.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

fn measure(name: &str, tokenizer: &Tokenizer, text: &str) {
    let start = seconds();
    let count = tokenizer.encode(text, SpecialTokens::Parse).len();
    let taken = seconds() - start;
    let (megabytes, tokens) = (text.len() as f64 / 1e6 / taken, count as f64 / 1e6 / taken);
    println!("{name}: {count} tokens in {:.1} ms, {megabytes:.1} MB/s, {tokens:.2} M tokens/s", taken * 1e3);
}
