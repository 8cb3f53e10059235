//! Tokens in, tokens out: GGUF, tokenizer, chat template, decoder, KV cache, adapters, sampler, constraint.

pub mod gguf;
pub mod template;
pub mod tokenizer;
