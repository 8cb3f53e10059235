//! Measures how fast a model file opens, its tokenizer is built, and text is encoded.
//!
//!     cargo run --release -p reinette-engine --example tokenizer_speed -- MODEL.gguf [TEXT_FILE]
#![allow(clippy::print_stdout, reason = "an example that reports figures")]

use std::path::Path;
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
        let start = Instant::now();
        let gguf = Gguf::open(Path::new(&model))?;
        let opened = start.elapsed();
        let start = Instant::now();
        let tokenizer = Tokenizer::from_gguf(&gguf)?;
        let built = start.elapsed();
        println!("open {:.2} ms, tokenizer {:.2} ms", millis(opened), millis(built));
        measure("text", &tokenizer, &text);
    }
    let tokenizer = Tokenizer::from_gguf(&Gguf::open(Path::new(&model))?)?;
    for unit in ["a", " ", "<", "\n", "é", "的"] {
        measure(&format!("1 MB of {unit:?}"), &tokenizer, &unit.repeat((1 << 20) / unit.len()));
    }
    Ok(())
}

fn millis(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn measure(name: &str, tokenizer: &Tokenizer, text: &str) {
    let start = Instant::now();
    let count = tokenizer.encode(text, SpecialTokens::Parse).len();
    let seconds = start.elapsed().as_secs_f64();
    let (megabytes, tokens) = (text.len() as f64 / 1e6 / seconds, count as f64 / 1e6 / seconds);
    println!("{name}: {count} tokens in {:.1} ms, {megabytes:.1} MB/s, {tokens:.2} M tokens/s", seconds * 1000.0);
}
