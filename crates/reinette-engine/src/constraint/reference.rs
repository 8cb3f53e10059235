//! What llguidance says of tokens when it knows them itself: our masks and forced tokens are the same.

use super::tests::{COMPILER, Random, TOKENIZER, random_schema};
use super::{Grammar, schema};
use crate::tokenizer::{SpecialTokens, TokenId};
use llguidance::api::TopLevelGrammar;
use llguidance::earley::SlicedBiasComputer;
use llguidance::{Matcher, ParserFactory};
use serde_json::json;
use std::sync::Arc;
use toktrie::{InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenizerEnv};

struct KnownTokens(TokTrie);

impl TokenizerEnv for KnownTokens {
    fn tok_trie(&self) -> &TokTrie {
        &self.0
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        let encode = |text: &str| TOKENIZER.encode(text, SpecialTokens::AsText).iter().map(|id| id.0).collect();
        self.0.tokenize_with_greedy_fallback(bytes, encode)
    }
}

fn factory() -> ParserFactory {
    let count = u32::try_from(TOKENIZER.vocab_size()).unwrap();
    let bytes = |id| {
        let marker = TOKENIZER.is_special(id) || TOKENIZER.is_end_of_generation(id);
        let marker = marker.then_some(TokTrie::SPECIAL_TOKEN_MARKER);
        marker.into_iter().chain(TOKENIZER.token_bytes(id).iter().copied()).collect::<Vec<u8>>()
    };
    let tokens: Vec<_> = (0..count).map(TokenId).map(bytes).collect();
    let ends: Vec<u32> = TOKENIZER.end_of_generation().iter().map(|id| id.0).collect();
    let trie = TokTrie::from(&TokRxInfo::new(count, ends[0]), &tokens).with_eos_tokens(&ends);
    let environment: TokEnv = Arc::new(KnownTokens(trie));
    let capabilities = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
    let mut factory = ParserFactory::new(&environment, capabilities, &SlicedBiasComputer::json_slices()).unwrap();
    factory.quiet();
    factory
}

#[test]
fn masks_and_forced_tokens_are_those_of_llguidance() {
    let factory = factory();
    let mut random = Random::new(3);
    let names = json!({"enum": ["été", "une très longue valeur", "une très courte", "🎉🎉", "🎊"]});
    let written = (0..60).map(|_| random_schema(&mut random, 2)).collect::<Vec<_>>();
    for schema in written.into_iter().chain([names, json!({"type": "string", "maxLength": 40})]) {
        let grammar = TopLevelGrammar::from_json_schema(schema::prepare(&schema).unwrap());
        let mut theirs = Matcher::new(factory.create_parser(grammar));
        let mut ours = COMPILER.compile(&Grammar::JsonSchema(schema.clone())).unwrap();
        for step in 0..200 {
            let forced = theirs.compute_ff_tokens();
            theirs.consume_tokens(&forced).unwrap();
            assert_eq!(ours.forced().unwrap(), forced.into_iter().map(TokenId).collect::<Vec<_>>(), "{step}: {schema}");
            assert_eq!(ours.is_complete(), theirs.is_stopped(), "{step}: {schema}");
            if ours.is_complete() {
                break;
            }
            assert_eq!(ours.may_stop(), theirs.is_accepting().unwrap(), "{step}: {schema}");
            let allowed: Vec<TokenId> = ours.mask().unwrap().iter().collect();
            let expected: Vec<TokenId> = theirs.compute_mask().unwrap().iter().map(TokenId).collect();
            assert_eq!(allowed, expected, "{step}: {schema}");
            let token = *random.pick(&allowed);
            ours.commit(token).unwrap();
            theirs.consume_tokens(&[token.0]).unwrap();
        }
    }
}
