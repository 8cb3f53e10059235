//! Reads texts from standard input, one a line, and writes the vector of each to standard output as a line of JSON. For
//! comparison with other programs.
//!
//! `embed MODEL.gguf`

use reinette_engine::Embedder;
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: embed MODEL.gguf")?;
    let mut embedder = Embedder::load(&path, 2)?;
    let mut out = std::io::stdout().lock();
    for text in std::io::stdin().lock().lines() {
        writeln!(out, "{}", serde_json::to_string(&embedder.embed(&text?)?)?)?;
    }
    Ok(())
}
