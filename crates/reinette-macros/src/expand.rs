//! Writes the implementation of `Generable`.

use crate::container::{Body, Container, Field, Payload, Property, Variant};
use crate::field_type::{FieldType, Nullable};
use crate::guided;
use crate::partial::{self, Partial};
use crate::serde_attributes::Tagging;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Result, parse_quote};

/// The implementation for `container`.
pub(crate) fn implementation(container: &Container<'_>) -> Result<TokenStream> {
    let (ident, name) = (container.ident, &container.name);
    let mut generics = container.generics.clone();
    let parameters: Vec<_> = generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    for parameter in parameters {
        generics.make_where_clause().predicates.push(parse_quote!(#parameter: ::reinette::Generable));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let shape = body(container)?;
    let Partial { definition, written, reading } = partial::of(container, &generics);
    Ok(quote! {
        #definition

        #[automatically_derived]
        impl #impl_generics ::reinette::Generable for #ident #type_generics #where_clause {
            type Partial = #written;

            fn partial(known: &::reinette::PartialValue) -> ::core::option::Option<Self::Partial> {
                #reading
            }

            fn shape(types: &mut ::reinette::NamedTypes) -> ::reinette::Schema {
                types.define::<Self>(#name, |types| #shape)
            }
        }
    })
}

fn body(container: &Container<'_>) -> Result<TokenStream> {
    match &container.body {
        Body::Struct(payload) => Ok(described(&payload_schema(payload)?, container.description.as_deref())),
        Body::Enum { variants, tagging } => {
            let description = enum_description(container.description.as_deref(), variants, tagging);
            Ok(described(&enum_schema(variants, tagging)?, description.as_deref()))
        }
    }
}

fn described(schema: &TokenStream, description: Option<&str>) -> TokenStream {
    match description {
        Some(description) => quote!(#schema.describe(#description)),
        None => schema.clone(),
    }
}

/// What stands where the fields are.
fn payload_schema(payload: &Payload<'_>) -> Result<TokenStream> {
    match payload {
        Payload::Unit => Ok(quote!(::reinette::Schema::null())),
        Payload::Newtype(field) => field_schema(field),
        Payload::Tuple(fields) => {
            let elements = fields.iter().map(field_schema).collect::<Result<Vec<_>>>()?;
            Ok(quote!(::reinette::Schema::tuple([#(#elements),*])))
        }
        Payload::Object(properties) => object_schema(None, properties),
    }
}

fn field_schema(field: &Field<'_>) -> Result<TokenStream> {
    guided::schema(field.written, &field.guides)
}

/// An object of `properties`, after the property `first` if there is one.
fn object_schema(first: Option<TokenStream>, properties: &[Property<'_>]) -> Result<TokenStream> {
    let properties = properties.iter().map(property).collect::<Result<Vec<_>>>()?;
    let all = first.into_iter().chain(properties);
    Ok(quote!(::reinette::Schema::object([#(#all),*])))
}

fn property(property: &Property<'_>) -> Result<TokenStream> {
    let name = &property.name;
    let field = FieldType::of(property.field.written);
    let schema = guided::value_schema(&field, &property.field.guides)?;
    Ok(if field.nullable == Nullable::Yes || property.has_default {
        quote!(::reinette::Property::optional(#name, #schema))
    } else {
        quote!(::reinette::Property::required(#name, #schema))
    })
}

fn enum_schema(variants: &[Variant<'_>], tagging: &Tagging) -> Result<TokenStream> {
    let mut alternatives = Vec::new();
    if let Tagging::External = tagging {
        let words: Vec<&String> =
            variants.iter().filter(|variant| matches!(variant.payload, Payload::Unit)).map(|unit| &unit.name).collect();
        if words.len() == variants.len() {
            return Ok(quote!(::reinette::Schema::one_of_words([#(#words),*])));
        }
        if !words.is_empty() {
            alternatives.push(quote!(::reinette::Schema::one_of_words([#(#words),*])));
        }
    }
    for variant in variants {
        if let Some(schema) = variant_schema(variant, tagging)? {
            alternatives.push(described(&schema, variant.description.as_deref()));
        }
    }
    Ok(quote!(::reinette::Schema::any_of([#(#alternatives),*])))
}

/// An object that is one variant; `None` for those that are a word among others.
fn variant_schema(variant: &Variant<'_>, tagging: &Tagging) -> Result<Option<TokenStream>> {
    let name = &variant.name;
    let constant = |tag: &str| quote!(::reinette::Property::required(#tag, ::reinette::Schema::constant(#name)));
    let schema = match (tagging, &variant.payload) {
        (Tagging::External, Payload::Unit) => return Ok(None),
        (Tagging::External, payload) => {
            let payload = payload_schema(payload)?;
            quote!(::reinette::Schema::object([::reinette::Property::required(#name, #payload)]))
        }
        (Tagging::Internal { tag } | Tagging::Adjacent { tag, .. }, Payload::Unit) => {
            let tag = constant(tag);
            quote!(::reinette::Schema::object([#tag]))
        }
        (Tagging::Internal { tag }, Payload::Object(properties)) => object_schema(Some(constant(tag)), properties)?,
        (Tagging::Internal { tag }, Payload::Newtype(_) | Payload::Tuple(_)) => {
            let advice = format!(
                "the fields of this variant have to stand next to `{tag}`: name them, as in `{} {{ … }}`, or add \
                 `content = \"…\"` next to `tag`",
                variant.ident
            );
            return Err(Error::new(variant.ident.span(), advice));
        }
        (Tagging::Adjacent { tag, content }, payload) => {
            let (tag, payload) = (constant(tag), payload_schema(payload)?);
            quote!(::reinette::Schema::object([#tag, ::reinette::Property::required(#content, #payload)]))
        }
    };
    Ok(Some(schema))
}

/// The enum's description, and a line on each variant that is but a word and so cannot carry its own.
fn enum_description(own: Option<&str>, variants: &[Variant<'_>], tagging: &Tagging) -> Option<String> {
    let mut lines: Vec<String> = own.map(str::to_owned).into_iter().collect();
    if let Tagging::External = tagging {
        lines.extend(
            variants.iter().filter(|variant| matches!(variant.payload, Payload::Unit)).filter_map(|unit| {
                unit.description.as_ref().map(|description| format!("`{}`: {description}", unit.name))
            }),
        );
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}
