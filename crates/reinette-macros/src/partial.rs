//! Writes the type of what is known of a value while it is generated, and how it is read from incomplete JSON.

use crate::container::{Body, Container, Payload, Property, Variant};
use crate::field_type::FieldType;
use crate::serde_attributes::Tagging;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Generics, Ident, Type};

/// What a type's partial values are.
pub(crate) struct Partial {
    /// A type of its own, if it takes one.
    pub(crate) definition: TokenStream,
    /// The type.
    pub(crate) written: TokenStream,
    /// The body of `Generable::partial`: an `Option` made of `known`.
    pub(crate) reading: TokenStream,
}

/// The partial values of `container`, whose type parameters are bounded in `generics`.
pub(crate) fn of(container: &Container<'_>, generics: &Generics) -> Partial {
    match &container.body {
        Body::Struct(Payload::Object(properties)) => of_struct(container, generics, properties),
        Body::Struct(Payload::Newtype(field)) => {
            let inner = field.written;
            let inner = quote_spanned!(inner.span()=> <#inner as ::reinette::Generable>);
            transparent(&quote!(#inner::Partial), &quote!(#inner::partial(known)))
        }
        Body::Struct(Payload::Tuple(fields)) => {
            let types: Vec<&Type> = fields.iter().map(|field| field.written).collect();
            let tuple = quote!(<(#(#types,)*) as ::reinette::Generable>);
            transparent(&quote!(#tuple::Partial), &quote!(#tuple::partial(known)))
        }
        Body::Enum { variants, tagging } if !is_words_only(variants, tagging) => {
            of_enum(container, generics, variants, tagging)
        }
        Body::Struct(Payload::Unit) | Body::Enum { .. } => transparent(&quote!(Self), &quote!(known.whole())),
    }
}

/// Whether values are words, of which a part says nothing.
fn is_words_only(variants: &[Variant<'_>], tagging: &Tagging) -> bool {
    matches!(tagging, Tagging::External) && variants.iter().all(|variant| matches!(variant.payload, Payload::Unit))
}

fn transparent(written: &TokenStream, reading: &TokenStream) -> Partial {
    Partial { definition: TokenStream::new(), written: written.clone(), reading: reading.clone() }
}

/// The type of what is known of a `value`, if anything is. Errors about it point to where it is written.
fn known_type(value: &Type) -> TokenStream {
    quote_spanned!(value.span()=> ::core::option::Option<<#value as ::reinette::Generable>::Partial>)
}

/// A closure that makes it. Errors about it point to where the type is written.
fn reader(value: &Type) -> TokenStream {
    let partial = quote_spanned!(value.span()=> <#value as ::reinette::Generable>::partial);
    quote!(|known| #partial(known))
}

fn of_struct(container: &Container<'_>, generics: &Generics, properties: &[Property<'_>]) -> Partial {
    let name = format_ident!("{}Partial", container.ident);
    let (_, type_generics, where_clause) = generics.split_for_impl();
    let visibility = container.visibility;
    let documentation = format!("What is known of a [`{}`] while it is generated.", container.ident);
    let fields = properties.iter().map(field);
    let heading = heading(&documentation);
    let definition = quote! {
        #heading
        #[serde(crate = "::reinette::__private::serde", bound = "")]
        #visibility struct #name #generics #where_clause { #(#fields,)* }
    };
    let values = properties.iter().map(|property| value(property, &quote!(::core::option::Option::Some(known))));
    let reading = quote! {
        known.properties()?;
        ::core::option::Option::Some(#name { #(#values,)* })
    };
    let debug = debug(&name, generics);
    Partial { definition: quote!(#definition #debug), written: quote!(#name #type_generics), reading }
}

/// What stands before a type of partial values.
fn heading(documentation: &str) -> TokenStream {
    quote! {
        #[doc = #documentation]
        #[derive(::reinette::__private::serde::Serialize)]
        #[allow(dead_code, reason = "whoever does not stream does not read it")]
    }
}

/// Partial values print as JSON: what they hold need not be `Debug`.
fn debug(name: &Ident, generics: &Generics) -> TokenStream {
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics ::core::fmt::Debug for #name #type_generics #where_clause {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let json = ::reinette::__private::serde_json::to_string(self).map_err(|_| ::core::fmt::Error)?;
                formatter.write_str(&json)
            }
        }
    }
}

/// A field as it is declared: `None` until something is known of it.
fn field(property: &Property<'_>) -> TokenStream {
    let (ident, name) = (property.ident, &property.name);
    let value = FieldType::of(property.field.written).value;
    let documentation = property.field.guides.description.clone().unwrap_or_else(|| format!("The `{name}`."));
    let attributes = quote! {
        #[doc = #documentation]
        #[serde(rename = #name, skip_serializing_if = "::core::option::Option::is_none")]
    };
    let visibility = property.visibility;
    let known = known_type(value);
    quote!(#attributes #visibility #ident: #known)
}

/// A field's value, read from `object`, of which something may be known.
fn value(property: &Property<'_>, object: &TokenStream) -> TokenStream {
    let (ident, name) = (property.ident, &property.name);
    let read = reader(FieldType::of(property.field.written).value);
    quote!(#ident: #object.and_then(|object| object.property(#name)).and_then(#read))
}

fn of_enum(container: &Container<'_>, generics: &Generics, variants: &[Variant<'_>], tagging: &Tagging) -> Partial {
    let name = format_ident!("{}Partial", container.ident);
    let (_, type_generics, where_clause) = generics.split_for_impl();
    let visibility = container.visibility;
    let documentation = format!("What is known of a [`{}`] while it is generated.", container.ident);
    let tags = match tagging {
        Tagging::External => TokenStream::new(),
        Tagging::Internal { tag } => quote!(, tag = #tag),
        Tagging::Adjacent { tag, content } => quote!(, tag = #tag, content = #content),
    };
    let heading = heading(&documentation);
    let declared = variants.iter().map(declared_variant);
    let definition = quote! {
        #heading
        #[serde(crate = "::reinette::__private::serde", bound = "" #tags)]
        #visibility enum #name #generics #where_clause { #(#declared,)* }
    };
    let arms = variants.iter().map(|variant| variant_reading(&name, variant, tagging));
    let which = match tagging {
        Tagging::External => quote! {
            let (variant, content) = match known {
                ::reinette::PartialValue::Text { text, is_whole: true } => (text, ::core::option::Option::None),
                _ => known.properties()?.first().map(|(name, content)| (name, ::core::option::Option::Some(content)))?,
            };
        },
        Tagging::Internal { tag } => tagged(tag, &quote!(::core::option::Option::Some(known))),
        Tagging::Adjacent { tag, content } => tagged(tag, &quote!(known.property(#content))),
    };
    let reading = quote! {
        #which
        match variant.as_str() {
            #(#arms,)*
            _ => ::core::option::Option::None,
        }
    };
    let debug = debug(&name, generics);
    Partial { definition: quote!(#definition #debug), written: quote!(#name #type_generics), reading }
}

/// Reads the name of a variant that stands under `tag`, next to its `content`.
fn tagged(tag: &str, content: &TokenStream) -> TokenStream {
    quote! {
        let ::reinette::PartialValue::Text { text: variant, is_whole: true } = known.property(#tag)? else {
            return ::core::option::Option::None;
        };
        let content: ::core::option::Option<&::reinette::PartialValue> = #content;
    }
}

fn declared_variant(variant: &Variant<'_>) -> TokenStream {
    let (ident, name) = (variant.ident, &variant.name);
    let documentation = variant.description.clone().unwrap_or_else(|| format!("A `{name}`."));
    let payload = match &variant.payload {
        Payload::Unit => TokenStream::new(),
        Payload::Newtype(field) => {
            let inner = known_type(field.written);
            quote!((#inner))
        }
        Payload::Tuple(fields) => {
            let elements = fields.iter().map(|field| known_type(field.written));
            quote!((#(#elements,)*))
        }
        Payload::Object(properties) => {
            let fields = properties.iter().map(field);
            quote!({ #(#fields,)* })
        }
    };
    quote! {
        #[doc = #documentation]
        #[serde(rename = #name)]
        #ident #payload
    }
}

/// The arm that reads a variant from `content`, of which something may be known.
fn variant_reading(partial: &Ident, variant: &Variant<'_>, tagging: &Tagging) -> TokenStream {
    let (ident, name) = (variant.ident, &variant.name);
    let value = match &variant.payload {
        Payload::Unit => quote!(#partial::#ident),
        Payload::Newtype(field) => {
            let read = reader(field.written);
            quote!(#partial::#ident(content.and_then(#read)))
        }
        Payload::Tuple(fields) => {
            let readers = fields.iter().map(|field| reader(field.written));
            let places = 0..fields.len();
            quote!(#partial::#ident(#(content.and_then(|content| content.elements()?.get(#places)).and_then(#readers),)*))
        }
        Payload::Object(properties) => {
            let values = properties.iter().map(|property| value(property, &quote!(content)));
            quote!(#partial::#ident { #(#values,)* })
        }
    };
    // A word alone is a variant without a payload, and an object's key is one with it.
    let guard = match (tagging, &variant.payload) {
        (Tagging::External, Payload::Unit) => quote!(if known.properties().is_none()),
        (Tagging::External, _) => quote!(if known.properties().is_some()),
        _ => TokenStream::new(),
    };
    quote!(#name #guard => ::core::option::Option::Some(#value))
}
