//! What answering together is worth, and what it costs: `batch_speed MODEL.gguf [THREADS]`.
//!
//! Prints the speed of one, two, four and eight answers at a time, and how long the steps of an answer take while somebody
//! else's prompt of 2,000 tokens is read beside it.

#![expect(clippy::print_stdout, reason = "a program that measures")]

use reinette_engine::tokenizer::TokenId;
use reinette_engine::{Batch, BatchConfig, EndOfGeneration, GenerateRequest, Model, Progress, Ticket};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

const REPETITIONS: usize = 5;
const PROMPT_TOKENS: usize = 64;
const DECODED_STEPS: usize = 64;
const LONG_PROMPT_TOKENS: usize = 2000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: batch_speed MODEL.gguf [THREADS]")?;
    let threads = arguments.next().map_or(Ok(2), |threads| threads.parse())?;
    let model = Arc::new(Model::load(path.as_ref())?);
    let config = BatchConfig { max_tokens: usize::MAX, ..BatchConfig::new(4096, threads) };
    let mut batch = Batch::new(Arc::clone(&model), config)?;
    let mut measured = Measured { batch: &mut batch, prompts: 0, vocab_size: model.tokenizer().vocab_size() };
    measured.decode_steps(1);
    let counts = [1, 2, 4, 8];
    let mut steps_ms = counts.map(|_| Vec::new());
    for _ in 0..REPETITIONS {
        for (count, steps_ms) in counts.iter().zip(&mut steps_ms) {
            steps_ms.push(measured.decode_steps(*count));
        }
    }
    for (count, steps_ms) in counts.into_iter().zip(steps_ms) {
        let [low, middle, high] = spread(steps_ms);
        let all = 1000.0 * count as f64 / middle;
        println!(
            "{count} answers: a step takes {middle:.2} ms ({low:.2} to {high:.2}): {all:.0} tokens/s in all, {:.0} each",
            all / count as f64
        );
    }
    for _ in 0..3 {
        let alone_ms = measured.read_long(false).iter().sum::<f64>();
        let beside = measured.read_long(true);
        let (sum, n_steps) = (beside.iter().sum::<f64>(), beside.len());
        let [_, middle, high] = spread(beside);
        println!(
            "a prompt of {LONG_PROMPT_TOKENS} tokens is read in {alone_ms:.0} ms alone, beside an answer in {sum:.0} ms, \
             {n_steps} steps of {middle:.1} ms, the longest {high:.1} ms"
        );
    }
    Ok(())
}

struct Measured<'a> {
    batch: &'a mut Batch,
    /// How many prompts there have been: each is another.
    prompts: usize,
    vocab_size: usize,
}

impl Measured<'_> {
    fn submit(&mut self, prompt_tokens: usize, max_tokens: usize) -> Ticket {
        self.prompts += 1;
        let token = |position: usize| (self.prompts * 31 + position * 7 + 1000) % self.vocab_size;
        let ids = (0..prompt_tokens).map(|position| TokenId(u32::try_from(token(position)).unwrap_or(0)));
        let request = GenerateRequest::new(ids.collect());
        self.batch.submit(GenerateRequest { end_of_generation: EndOfGeneration::Ignored, max_tokens, ..request })
    }

    fn until_idle(&mut self) {
        while !self.batch.is_idle() {
            self.batch.step();
        }
    }

    /// The milliseconds of a step of `count` answers, all prompts having been read.
    fn decode_steps(&mut self, count: usize) -> f64 {
        for _ in 0..count {
            self.submit(PROMPT_TOKENS, 2 * DECODED_STEPS);
        }
        // The prompts of eight take no more than this, each in a step of its own.
        (0..DECODED_STEPS / 2).for_each(|_| drop(self.batch.step()));
        let started = Instant::now();
        (0..DECODED_STEPS).for_each(|_| drop(self.batch.step()));
        let milliseconds = started.elapsed().as_secs_f64() * 1000.0 / DECODED_STEPS as f64;
        self.until_idle();
        milliseconds
    }

    /// The milliseconds of each step until a long prompt has been read and answered with a token.
    fn read_long(&mut self, is_beside_an_answer: bool) -> Vec<f64> {
        if is_beside_an_answer {
            self.submit(PROMPT_TOKENS, LONG_PROMPT_TOKENS);
            (0..8).for_each(|_| drop(self.batch.step()));
        }
        let long = self.submit(LONG_PROMPT_TOKENS, 1);
        let mut steps_ms = Vec::new();
        let mut is_read = false;
        while !is_read {
            let started = Instant::now();
            let progress = self.batch.step();
            steps_ms.push(started.elapsed().as_secs_f64() * 1000.0);
            is_read = progress.iter().any(|(ticket, what)| *ticket == long && matches!(what, Progress::Finished(_)));
        }
        self.until_idle();
        steps_ms
    }
}

/// The least, the middle and the greatest.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}
