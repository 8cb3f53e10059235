//! The marks around calls, as tokens.

use crate::tokenizer::{SpecialTokens, TokenId, Tokenizer};
use reinette_schema::{ArgumentSyntax, CallSyntax};

/// The control tokens that the marks of a syntax hold.
pub(super) fn control_tokens(syntax: &CallSyntax, tokenizer: &Tokenizer) -> Vec<TokenId> {
    let argument_marks: Vec<&String> = match &syntax.arguments {
        ArgumentSyntax::Tagged { opening, after_name, closing } => vec![opening, after_name, closing],
        ArgumentSyntax::Fields | ArgumentSyntax::Object | ArgumentSyntax::Keywords => Vec::new(),
    };
    let marks =
        [&syntax.opening, &syntax.after_name, &syntax.closing].into_iter().chain(&syntax.joint).chain(argument_marks);
    let mut tokens: Vec<TokenId> = marks
        .flat_map(|mark| tokenizer.encode(mark, SpecialTokens::Parse))
        .filter(|token| tokenizer.is_special(*token) && !tokenizer.is_end_of_generation(*token))
        .collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}
