//! Derives the guided-generation schema of a Rust type, and makes tools of functions.

use proc_macro::TokenStream;

/// Derives `reinette::Generable`.
#[proc_macro_derive(Generable, attributes(guide))]
pub fn derive_generable(_item: TokenStream) -> TokenStream {
    TokenStream::new()
}
