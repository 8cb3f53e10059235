//! Parses `#[guide(…)]`.

use crate::number::{Ends, Interval, Number, NumberValue};
use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Lit, LitStr, Result, Token};

/// All guides of a field.
#[derive(Default)]
pub(crate) struct Guides {
    /// In place of the doc comment.
    pub(crate) description: Option<String>,
    /// In the order in which they are written.
    pub(crate) rules: Vec<Guide>,
}

/// One guide.
pub(crate) struct Guide {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) rule: Rule,
}

/// What a guide asks of a value.
pub(crate) enum Rule {
    Bounds(Ends),
    Pattern(LitStr),
    Length(Interval),
    Count(Interval),
    AnyOf(Vec<Choice>),
    Constant(Choice),
    Span,
    Unique,
    Element(Guides),
}

/// A value that is written out.
pub(crate) struct Choice {
    pub(crate) value: ChoiceValue,
    pub(crate) span: Span,
}

/// The values that can be written out.
#[derive(PartialEq)]
pub(crate) enum ChoiceValue {
    Text(String),
    Boolean(bool),
    Number(NumberValue),
}

const GUIDE_NAMES: &str = "range, minimum, maximum, length, pattern, span, any_of, constant, count, unique, element, \
                           description";

impl Guides {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut guides = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("guide")) {
            attribute.parse_nested_meta(|meta| guides.take(&meta))?;
        }
        guides.check_pairs()?;
        Ok(guides)
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        let rule = match name.as_str() {
            "description" => {
                self.description = Some(meta.value()?.parse::<LitStr>()?.value());
                return Ok(());
            }
            "range" => Rule::Bounds(Ends::from_expression(&meta.value()?.parse()?)?),
            "minimum" => Rule::Bounds(Ends { start: Some(number(meta)?), ..Ends::default() }),
            "maximum" => Rule::Bounds(Ends { end: Some(number(meta)?), ..Ends::default() }),
            "pattern" => Rule::Pattern(meta.value()?.parse()?),
            "length" => Rule::Length(Interval::from_expression(&meta.value()?.parse()?)?),
            "count" => Rule::Count(Interval::from_expression(&meta.value()?.parse()?)?),
            "constant" => Rule::Constant(Choice::from_expression(&meta.value()?.parse()?)?),
            "any_of" => Rule::AnyOf(choices(meta)?),
            "span" => Rule::Span,
            "unique" => Rule::Unique,
            "element" => {
                let mut element = Self::default();
                meta.parse_nested_meta(|inner| element.take(&inner))?;
                element.check_pairs()?;
                Rule::Element(element)
            }
            _ => return Err(meta.error(format!("there is no guide `{name}`; there are {GUIDE_NAMES}"))),
        };
        self.rules.push(Guide { name, span: meta.path.span(), rule });
        Ok(())
    }

    /// Refuses guides that say the same thing twice or cannot stand together.
    fn check_pairs(&self) -> Result<()> {
        for (index, second) in self.rules.iter().enumerate() {
            for first in &self.rules[..index] {
                if let Some(advice) = conflict(&first.name, &second.name) {
                    let pair = format!("`{}` and `{}` do not go together: {advice}", first.name, second.name);
                    return Err(Error::new(second.span, pair));
                }
            }
        }
        Ok(())
    }
}

/// Why two guides cannot stand on one field.
fn conflict(first: &str, second: &str) -> Option<String> {
    let either = |name: &str| first == name || second == name;
    if first == second {
        return Some("say it once".to_owned());
    }
    for whole in ["any_of", "constant"] {
        if either(whole) {
            return Some(format!("`{whole}` already says every value there can be"));
        }
    }
    if either("span") {
        return Some("a span is whatever the user said; check it after it was copied".to_owned());
    }
    if either("range") && (either("minimum") || either("maximum")) {
        return Some("put both ends into `range`".to_owned());
    }
    if either("pattern") && either("length") {
        return Some("say the length in the pattern, as in `[a-z]{1,8}`".to_owned());
    }
    None
}

fn number(meta: &ParseNestedMeta<'_>) -> Result<Number> {
    Number::from_expression(&meta.value()?.parse()?)
}

fn choices(meta: &ParseNestedMeta<'_>) -> Result<Vec<Choice>> {
    let content;
    syn::parenthesized!(content in meta.input);
    let expressions = Punctuated::<Expr, Token![,]>::parse_terminated(&content)?;
    let mut choices: Vec<Choice> = Vec::new();
    for expression in &expressions {
        let choice = Choice::from_expression(expression)?;
        if choices.iter().any(|other| other.value == choice.value) {
            return Err(Error::new(choice.span, "this value is already in the list"));
        }
        choices.push(choice);
    }
    if choices.is_empty() {
        return Err(meta.error("no value can be one of none: list the values, as in `any_of(\"low\", \"high\")`"));
    }
    Ok(choices)
}

impl Choice {
    fn from_expression(expression: &Expr) -> Result<Self> {
        let value = match expression {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => ChoiceValue::Text(text.value()),
            Expr::Lit(ExprLit { lit: Lit::Bool(boolean), .. }) => ChoiceValue::Boolean(boolean.value),
            _ => ChoiceValue::Number(Number::from_expression(expression)?.value),
        };
        Ok(Self { value, span: expression.span() })
    }
}
