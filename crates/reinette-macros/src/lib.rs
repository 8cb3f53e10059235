//! Derives the guided-generation schema of a Rust type.
//!
//! [`Generable`](derive@Generable) reads a type in three steps, each a module of its own: `serde_attributes` and
//! `guides` parse what is written, `container` puts it together into the shape that serde gives the type, and
//! `expand` writes the implementation.
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
mod serde_attributes;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `reinette::Generable`; the trait's documentation lists the guides.
#[proc_macro_derive(Generable, attributes(guide))]
pub fn derive_generable(item: TokenStream) -> TokenStream {
    let input = parse_macro_input!(item as DeriveInput);
    container::Container::parse(&input)
        .and_then(|container| expand::implementation(&container))
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
