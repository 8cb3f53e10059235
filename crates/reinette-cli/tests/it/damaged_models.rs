//! Model files that are cut off, have flipped bits, or lie.

use crate::program::{home, reinette, stderr};
use reinette_testkit::golden_model;
use std::fs;
use std::path::Path;
use std::process::Output;

/// How many places a file is cut at, and how many bits of it are flipped, one at a time.
const PLACES: usize = 40;

/// A request to a model, or a measurement: both load the file, and the measurement computes with whatever is in it.
const COMMANDS: [&[&str]; 2] = [
    &["ask", "--confirm", "never", "what time is it?"],
    &["bench", "--prefill", "8", "--depth", "0", "--repetitions", "1"],
];

/// A whole model of the llama architecture, with room for the measurement.
pub(crate) fn whole_model() -> Vec<u8> {
    with_number(&golden_model("llama"), "llama.context_length", 2048)
}

fn run_on(home: &Path, model: &[u8], command: &[&str]) -> Output {
    let file = home.join("damaged.gguf");
    fs::write(&file, model).unwrap();
    reinette(home).args(["--threads", "1", "--model"]).arg(&file).args(command).output().unwrap()
}

/// An error in words, on the file, and no panic.
fn assert_refused(output: &Output, what: &str) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{what}: {text}");
    assert!(text.lines().any(|line| line.starts_with("error: ")), "{what}: {text}");
    assert!(text.contains("damaged.gguf") && !text.contains("panicked"), "{what}: {text}");
}

#[test]
fn a_model_that_is_cut_off_is_refused() {
    let home = home();
    let whole = whole_model();
    for place in 0..PLACES {
        let cut = &whole[..whole.len() * place / PLACES];
        assert_refused(&run_on(home.path(), cut, COMMANDS[place % 2]), &format!("{} bytes", cut.len()));
    }
}

#[test]
fn a_flipped_bit_is_found_or_does_no_harm() {
    let home = home();
    let whole = whole_model();
    for place in 0..PLACES {
        let mut flipped = whole.clone();
        // Most of them in the metadata, at the beginning, where they matter.
        let bit = (place * place * 8 * whole.len()) / (PLACES * PLACES) + place % 8;
        flipped[bit / 8] ^= 1 << (bit % 8);
        let output = run_on(home.path(), &flipped, COMMANDS[1]);
        if !output.status.success() {
            assert_refused(&output, &format!("bit {bit}"));
        }
    }
}

/// `model` with other bytes in the place of the number called `key`.
fn with_number(model: &[u8], key: &str, number: u32) -> Vec<u8> {
    let at = model.windows(key.len()).position(|window| window == key.as_bytes()).unwrap();
    // Behind the key stands the type, in four bytes.
    let value = at + key.len() + 4;
    let mut lying = model.to_vec();
    lying[value..value + 4].copy_from_slice(&number.to_le_bytes());
    lying
}

fn with_bytes(model: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut lying = model.to_vec();
    lying[at..at + bytes.len()].copy_from_slice(bytes);
    lying
}

/// A file whose only metadata are arrays in arrays.
fn nested(depth: usize) -> Vec<u8> {
    const ARRAY: u32 = 9;
    let mut file = [b"GGUF".as_slice(), &3_u32.to_le_bytes(), &0_u64.to_le_bytes(), &1_u64.to_le_bytes()].concat();
    file.extend([1_u64.to_le_bytes().as_slice(), b"a", &ARRAY.to_le_bytes()].concat());
    file.extend([ARRAY.to_le_bytes().as_slice(), &1_u64.to_le_bytes()].concat().repeat(depth));
    file
}

#[test]
fn a_model_that_lies_is_refused() {
    let home = home();
    let model = whole_model();
    let architecture = model.windows(5).position(|window| window == b"llama").unwrap();
    let number = |key: &str, number| with_number(&model, key, number);
    let endless = u64::MAX.to_le_bytes();
    let lies = [
        ("no file format", b"hello, I am a model".to_vec()),
        ("an unknown version", with_bytes(&model, 4, &99_u32.to_le_bytes())),
        ("endless tensors", with_bytes(&model, 8, &endless)),
        ("endless metadata", with_bytes(&model, 16, &endless)),
        ("an endless key", with_bytes(&model, 24, &endless)),
        ("arrays in arrays", nested(100_000)),
        ("an unknown architecture", with_bytes(&model, architecture, b"mamba")),
        ("no layers", number("llama.block_count", 0)),
        ("endless layers", number("llama.block_count", u32::MAX)),
        ("layers that are not there", number("llama.block_count", 3)),
        ("no heads", number("llama.attention.head_count", 0)),
        ("heads of no size", number("llama.attention.head_count", 64)),
        ("more key heads than heads", number("llama.attention.head_count_kv", 3)),
        ("an embedding of another size", number("llama.embedding_length", 64)),
        ("an endless embedding", number("llama.embedding_length", 1 << 24)),
        ("a network of another size", number("llama.feed_forward_length", 31)),
        ("no context", number("llama.context_length", 0)),
        ("an endless context", number("llama.context_length", u32::MAX)),
        ("an epsilon that is no number", number("llama.attention.layer_norm_rms_epsilon", f32::NAN.to_bits())),
    ];
    for (index, (lie, file)) in lies.iter().enumerate() {
        assert_refused(&run_on(home.path(), file, COMMANDS[index % 2]), lie);
    }
}

#[test]
fn the_model_that_was_damaged_is_one() {
    let home = home();
    let output = run_on(home.path(), &whole_model(), COMMANDS[1]);
    assert!(output.status.success(), "{}", stderr(&output));
}
