//! The part of serde's attributes that decides the shape of a type. What is not followed is refused by name.

use crate::case::Case;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, LitStr, Result, Token};

/// How an enum's variant is told from its value.
#[derive(Clone, Debug, Default)]
pub(crate) enum Tagging {
    /// `{"variant": payload}`.
    #[default]
    External,
    /// `{"tag": "variant", …fields}`.
    Internal { tag: String },
    /// `{"tag": "variant", "content": payload}`.
    Adjacent { tag: String, content: String },
}

/// Attributes of a struct or an enum.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContainerAttributes {
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Case,
    pub(crate) rename_all_fields: Case,
    pub(crate) tagging: Tagging,
    pub(crate) has_default: bool,
    pub(crate) is_transparent: bool,
}

/// Attributes of a variant.
#[derive(Clone, Debug, Default)]
pub(crate) struct VariantAttributes {
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Option<Case>,
    pub(crate) is_skipped: bool,
}

/// Attributes of a field.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldAttributes {
    pub(crate) rename: Option<String>,
    pub(crate) has_default: bool,
    pub(crate) is_skipped: bool,
}

impl ContainerAttributes {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut parsed = Self::default();
        let mut tag: Option<String> = None;
        let mut content: Option<LitStr> = None;
        each(attributes, |name, meta| {
            match name {
                "rename" => parsed.rename = Some(text(meta)?.value()),
                "rename_all" => parsed.rename_all = Case::parse(&text(meta)?)?,
                "rename_all_fields" => parsed.rename_all_fields = Case::parse(&text(meta)?)?,
                "tag" => tag = Some(text(meta)?.value()),
                "content" => content = Some(text(meta)?),
                "default" => parsed.has_default = true,
                "transparent" => parsed.is_transparent = true,
                "deny_unknown_fields" | "bound" | "crate" | "expecting" => {}
                "untagged" => {
                    return Err(meta.error(
                        "`#[serde(untagged)]` leaves open which variant a value is: name the variant with \
                         `#[serde(tag = \"…\")]`, or leave the attribute out",
                    ));
                }
                _ => return Err(refusal(name, meta)),
            }
            skip_value(meta)
        })?;
        parsed.tagging = match (tag, content) {
            (None, None) => Tagging::External,
            (Some(tag), None) => Tagging::Internal { tag },
            (Some(tag), Some(content)) => Tagging::Adjacent { tag, content: content.value() },
            (None, Some(content)) => {
                return Err(Error::new(content.span(), "`content` needs `tag` next to it"));
            }
        };
        Ok(parsed)
    }
}

impl VariantAttributes {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut parsed = Self::default();
        each(attributes, |name, meta| {
            match name {
                "rename" => parsed.rename = Some(text(meta)?.value()),
                "rename_all" => parsed.rename_all = Some(Case::parse(&text(meta)?)?),
                "skip" | "skip_deserializing" => parsed.is_skipped = true,
                "alias" | "bound" | "borrow" => {}
                _ => return Err(refusal(name, meta)),
            }
            skip_value(meta)
        })?;
        Ok(parsed)
    }
}

impl FieldAttributes {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut parsed = Self::default();
        each(attributes, |name, meta| {
            match name {
                "rename" => parsed.rename = Some(text(meta)?.value()),
                "default" => parsed.has_default = true,
                "skip" | "skip_deserializing" => parsed.is_skipped = true,
                "alias" | "bound" | "borrow" | "skip_serializing" | "skip_serializing_if" => {}
                "flatten" => {
                    return Err(meta.error(
                        "`#[serde(flatten)]` cannot be followed: write the inner fields out here, or nest them",
                    ));
                }
                _ => return Err(refusal(name, meta)),
            }
            skip_value(meta)
        })?;
        Ok(parsed)
    }
}

/// Calls `take` with each `name`, `name = …` and `name(…)` of the serde attributes.
fn each(attributes: &[Attribute], mut take: impl FnMut(&str, &ParseNestedMeta<'_>) -> Result<()>) -> Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            take(&name, &meta)
        })?;
    }
    Ok(())
}

/// The string of `name = "…"`.
fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    if !meta.input.peek(Token![=]) {
        return Err(meta.error(
            "a name that differs between reading and writing cannot be followed: write `= \"…\"` for both at once",
        ));
    }
    meta.value()?.parse()
}

/// Passes over a value that the shape does not depend on.
fn skip_value(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in meta.input);
        content.parse::<proc_macro2::TokenStream>()?;
    }
    Ok(())
}

fn refusal(name: &str, meta: &ParseNestedMeta<'_>) -> Error {
    meta.error(format!(
        "`#[serde({name})]` changes what is read in a way that guided generation cannot follow: leave it out, or \
         implement `reinette::Generable` by hand"
    ))
}
