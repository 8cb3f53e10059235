//! A type in the shape that serde gives it.

use crate::case::Case;
use crate::documentation;
use crate::guides::Guides;
use crate::serde_attributes::{ContainerAttributes, FieldAttributes, Tagging, VariantAttributes};
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DeriveInput, Error, Fields, Generics, Ident, Result, Type, Visibility};

/// A type to derive for.
pub(crate) struct Container<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) visibility: &'a Visibility,
    pub(crate) generics: &'a Generics,
    /// What a schema calls the type when it refers to it.
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) body: Body<'a>,
}

/// What a type consists of.
pub(crate) enum Body<'a> {
    Struct(Payload<'a>),
    Enum { variants: Vec<Variant<'a>>, tagging: Tagging },
}

/// The fields of a struct or of a variant.
pub(crate) enum Payload<'a> {
    Unit,
    /// One value that stands for itself.
    Newtype(Field<'a>),
    Tuple(Vec<Field<'a>>),
    Object(Vec<Property<'a>>),
}

/// A value and its guides.
pub(crate) struct Field<'a> {
    pub(crate) written: &'a Type,
    pub(crate) guides: Guides,
}

/// A named field.
pub(crate) struct Property<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) visibility: &'a Visibility,
    pub(crate) name: String,
    pub(crate) field: Field<'a>,
    /// Whether serde fills it in when it is missing.
    pub(crate) has_default: bool,
}

/// A variant of an enum.
pub(crate) struct Variant<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) payload: Payload<'a>,
}

impl<'a> Container<'a> {
    pub(crate) fn parse(input: &'a DeriveInput) -> Result<Self> {
        if let Some(lifetime) = input.generics.lifetimes().next() {
            return Err(Error::new(
                lifetime.span(),
                "a model produces values that own what they hold: use `String` in place of `&str`, and no lifetimes",
            ));
        }
        let attributes = ContainerAttributes::parse(&input.attrs)?;
        let guides = Guides::parse(&input.attrs)?;
        if let Some(guide) = guides.rules.first() {
            return Err(Error::new(guide.span, format!("`{}` guides a field: put it on one", guide.name)));
        }
        let body = match &input.data {
            Data::Struct(data) => Body::Struct(struct_payload(&data.fields, &attributes, input)?),
            Data::Enum(data) => {
                Body::Enum { variants: variants(data, &attributes, input)?, tagging: attributes.tagging }
            }
            Data::Union(data) => {
                return Err(Error::new(data.union_token.span, "a union has no shape that serde knows: use an enum"));
            }
        };
        Ok(Self {
            ident: &input.ident,
            visibility: &input.vis,
            generics: &input.generics,
            name: attributes.rename.unwrap_or_else(|| input.ident.to_string()),
            description: guides.description.or_else(|| documentation::of(&input.attrs)),
            body,
        })
    }
}

fn struct_payload<'a>(
    fields: &'a Fields,
    attributes: &ContainerAttributes,
    input: &'a DeriveInput,
) -> Result<Payload<'a>> {
    if !matches!(attributes.tagging, Tagging::External) {
        return Err(Error::new(input.ident.span(), "`tag` tells the variants of an enum apart: leave it off a struct"));
    }
    let payload = payload(fields, attributes.rename_all, attributes.has_default)?;
    match payload {
        Payload::Unit => {
            Err(Error::new(input.ident.span(), "this struct holds nothing that a model could say: give it fields"))
        }
        Payload::Object(mut properties) if attributes.is_transparent && properties.len() == 1 => {
            Ok(Payload::Newtype(properties.swap_remove(0).field))
        }
        payload => Ok(payload),
    }
}

fn payload(fields: &Fields, case: Case, all_have_defaults: bool) -> Result<Payload<'_>> {
    match fields {
        Fields::Unit => Ok(Payload::Unit),
        Fields::Named(named) => {
            let mut properties = Vec::new();
            for field in &named.named {
                let attributes = FieldAttributes::parse(&field.attrs)?;
                let Some(ident) = field.ident.as_ref().filter(|_| !attributes.is_skipped) else { continue };
                let name =
                    attributes.rename.unwrap_or_else(|| case.of_field(ident.to_string().trim_start_matches("r#")));
                let has_default = attributes.has_default || all_have_defaults;
                properties.push(Property {
                    ident,
                    visibility: &field.vis,
                    name,
                    field: Field::parse(field)?,
                    has_default,
                });
            }
            Ok(Payload::Object(properties))
        }
        Fields::Unnamed(unnamed) => {
            let mut values = Vec::new();
            for field in &unnamed.unnamed {
                let attributes = FieldAttributes::parse(&field.attrs)?;
                if attributes.is_skipped || attributes.has_default {
                    return Err(Error::new(field.span(), "a place in a tuple cannot be left out: use a named field"));
                }
                values.push(Field::parse(field)?);
            }
            match values.len() {
                0 => Err(Error::new(unnamed.span(), "there is nothing in these parentheses: leave them out")),
                1 => Ok(Payload::Newtype(values.swap_remove(0))),
                _ => Ok(Payload::Tuple(values)),
            }
        }
    }
}

fn variants<'a>(
    data: &'a DataEnum,
    attributes: &ContainerAttributes,
    input: &'a DeriveInput,
) -> Result<Vec<Variant<'a>>> {
    let mut variants = Vec::new();
    for variant in &data.variants {
        let own = VariantAttributes::parse(&variant.attrs)?;
        if own.is_skipped {
            continue;
        }
        let guides = Guides::parse(&variant.attrs)?;
        if let Some(guide) = guides.rules.first() {
            return Err(Error::new(guide.span, format!("`{}` guides a field: put it inside the variant", guide.name)));
        }
        let case = own.rename_all.unwrap_or(attributes.rename_all_fields);
        variants.push(Variant {
            ident: &variant.ident,
            name: own.rename.unwrap_or_else(|| attributes.rename_all.of_variant(&variant.ident.to_string())),
            description: guides.description.or_else(|| documentation::of(&variant.attrs)),
            payload: payload(&variant.fields, case, false)?,
        });
    }
    if variants.is_empty() {
        return Err(Error::new(input.ident.span(), "this enum has no variant that a model could say"));
    }
    Ok(variants)
}

impl<'a> Field<'a> {
    fn parse(field: &'a syn::Field) -> Result<Self> {
        let mut guides = Guides::parse(&field.attrs)?;
        guides.description = guides.description.or_else(|| documentation::of(&field.attrs));
        Ok(Self { written: &field.ty, guides })
    }
}
