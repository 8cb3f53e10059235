//! How fast this machine reads memory: what bounds the speed of answering.

use memmap2::MmapMut;
use reinette_engine::{InstructionSet, parity};
use std::hint::black_box;
use std::io;
use std::time::Instant;

/// Passes over the memory in a row. Other programs only slow a pass down, and a cache fills within some of them: the fastest is
/// the machine's own.
const PASSES: usize = 16;
/// So many times in a row both sizes of pages must be no faster before the fastest counts as found.
const STABLE: usize = 3;
/// What counts as faster: below it two measurements are the same.
const FASTER: f64 = 1.01;
/// A machine that other programs share may never come to rest.
const MAX_ATTEMPTS: usize = 24;

/// Bytes per second that `threads` threads together read of so many bytes, over and over as weights are read: those that
/// fit into a cache come from there. Ordinary and huge pages are tried by turns until neither gets faster.
///
/// # Errors
/// If there is no memory for it.
pub(super) fn read_bytes_per_second(bytes: usize, threads: usize) -> io::Result<f64> {
    let ordinary = filled(bytes, Pages::Ordinary)?;
    let huge = filled(bytes, Pages::Huge)?;
    let mut fastest = 0.0_f64;
    let mut unchanged = 0;
    for _ in 0..MAX_ATTEMPTS {
        let found = fastest_pass(&ordinary, threads).max(fastest_pass(&huge, threads));
        unchanged = if found > fastest * FASTER { 0 } else { unchanged + 1 };
        fastest = fastest.max(found);
        if unchanged == STABLE {
            break;
        }
    }
    Ok(fastest)
}

/// What is asked of the system, which need not give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pages {
    Ordinary,
    Huge,
}

/// Memory in which every page was written: pages of zeros would all be one.
fn filled(bytes: usize, pages: Pages) -> io::Result<MmapMut> {
    let mut memory = MmapMut::map_anon(bytes.max(1))?;
    #[cfg(target_os = "linux")]
    {
        let advice = match pages {
            Pages::Ordinary => memmap2::Advice::NoHugePage,
            Pages::Huge => memmap2::Advice::HugePage,
        };
        // A kernel without huge pages refuses, and has ordinary ones.
        let _ = memory.advise(advice);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = pages;
    memory.fill(1);
    Ok(memory)
}

fn fastest_pass(memory: &[u8], threads: usize) -> f64 {
    let part = memory.len().div_ceil(threads.max(1)).next_multiple_of(64);
    let set = InstructionSet::detect();
    let pass = || {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for bytes in memory.chunks(part) {
                scope.spawn(move || black_box(parity(set, bytes)));
            }
        });
        started.elapsed().as_secs_f64()
    };
    memory.len() as f64 / (0..PASSES).map(|_| pass()).fold(f64::INFINITY, f64::min)
}
