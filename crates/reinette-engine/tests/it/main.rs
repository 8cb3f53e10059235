//! The engine on real models, compared with other people's code.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod architectures;
mod batch;
mod chat_templates;
mod damage;
mod embeddings;
mod logits;
mod prefix;
mod speculation;
mod tokens;
