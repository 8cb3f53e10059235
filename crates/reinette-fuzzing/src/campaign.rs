//! The fuzzer: damages inputs, runs them, keeps those that led to something new.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::FuzzTarget;

/// Longest input, which all seeds are below; a longer one finds nothing new and takes longer.
const MAX_INPUT_BYTES: usize = 160 << 10;

/// An input that takes longer is a hang, even on a machine that is busy with other things.
const MAX_TIME: Duration = Duration::from_secs(30);

/// More memory than this is not justified by any input of [`MAX_INPUT_BYTES`].
const MAX_MEMORY_BYTES: usize = 2 << 30;

/// How many runs there are between two looks at the clock.
const CLOCK_EVERY: u64 = 16;

/// How often a run is looked at from outside.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Inputs that led to something new are kept up to this many.
const MAX_KEPT: usize = 4096;

/// When a campaign ends.
#[derive(Debug, Clone, Copy)]
pub enum Budget {
    /// After so many inputs.
    Runs(u64),
    /// After so much of the processor's time, so that a busy machine does not shorten a campaign.
    Time(Duration),
}

/// An input that a target did not survive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// The input.
    pub input: Vec<u8>,
    /// Which run it was, from 0.
    pub run: u64,
    /// What happened.
    pub reason: &'static str,
}

/// Runs a target on damaged seeds; the same `seed` makes the same inputs. Gives the number of runs.
///
/// # Errors
/// The first input on which the target panics, hangs, or takes more memory than any input justifies.
pub fn fuzz(target: &'static FuzzTarget, seed: u64, budget: Budget) -> Result<u64, Crash> {
    let current = Arc::new(Mutex::new(Current { input: Vec::new(), run: 0 }));
    let (done, outcome) = mpsc::channel();
    let shared = Arc::clone(&current);
    // A run that hangs cannot be stopped: its thread is left behind.
    thread::spawn(move || done.send(campaign(target, seed, budget, &shared)));
    // Not by the clock: a process that is stopped for a while does not look either.
    let (mut seen_run, mut looks) = (0, 0);
    loop {
        match outcome.recv_timeout(LOOK_EVERY) {
            Ok(outcome) => return outcome,
            Err(RecvTimeoutError::Disconnected) => return Err(lock(&current).crash("the fuzzer itself failed")),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let current = lock(&current);
        looks = if current.run == seen_run { looks + 1 } else { 0 };
        seen_run = current.run;
        if LOOK_EVERY * looks > MAX_TIME {
            return Err(current.crash("it takes too long"));
        }
        if resident_bytes().is_some_and(|bytes| bytes > MAX_MEMORY_BYTES) {
            return Err(current.crash("it takes too much memory"));
        }
    }
}

/// What is being run.
struct Current {
    input: Vec<u8>,
    run: u64,
}

impl Current {
    fn crash(&self, reason: &'static str) -> Crash {
        Crash { input: self.input.clone(), run: self.run, reason }
    }
}

fn lock(current: &Mutex<Current>) -> std::sync::MutexGuard<'_, Current> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

fn campaign(target: &FuzzTarget, seed: u64, budget: Budget, current: &Mutex<Current>) -> Result<u64, Crash> {
    let mut kept = (target.seeds)();
    let mut seen = HashSet::new();
    let mut random = Random(seed | 1);
    let start = Instant::now();
    let mut run = 0;
    loop {
        let over = match budget {
            Budget::Runs(runs) => run >= runs,
            Budget::Time(time) => {
                run.is_multiple_of(CLOCK_EVERY) && processor_time().unwrap_or_else(|| start.elapsed()) >= time
            }
        };
        if over {
            return Ok(run);
        }
        let mut input = kept[random.below(kept.len())].clone();
        for _ in 0..random.below(8) {
            mutate(&mut input, &kept, target.words, &mut random);
        }
        *lock(current) = Current { input: input.clone(), run };
        let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| target.run(&input))) else {
            return Err(Crash { input, run, reason: "it panics" });
        };
        if kept.len() < MAX_KEPT && seen.insert(shape(&outcome)) {
            kept.push(input);
        }
        run += 1;
    }
}

/// An outcome without what differs from input to input: numbers and quoted text.
fn shape(outcome: &str) -> String {
    let mut quoted = false;
    let mut is_shape = |character: char| {
        quoted ^= character == '"';
        !quoted && character != '"' && !character.is_numeric()
    };
    outcome.chars().filter(|&character| is_shape(character)).collect()
}

/// How long this thread has been running on a processor; `None` where the system does not tell.
fn processor_time() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(told.split(' ').next()?.parse().ok()?))
}

/// How much memory the process has; `None` where the system does not tell.
fn resident_bytes() -> Option<usize> {
    const PAGE_BYTES: usize = 4096;
    let pages: usize = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}

/// Damages `input` in one of the ways that parsers like least.
fn mutate(input: &mut Vec<u8>, others: &[Vec<u8>], words: &[&str], random: &mut Random) {
    const NUMBERS: [u64; 8] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];
    // Half of the time near the beginning, where most formats keep what everything else depends on.
    let reach = if random.below(2) == 0 { input.len() } else { random.below(input.len() + 1) };
    let at = random.below(reach + 1);
    let end = (at + random.below(33)).min(input.len());
    match random.below(8) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 => {
            let number = NUMBERS[random.below(NUMBERS.len())].to_le_bytes();
            let width = [1, 2, 4, 8][random.below(4)].min(input.len() - at);
            input[at..at + width].copy_from_slice(&number[..width]);
        }
        2 => drop(input.drain(at..end)),
        3 => {
            let copy = input[at..end].repeat(1 + random.below(4));
            input.splice(at..at, copy);
        }
        4 => {
            let other = &others[random.below(others.len())];
            let from = random.below(other.len() + 1);
            let piece = &other[from..(from + random.below(65)).min(other.len())];
            input.splice(at..end, piece.iter().copied());
        }
        5 | 6 if !words.is_empty() => {
            let word = words[random.below(words.len())].bytes();
            input.splice(at..if random.below(2) == 0 { at } else { end }, word);
        }
        7 if random.below(4) == 0 => input.truncate(at.max(1)),
        _ => {
            let digit = b'0' + u8::try_from(random.below(10)).unwrap_or(0);
            input.splice(at..(at + 1).min(input.len()), [digit]);
        }
    }
    input.truncate(MAX_INPUT_BYTES);
}

/// xorshift64*; Paper: An experimental exploration of Marsaglia's xorshift generators, scrambled, arXiv:1402.6246.
struct Random(u64);

impl Random {
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        usize::try_from(mixed).unwrap_or(0) % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics at a word that no seed and no single mutation holds: it is found step by step.
    const GATES: FuzzTarget = FuzzTarget {
        name: "gates",
        run: |input| {
            let passed = b"key".iter().zip(input).take_while(|(wanted, found)| wanted == found).count();
            assert!(passed < 3, "opened");
            ["closed", "first", "second"][passed].to_owned()
        },
        seeds: || vec![b"___".to_vec()],
        words: &["k", "e", "y"],
    };

    #[test]
    fn what_led_further_is_built_upon() {
        let crash = fuzz(&GATES, 1, Budget::Runs(100_000)).unwrap_err();
        assert!(crash.input.starts_with(b"key") && crash.reason == "it panics", "{crash:?}");
        assert_eq!(fuzz(&GATES, 1, Budget::Runs(crash.run)), Ok(crash.run));
    }

    #[test]
    fn a_campaign_ends_after_its_time() {
        const IDLE: FuzzTarget = FuzzTarget { run: |_| String::new(), ..GATES };
        assert!(fuzz(&IDLE, 1, Budget::Time(Duration::from_millis(20))).unwrap() > 0);
    }

    #[test]
    fn a_shape_has_no_numbers_and_no_quoted_text() {
        assert_eq!(shape(r#"Wrong { name: "a 1", offset: 17 }"#), "Wrong { name: , offset:  }");
    }
}
