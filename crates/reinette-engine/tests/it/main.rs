//! The engine on real models, compared with other people's code.

mod chat_templates;
mod tokens;
