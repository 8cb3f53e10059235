//! Requests that are answered together: none notices the others.

use crate::prefix::{PREFIX_TOKENS, adapter};
use reinette_engine::constraint::{Constraint, ConstraintCompiler, Grammar};
use reinette_engine::gguf::Gguf;
use reinette_engine::tokenizer::{SpecialTokens, TokenId};
use reinette_engine::{
    Adapter, Batch, BatchConfig, EndOfGeneration, FinishReason, GenerateError, GenerateRequest, Generated, Generator,
    Model, Progress, Sampler, Sampling, Sequence, Speculation, Ticket,
};
use reinette_testkit::{TestModel, TinyDecoder};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const CONTEXT_TOKENS: usize = 700;

fn model(decoder: TinyDecoder) -> Arc<Model> {
    Arc::new(Model::from_gguf(Gguf::from_bytes(decoder.file(3)).unwrap()).unwrap())
}

fn config(max_sequences: usize) -> BatchConfig {
    BatchConfig { max_sequences, max_tokens: usize::MAX, ..BatchConfig::new(CONTEXT_TOKENS, 2) }
}

fn prompt(n_tokens: u32, seed: u32) -> Vec<TokenId> {
    (0..n_tokens).map(|position| TokenId((position * (7 + seed) + seed) % 256)).collect()
}

fn request(prompt: Vec<TokenId>, max_tokens: usize) -> GenerateRequest {
    GenerateRequest { end_of_generation: EndOfGeneration::Ignored, max_tokens, ..GenerateRequest::new(prompt) }
}

fn random(seed: u64) -> Sampler {
    Sampler::new(Sampling::Random { temperature: 0.8, top_k: 0, top_p: 0.95, min_p: 0.0, seed }, 1.1)
}

/// What came of each request, and in which step.
#[derive(Default)]
struct Answers {
    n_steps: usize,
    texts: BTreeMap<Ticket, String>,
    finished: BTreeMap<Ticket, (usize, Result<Generated, GenerateError>)>,
}

impl Answers {
    fn step(&mut self, batch: &mut Batch) {
        self.n_steps += 1;
        for (ticket, progress) in batch.step() {
            assert!(!self.finished.contains_key(&ticket), "nothing comes after the end");
            match progress {
                Progress::Text(text) => self.texts.entry(ticket).or_default().push_str(&text),
                Progress::Finished(result) => drop(self.finished.insert(ticket, (self.n_steps, result))),
            }
        }
    }

    fn until_idle(mut self, batch: &mut Batch) -> Self {
        while !batch.is_idle() {
            self.step(batch);
        }
        self
    }

    fn text(&self, ticket: Ticket) -> &str {
        self.texts.get(&ticket).map_or("", String::as_str)
    }

    fn result(&self, ticket: Ticket) -> &Generated {
        self.finished[&ticket].1.as_ref().unwrap()
    }

    fn step_of_end(&self, ticket: Ticket) -> usize {
        self.finished[&ticket].0
    }
}

/// Requests of every kind: long and short prompts, common beginnings, greedy and seeded, with and without adapter, grammar
/// and guesses.
fn requests(compiler: &ConstraintCompiler, adapters: &[Arc<Adapter>; 2]) -> Vec<GenerateRequest> {
    let compile = |regex: &str| compiler.compile(&Grammar::Regex(regex.to_owned())).unwrap();
    let adapted =
        |adapter: usize, request| GenerateRequest { adapters: vec![Arc::clone(&adapters[adapter])], ..request };
    let copying = [prompt(40, 2), prompt(40, 2), prompt(20, 2)].concat();
    vec![
        request(prompt(30, 1), 40),
        adapted(0, request(prompt(30, 1), 40)),
        adapted(1, request(prompt(500, 1), 30)),
        GenerateRequest { sampler: random(27), ..request(prompt(330, 1), 30) },
        adapted(0, GenerateRequest { sampler: random(8), ..request(prompt(9, 4), 60) }),
        GenerateRequest { constraint: Some(compile("(hello there [0-9a]+ )+")), ..request(prompt(50, 5), 50) },
        adapted(
            1,
            GenerateRequest { constraint: Some(compile("[ab]{9}12")), sampler: random(9), ..request(prompt(5, 6), 50) },
        ),
        GenerateRequest { speculation: Speculation::PromptLookup { max_tokens: 6 }, ..request(copying, 60) },
        GenerateRequest { prefix_tokens: PREFIX_TOKENS, ..request(prompt(500, 1), 20) },
        GenerateRequest { adapters: adapters.to_vec(), ..request(prompt(30, 1), 40) },
        GenerateRequest { adapters: adapters.iter().rev().cloned().collect(), ..request(prompt(40, 1), 40) },
    ]
}

#[test]
fn answers_together_are_those_that_each_gives_alone() {
    for decoder in TinyDecoder::ALL {
        let model = model(decoder);
        let compiler = ConstraintCompiler::new(Arc::clone(model.tokenizer()));
        let adapters = [adapter(&model, 0.5, 1.0), adapter(&model, -0.3, 2.0)];
        let alone: Vec<_> = requests(&compiler, &adapters)
            .into_iter()
            .map(|request| {
                let mut text = String::new();
                let mut sequence = Sequence::new(Arc::clone(&model), CONTEXT_TOKENS, 1).unwrap();
                let generated = sequence.generate(request, &mut |piece| text.push_str(piece)).unwrap();
                (text, generated.finish_reason, generated.output_tokens)
            })
            .collect();
        assert!(alone.iter().any(|(text, ..)| *text != alone[0].0), "requests differ");
        // All at once, fewer at a time than there are, and each a step after the one before.
        for (max_sequences, steps_between) in [(11, 0), (3, 0), (11, 1), (4, 5)] {
            let mut batch = Batch::new(Arc::clone(&model), config(max_sequences)).unwrap();
            let mut answers = Answers::default();
            let tickets: Vec<_> = requests(&compiler, &adapters)
                .into_iter()
                .map(|request| {
                    let ticket = batch.submit(request);
                    (0..steps_between).for_each(|_| answers.step(&mut batch));
                    ticket
                })
                .collect();
            let answers = answers.until_idle(&mut batch);
            for (index, (ticket, alone)) in tickets.into_iter().zip(&alone).enumerate() {
                let generated = answers.result(ticket);
                let together = (answers.text(ticket).to_owned(), generated.finish_reason, generated.output_tokens);
                assert_eq!(together, *alone, "{decoder:?}, request {index}, {max_sequences} at a time");
            }
        }
    }
}

#[test]
fn a_short_request_does_not_wait_for_a_long_prompt() {
    let config = BatchConfig { max_tokens: usize::MAX, ..BatchConfig::new(2048, 2) };
    let mut batch = Batch::new(model(TinyDecoder::Llama), config).unwrap();
    let long = batch.submit(request(prompt(2000, 1), 1));
    let short = batch.submit(request(prompt(20, 2), 10));
    let mut answers = Answers::default();
    answers.step(&mut batch);
    let late = batch.submit(request(prompt(20, 3), 10));
    let answers = answers.until_idle(&mut batch);
    // One step reads the prompt, and each of the others makes a token; who comes later has less of the first steps.
    assert_eq!(answers.step_of_end(short), 10);
    assert!((11..=13).contains(&answers.step_of_end(late)), "{} steps", answers.step_of_end(late));
    // The long one has what is left of each step: it comes to its end, and not much later than it would alone.
    let end = answers.step_of_end(long);
    assert!((14..=40).contains(&end), "{end} steps");
}

#[test]
fn a_cancelled_request_frees_its_place_at_the_next_step() {
    let mut batch = Batch::new(model(TinyDecoder::Llama), config(2)).unwrap();
    let gone = Arc::new(AtomicBool::new(false));
    let cancellable = |prompt| {
        let gone = Arc::clone(&gone);
        GenerateRequest { cancelled: Box::new(move || gone.load(Ordering::Relaxed)), ..request(prompt, 500) }
    };
    let endless = [batch.submit(cancellable(prompt(20, 1))), batch.submit(request(prompt(20, 2), 40))];
    let waiting = [batch.submit(request(prompt(20, 3), 5)), batch.submit(cancellable(prompt(20, 4)))];
    let mut answers = Answers::default();
    (0..10).for_each(|_| answers.step(&mut batch));
    assert!(answers.finished.is_empty() && answers.text(waiting[0]).is_empty());
    gone.store(true, Ordering::Relaxed);
    let answers = answers.until_idle(&mut batch);
    assert_eq!((answers.step_of_end(endless[0]), answers.result(endless[0]).output_tokens), (11, 10));
    assert_eq!(answers.result(endless[0]).finish_reason, FinishReason::Cancelled);
    assert_eq!(answers.step_of_end(waiting[0]), 15, "it begins in the step in which the place is free");
    assert_eq!((answers.step_of_end(waiting[1]), answers.result(waiting[1]).output_tokens), (11, 0));
    assert_eq!((answers.step_of_end(endless[1]), answers.result(endless[1]).output_tokens), (40, 40));
}

/// A constraint of another vocabulary, whose tokens a tiny model does not have.
fn foreign_constraint(regex: &str) -> Constraint {
    let larger = Model::load(&reinette_testkit::model(TestModel::SmolLm2)).unwrap();
    let compiler = ConstraintCompiler::new(Arc::clone(larger.tokenizer()));
    compiler.compile(&Grammar::Regex(regex.to_owned())).unwrap()
}

#[test]
fn what_goes_wrong_with_one_request_does_not_harm_the_others() {
    let model = model(TinyDecoder::Llama);
    let alone = |request| {
        let mut text = String::new();
        let mut sequence = Sequence::new(Arc::clone(&model), CONTEXT_TOKENS, 1).unwrap();
        sequence.generate(request, &mut |piece| text.push_str(piece)).unwrap();
        text
    };
    let good = || [request(prompt(30, 1), 30), request(prompt(400, 2), 30)];
    let expected = good().map(alone);
    let mut batch = Batch::new(Arc::clone(&model), config(6)).unwrap();
    let bad = [
        // The first token is forced, and is none; the output layer has no rows for some of the first tokens.
        GenerateRequest { constraint: Some(foreign_constraint("unmistakably (and|or)")), ..request(prompt(10, 3), 30) },
        GenerateRequest { constraint: Some(foreign_constraint("(un|mis)[0-9]{3}")), ..request(prompt(10, 3), 30) },
        GenerateRequest { cancelled: Box::new(|| panic!("asked")), ..request(prompt(10, 4), 30) },
        request(prompt(1000, 5), 30),
        request(vec![TokenId(1 << 30)], 30),
        request(Vec::new(), 30),
    ];
    let mut tickets = Vec::new();
    let bad = bad.map(|request| batch.submit(request));
    tickets.extend(good().map(|request| batch.submit(request)));
    let answers = Answers::default().until_idle(&mut batch);
    for (ticket, expected) in tickets.iter().zip(&expected) {
        assert_eq!(answers.text(*ticket), expected);
    }
    let ends = bad.map(|ticket| answers.finished[&ticket].1.as_ref().map(|generated| generated.finish_reason));
    assert!(
        matches!(
            ends,
            [
                Err(GenerateError::UnknownToken { .. }),
                Err(GenerateError::Failed),
                Ok(FinishReason::Cancelled),
                Err(GenerateError::ContextFull { .. }),
                Err(GenerateError::UnknownToken { .. }),
                Err(GenerateError::EmptyPrompt)
            ]
        ),
        "{ends:?}"
    );
    // The places of the failed ones are as good as new.
    let again = good().map(|request| batch.submit(request));
    let answers = Answers::default().until_idle(&mut batch);
    assert_eq!(again.map(|ticket| answers.text(ticket).to_owned()), expected);
}

#[test]
fn those_who_must_wait_are_answered_in_their_order() {
    let mut batch = Batch::new(model(TinyDecoder::Llama), config(2)).unwrap();
    let tickets: Vec<_> = (0..9).map(|seed| batch.submit(request(prompt(10, seed), 6))).collect();
    let answers = Answers::default().until_idle(&mut batch);
    let ends: Vec<_> = tickets.iter().map(|ticket| answers.step_of_end(*ticket)).collect();
    assert_eq!(ends, [6, 6, 12, 12, 18, 18, 24, 24, 30]);
}

#[test]
fn sequences_together_keep_to_their_memory() {
    // Room for 400 tokens: two of these, or one and a half of the longer one.
    let config = BatchConfig { max_tokens: 400, ..config(8) };
    let mut batch = Batch::new(model(TinyDecoder::Llama), config).unwrap();
    let small = |seed| request(prompt(150, seed), 10);
    let tickets =
        [small(1), small(2), small(3), request(prompt(600, 4), 20), small(5)].map(|request| batch.submit(request));
    let answers = Answers::default().until_idle(&mut batch);
    let ends = tickets.map(|ticket| answers.step_of_end(ticket));
    // The third waits for the first two; the fourth, larger than all there is, is answered alone; nobody overtakes it.
    assert!(ends[0] == ends[1] && ends[2] >= ends[1] + 10 && ends[3] > ends[2] && ends[4] >= ends[3] + 10, "{ends:?}");
    assert!(batch.kept_tokens() <= 620, "{} tokens are kept", batch.kept_tokens());
    let again = batch.submit(small(5));
    let answers = Answers::default().until_idle(&mut batch);
    assert_eq!(answers.result(again).cached_tokens, 149, "what was answered last is still there");
    assert!(batch.kept_tokens() <= 400, "{} tokens are kept", batch.kept_tokens());
}

#[test]
fn what_a_neighbour_is_reading_need_not_be_read_again() {
    let mut batch = Batch::new(model(TinyDecoder::Llama), config(4)).unwrap();
    let first = batch.submit(request(prompt(500, 1), 30));
    let mut answers = Answers::default();
    (0..5).for_each(|_| answers.step(&mut batch));
    let second = batch.submit(request([prompt(400, 1), prompt(10, 2)].concat(), 5));
    let answers = answers.until_idle(&mut batch);
    assert_eq!((answers.result(first).cached_tokens, answers.result(second).cached_tokens), (0, 400));
}

#[test]
fn threads_that_ask_at_the_same_time_are_answered_together() {
    let model = model(TinyDecoder::WindowedGemma3);
    let generator = Generator::new(Arc::clone(&model), config(4)).unwrap();
    let ask = |seed: u32| {
        let mut text = String::new();
        let request = GenerateRequest { sampler: random(u64::from(seed)), ..request(prompt(20 * seed, seed), 40) };
        let generated = generator.generate(request, &mut |piece| text.push_str(piece)).unwrap();
        (text, generated.output_tokens)
    };
    let alone: Vec<_> = (1..=7).map(ask).collect();
    let together: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=7).map(|seed| scope.spawn(move || ask(seed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(together, alone);
    assert!(matches!(generator.generate(request(Vec::new(), 1), &mut |_| {}), Err(GenerateError::EmptyPrompt)));
    let encoded = model.tokenizer().encode("hello", SpecialTokens::AsText);
    assert_eq!(generator.generate(request(encoded, 3), &mut |_| {}).unwrap().output_tokens, 3);
}
