//! Derives the guided-generation schema of a Rust type, and makes tools of functions.
//!
//! [`Generable`](derive@Generable) reads a type in three steps, each a module of its own: `serde_attributes` and
//! `guides` parse what is written, `container` puts it together into the shape that serde gives the type, and
//! `expand` writes the implementation, with the type of half-known values that `partial` makes.
//!
//! Invariants: generated code names only paths of `::reinette`; what a schema cannot say is a compile error with advice,
//! never a schema that says less.

mod case;
mod container;
mod documentation;
mod expand;
mod field_type;
mod guided;
mod guides;
mod number;
mod partial;
mod serde_attributes;
mod tool;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemFn, parse_macro_input};

/// Derives `reinette::Generable`; the trait's documentation lists the guides.
#[proc_macro_derive(Generable, attributes(guide))]
pub fn derive_generable(item: TokenStream) -> TokenStream {
    let input = parse_macro_input!(item as DeriveInput);
    container::Container::parse(&input)
        .and_then(|container| expand::implementation(&container))
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Makes a tool of an async function: `Session::tool` takes its name.
///
/// The doc comment is what the model is told; parameters are what it fills in, with doc comments and `#[guide(…)]` like
/// the fields of a [`Generable`](derive@Generable) type. The function returns what serde writes, or a `Result` of it,
/// whose error the model is told. `#[tool(name = "…", description = "…", timeout_seconds = 5)]` sets what the function
/// itself does not say. The function is still there as `NAME::run`.
#[proc_macro_attribute]
pub fn tool(attributes: TokenStream, item: TokenStream) -> TokenStream {
    let mut parsed = tool::ToolAttributes::default();
    let parser = syn::meta::parser(|meta| parsed.take(&meta));
    parse_macro_input!(attributes with parser);
    let function = parse_macro_input!(item as ItemFn);
    tool::expand(&parsed, function).unwrap_or_else(|error| error.to_compile_error()).into()
}
