//! Many requests to one model at the same time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use reinette::{
    Event, FinishReason, GenerationOptions, LanguageModel, OnDeviceConfig, OnDeviceModel, Request, Sampling, Summary,
    Transcript,
};
use reinette_testkit::TinyDecoder;

fn model() -> OnDeviceModel {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, TinyDecoder::WindowedGemma3.file(3)).unwrap();
    OnDeviceModel::load(&OnDeviceConfig { threads: 2, context_tokens: 1024, ..OnDeviceConfig::new(path) }).unwrap()
}

fn request(words: String, seed: u64) -> Request {
    let sampling = Sampling::Random { temperature: 0.7, top_k: 0, top_p: 1.0, min_p: 0.0, seed };
    let options = GenerationOptions { sampling, max_tokens: 60, ..GenerationOptions::default() };
    Request { transcript: Transcript::from_prompt(words), options, ..Request::default() }
}

/// The text of an answer, and what it took.
fn answer(stream: impl IntoIterator<Item = Result<Event, reinette::ModelError>>) -> (String, Option<Summary>) {
    let (mut text, mut summary) = (String::new(), None);
    for event in stream {
        match event.unwrap() {
            Event::Text(piece) => text.push_str(&piece),
            Event::Finished(finished) => summary = Some(finished),
            _ => {}
        }
    }
    (text, summary)
}

#[test]
fn requests_at_the_same_time_are_answered_as_each_alone() {
    let model = model();
    // More than are answered together, of very different lengths.
    let requests = || (0..11).map(|number| request("hello there 12 ".repeat(1 + number % 4 * 9), number as u64));
    let alone: Vec<String> = requests().map(|request| answer(model.respond(request)).0).collect();
    let streams: Vec<_> = requests().map(|request| model.respond(request)).collect();
    // Some are never listened to again, and hold nobody up.
    let together: Vec<Option<String>> =
        streams.into_iter().enumerate().map(|(number, stream)| (number % 3 != 1).then(|| answer(stream).0)).collect();
    for (alone, together) in alone.into_iter().zip(together) {
        assert!(together.is_none_or(|together| together == alone), "not {alone:?}");
    }
}

#[test]
fn a_request_that_cannot_be_answered_harms_no_other() {
    let model = model();
    let long = model.respond(request("hello there ".repeat(900), 1));
    let good = model.respond(request("hello".to_owned(), 2));
    let error = long.into_iter().last().unwrap().unwrap_err();
    assert!(matches!(error, reinette::ModelError::ContextFull { .. }), "{error}");
    let summary = answer(good).1.unwrap();
    assert!(matches!(summary.finish_reason, FinishReason::Stop | FinishReason::Length));
}
