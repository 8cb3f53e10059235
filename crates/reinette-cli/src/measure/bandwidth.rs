//! How fast this machine reads memory: what bounds the speed of answering.

use reinette_engine::{InstructionSet, parity};
use std::hint::black_box;
use std::time::Instant;

/// Other programs only slow a pass down, and a cache fills within some of them: the fastest is the machine's own.
const PASSES: usize = 32;

/// Bytes per second that `threads` threads together read of so many bytes, over and over as weights are read: those that
/// fit into a cache come from there.
pub(super) fn read_bytes_per_second(bytes: usize, threads: usize) -> f64 {
    // Pages of zeros that were never written would all be one page.
    let memory: Vec<u64> = (0..(bytes / size_of::<u64>()).max(1) as u64).collect();
    let part = memory.len().div_ceil(threads.max(1));
    let set = InstructionSet::detect();
    let pass = || {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for words in memory.chunks(part) {
                scope.spawn(move || black_box(parity(set, words)));
            }
        });
        started.elapsed().as_secs_f64()
    };
    let fastest = (0..PASSES).map(|_| pass()).fold(f64::INFINITY, f64::min);
    size_of_val(memory.as_slice()) as f64 / fastest
}
