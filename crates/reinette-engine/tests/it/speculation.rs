//! Guessing tokens changes how long an answer takes, and nothing else.

use reinette_engine::constraint::{ConstraintCompiler, Grammar};
use reinette_engine::tokenizer::{SpecialTokens, TokenId};
use reinette_engine::{
    BatchConfig, EndOfGeneration, GenerateRequest, Generated, LoadError, Model, Sampler, Sampling, Sequence,
    Speculation,
};
use reinette_testkit::{TestModel, TinyDecoder};
use std::collections::BTreeMap;
use std::sync::Arc;

const LOOKUP: Speculation = Speculation::PromptLookup { max_tokens: 6 };
const DRAFT: Speculation = Speculation::DraftModel { max_tokens: 6, least_probability: 0.0 };
/// Of the weights of the models that answer.
const SEED: u64 = 3;

fn model(decoder: TinyDecoder, seed: u64) -> Arc<Model> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, decoder.file(seed)).unwrap();
    Arc::new(Model::load(&path).unwrap())
}

/// A sequence of a tiny model, whose answers may be guessed by another one.
fn sequence(decoder: TinyDecoder, draft: Arc<Model>) -> Sequence {
    let config = BatchConfig { draft: Some(draft), ..BatchConfig::new(160, 1) };
    Sequence::with_config(model(decoder, SEED), config).unwrap()
}

/// A question that an answer can copy from.
struct Question<'a> {
    prompt: &'a [TokenId],
    sampling: Sampling,
    grammar: Option<&'a str>,
    max_tokens: usize,
}

impl Question<'_> {
    fn answer(&self, sequence: &mut Sequence, speculation: Speculation) -> (String, Generated) {
        let compiler = ConstraintCompiler::new(Arc::clone(sequence.model().tokenizer()));
        let compile = |regex: &str| compiler.compile(&Grammar::Regex(regex.to_owned())).unwrap();
        let request = GenerateRequest {
            sampler: Sampler::new(self.sampling, 1.1),
            constraint: self.grammar.map(compile),
            speculation,
            end_of_generation: EndOfGeneration::Ignored,
            max_tokens: self.max_tokens,
            ..GenerateRequest::new(self.prompt.to_vec())
        };
        let mut text = String::new();
        let generated = sequence.generate(request, &mut |piece| text.push_str(piece)).unwrap();
        (text, generated)
    }
}

fn random(top_k: usize, seed: u64) -> Sampling {
    Sampling::Random { temperature: 0.5, top_k, top_p: 1.0, min_p: 0.0, seed }
}

/// Words that come again and again, in an order that `seed` decides.
fn prompt(sequence: &Sequence, seed: usize) -> Vec<TokenId> {
    let words = ["hello there ", "aaaa ", "12 ", "hello hello "];
    let text: String = (0..12).map(|place| words[(seed * (place + 1) + place / 2) % words.len()]).collect();
    sequence.model().tokenizer().encode(&text, SpecialTokens::AsText)
}

/// Answers many questions with and without guessing, and counts the tokens guessed right.
fn answers_the_same(decoder: TinyDecoder, draft: Arc<Model>, speculation: Speculation) -> usize {
    let mut sequence = sequence(decoder, draft);
    let mut guessed = 0;
    for seed in 0..12 {
        let prompt = prompt(&sequence, seed);
        let samplings = [Sampling::Greedy, random(0, seed as u64), random(3, seed as u64)];
        // The second grammar forces tokens between those that are picked; the context ends the longest answers.
        let grammars = [None, Some("(hello there [0-9a]+ )+")];
        for (sampling, grammar) in samplings.into_iter().flat_map(|sampling| grammars.map(|g| (sampling, g))) {
            for max_tokens in [40, 200] {
                let question = Question { prompt: &prompt, sampling, grammar, max_tokens };
                let (expected, plain) = question.answer(&mut sequence, Speculation::Off);
                let (text, generated) = question.answer(&mut sequence, speculation);
                let facts = |generated: &Generated| (generated.finish_reason, generated.output_tokens);
                assert_eq!((text, facts(&generated)), (expected, facts(&plain)), "{decoder:?} {sampling:?}");
                assert_eq!(plain.guessed_tokens, 0);
                guessed += generated.guessed_tokens;
            }
        }
    }
    guessed
}

#[test]
fn the_answer_is_the_same_with_and_without_guessing() {
    for decoder in TinyDecoder::ALL {
        let looked_up = answers_the_same(decoder, model(decoder, SEED), LOOKUP);
        assert!(looked_up > 30, "{decoder:?}: {looked_up} tokens were guessed right");
        let agreed = answers_the_same(decoder, model(decoder, SEED), DRAFT);
        assert!(agreed > 1000, "{decoder:?}: a draft by the model itself is right about its best tokens: {agreed}");
        // A model of another architecture that knows nothing of this one.
        let other = if decoder == TinyDecoder::Llama { TinyDecoder::WindowedGemma3 } else { TinyDecoder::Llama };
        let differed = answers_the_same(decoder, model(other, SEED + 1), DRAFT);
        assert!(differed < agreed / 2, "{decoder:?}: {differed} of {agreed}");
    }
}

#[test]
fn a_draft_model_of_another_vocabulary_is_refused() {
    let target = Arc::new(Model::load(&reinette_testkit::model(TestModel::SmolLm2)).unwrap());
    let config = BatchConfig { draft: Some(model(TinyDecoder::Llama, SEED)), ..BatchConfig::new(160, 1) };
    let error = Sequence::with_config(target, config).err().unwrap();
    assert!(matches!(error, LoadError::DraftVocabulary { .. }), "{error}");
    assert!(error.to_string().contains("take a smaller model of the same family"), "{error}");
}

#[test]
fn random_answers_keep_their_distribution() {
    const ANSWERS: u64 = 1000;
    let mut sequence = sequence(TinyDecoder::Llama, model(TinyDecoder::Llama, SEED + 1));
    let prompt = sequence.model().tokenizer().encode(&"ab".repeat(20), SpecialTokens::AsText);
    let mut guessed = 0;
    // Seeds of one series are not those of the other: the two are independent.
    let mut series = |speculation, first_seed: u64| {
        let mut counts: BTreeMap<String, f64> = BTreeMap::new();
        for seed in first_seed..first_seed + ANSWERS {
            let question =
                Question { prompt: &prompt, sampling: random(0, seed), grammar: Some("[ab]{9}"), max_tokens: 4 };
            let (text, generated) = question.answer(&mut sequence, speculation);
            *counts.entry(text).or_default() += 1.0;
            guessed += generated.guessed_tokens;
        }
        counts
    };
    let plain = series(Speculation::Off, 1);
    let speculative = [series(LOOKUP, 1_000_000), series(DRAFT, 2_000_000)];
    assert!(guessed > 0);
    for counts in &speculative {
        are_of_one_distribution(&plain, counts);
    }
}

fn are_of_one_distribution(plain: &BTreeMap<String, f64>, speculative: &BTreeMap<String, f64>) {
    // Pearson's chi-squared statistic of two samples of equal size; answers that are rare in both count as one.
    let texts: std::collections::BTreeSet<&String> = plain.keys().chain(speculative.keys()).collect();
    let count = |counts: &BTreeMap<String, f64>, text: &String| counts.get(text).copied().unwrap_or(0.0);
    let pairs = texts.iter().map(|text| (count(plain, text), count(speculative, text)));
    let (common, rare): (Vec<_>, Vec<_>) = pairs.partition(|(a, b)| a + b >= 10.0);
    let rest = rare.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    let cells: Vec<(f64, f64)> = common.into_iter().chain((rest.0 + rest.1 >= 10.0).then_some(rest)).collect();
    let statistic: f64 = cells.iter().map(|(a, b)| (a - b).powi(2) / (a + b)).sum();
    let degrees = cells.len() as f64 - 1.0;
    assert!(degrees >= 3.0, "{cells:?}");
    // Mean and variance of the distribution are k and 2k: five standard deviations.
    assert!(
        statistic < degrees + 5.0 * (2.0 * degrees).sqrt(),
        "{statistic} for {degrees} degrees of freedom: {cells:?}"
    );
}
