//! What a model holds for likely is told as it is, and can be edited.

use reinette_engine::constraint::{ConstraintCompiler, Grammar};
use reinette_engine::gguf::Gguf;
use reinette_engine::tokenizer::TokenId;
use reinette_engine::{
    EndOfGeneration, GenerateError, GenerateRequest, Generated, Logits, LogitsProcessor, Model, Sequence, Speculation,
};
use reinette_testkit::TinyDecoder;
use std::sync::Arc;

fn model() -> Arc<Model> {
    Arc::new(Model::from_gguf(Gguf::from_bytes(TinyDecoder::Llama.file(5)).unwrap()).unwrap())
}

fn request(max_tokens: usize) -> GenerateRequest {
    let prompt = (0..20).map(|position| TokenId((position * 7 + 3) % 256)).collect();
    GenerateRequest { end_of_generation: EndOfGeneration::Ignored, max_tokens, ..GenerateRequest::new(prompt) }
}

fn answer(request: GenerateRequest) -> Result<(String, Generated), GenerateError> {
    let mut text = String::new();
    let generated = Sequence::new(model(), 128, 1).unwrap().generate(request, &mut |piece| text.push_str(piece))?;
    Ok((text, generated))
}

fn processor(process: impl Fn(&mut Logits<'_>) + Send + Sync + 'static) -> LogitsProcessor {
    LogitsProcessor::new(process)
}

#[test]
fn log_probabilities_are_those_of_the_logits() {
    let speculation = Speculation::PromptLookup { max_tokens: 4 };
    let (_, generated) = answer(GenerateRequest { log_probabilities: Some(3), speculation, ..request(24) }).unwrap();
    assert_eq!(generated.log_probabilities.len(), 24);
    let answered = generated.log_probabilities.iter().map(|told| told.token);
    let tokens: Vec<TokenId> = request(0).prompt.into_iter().chain(answered).collect();
    let mut sequence = Sequence::new(model(), 128, 1).unwrap();
    let vocab_size = model().tokenizer().vocab_size();
    let logits = sequence.logits(&tokens, &[]).unwrap();
    for (told, logits) in generated.log_probabilities.iter().zip(logits.chunks_exact(vocab_size).skip(19)) {
        let total: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
        let expected = (f64::from(logits[told.token.index()]).exp() / total).ln();
        assert!((f64::from(told.log_probability.unwrap()) - expected).abs() < 1e-4, "{told:?} is not {expected}");
        assert_eq!((told.likeliest.len(), told.likeliest[0].0), (3, told.token));
        assert!(told.likeliest.is_sorted_by(|before, after| before.1 >= after.1));
    }
}

#[test]
fn what_a_constraint_forces_has_no_probability() {
    let compiler = ConstraintCompiler::new(Arc::clone(model().tokenizer()));
    let constraint = compiler.compile(&Grammar::Regex("[ab]{3}hello there".to_owned())).unwrap();
    let asked = GenerateRequest { constraint: Some(constraint), log_probabilities: Some(0), ..request(60) };
    let (_, generated) = answer(asked).unwrap();
    assert_eq!(generated.log_probabilities.len(), generated.output_tokens);
    let n_forced = generated.log_probabilities.iter().filter(|told| told.log_probability.is_none()).count();
    assert!(n_forced == generated.forced_tokens && n_forced > 0, "{generated:?}");
}

#[test]
fn a_processor_decides_what_is_picked_and_no_more_than_the_constraint_allows() {
    let (free, _) = answer(request(12)).unwrap();
    let favourite = processor(|logits| {
        let [token] = logits.tokens_of("a")[..] else { return };
        assert_eq!(logits.token_bytes(token), b"a");
        // After four of them, the model decides.
        if let (true, Some(logit)) = (logits.answer().len() < 4, logits.get_mut(token)) {
            *logit = 1e6;
        }
    });
    let (edited, _) = answer(GenerateRequest { logits_processor: Some(favourite.clone()), ..request(12) }).unwrap();
    assert!(edited.starts_with("aaaa") && !free.starts_with("aaaa"), "{edited:?}");
    let compiler = ConstraintCompiler::new(Arc::clone(model().tokenizer()));
    let constraint = || Some(compiler.compile(&Grammar::Regex("[bc]{2}a{2}[bc]".to_owned())).unwrap());
    let held = GenerateRequest { constraint: constraint(), logits_processor: Some(favourite), ..request(12) };
    let (held, _) = answer(held).unwrap();
    assert!(held.len() == 5 && &held[2..4] == "aa" && !held[..2].contains('a'), "{held:?}");
    // One that leaves nothing is an error of this request, and so is one that panics.
    let nothing = processor(|logits| logits.values().fill(f32::NEG_INFINITY));
    let refused = answer(GenerateRequest { logits_processor: Some(nothing), ..request(12) }).unwrap_err();
    assert!(matches!(refused, GenerateError::NoToken), "{refused}");
    let broken =
        answer(GenerateRequest { logits_processor: Some(processor(|_| panic!("out of order"))), ..request(12) });
    assert!(matches!(broken, Err(GenerateError::Failed)));
}
