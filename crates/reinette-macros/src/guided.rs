//! Holds guides against the type they stand on, and writes them as schema keywords.

use crate::field_type::{FieldType, Kind, Nullable};
use crate::guides::{Choice, ChoiceValue, Guide, Guides, Rule};
use crate::number::{Ends, Interval, Number, NumberValue};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, LitStr, Result, Type};

/// The schema of a value of the type `written` under `guides`; `null` is among its values if the type is an `Option`.
pub(crate) fn schema(written: &Type, guides: &Guides) -> Result<TokenStream> {
    let field = FieldType::of(written);
    let value = value_schema(&field, guides)?;
    Ok(match field.nullable {
        Nullable::No => value,
        Nullable::Yes => quote!(::reinette::Schema::any_of([#value, ::reinette::Schema::null()])),
    })
}

/// As [`schema`], without `null`.
pub(crate) fn value_schema(field: &FieldType<'_>, guides: &Guides) -> Result<TokenStream> {
    let value = field.value;
    let mut schema = quote_spanned!(value.span()=> <#value as ::reinette::Generable>::shape(types));
    for guide in &guides.rules {
        schema = apply(guide, guides, field, &schema)?;
    }
    if let Some(description) = &guides.description {
        schema = quote!(#schema.describe(#description));
    }
    Ok(schema)
}

/// `schema` narrowed by one guide.
fn apply(guide: &Guide, all: &Guides, field: &FieldType<'_>, schema: &TokenStream) -> Result<TokenStream> {
    match (&guide.rule, &field.kind) {
        (Rule::Bounds(ends), Kind::Integer { minimum, maximum }) => {
            check_order(*ends, guide)?;
            integer_bounds(*ends, *minimum, *maximum, schema)
        }
        (Rule::Bounds(ends), Kind::Float) => {
            check_order(*ends, guide)?;
            Ok(float_bounds(*ends, schema))
        }
        (Rule::Pattern(pattern), Kind::Text) => {
            check_pattern(pattern)?;
            let whole = format!("^(?:{})$", pattern.value());
            Ok(quote!(#schema.with("pattern", #whole)))
        }
        (Rule::Length(interval), Kind::Text) => Ok(interval_keywords(*interval, "minLength", "maxLength", schema)),
        (Rule::Count(interval), Kind::List(_)) => Ok(interval_keywords(*interval, "minItems", "maxItems", schema)),
        (Rule::AnyOf(choices), kind) => {
            choices.iter().try_for_each(|choice| check_choice(choice, kind, guide))?;
            let values = choices.iter().map(|choice| choice_value(choice, kind));
            Ok(quote!(#schema.with("enum", ::std::vec![#(#values),*])))
        }
        (Rule::Constant(choice), kind) => {
            check_choice(choice, kind, guide)?;
            let value = choice_value(choice, kind);
            Ok(quote!(#schema.with("const", #value)))
        }
        (Rule::Span, Kind::Text) => Ok(quote!(#schema.with(::reinette::Schema::SPAN, true))),
        (Rule::Unique, Kind::List(element)) => {
            check_unique(guide, all, &Kind::of(element))?;
            Ok(quote!(#schema.with("uniqueItems", true)))
        }
        (Rule::Element(guides), Kind::List(element)) => {
            let element = self::schema(element, guides)?;
            Ok(quote!({
                let element = #element;
                #schema.with("items", element.as_json().clone())
            }))
        }
        (_, kind) => Err(misplaced(guide, kind)),
    }
}

/// Why a guide does not fit the kind of its field.
fn misplaced(guide: &Guide, kind: &Kind<'_>) -> Error {
    let belongs_on = match guide.rule {
        Rule::Bounds(_) => "numbers",
        Rule::Pattern(_) | Rule::Length(_) | Rule::Span => "strings",
        Rule::Count(_) | Rule::Unique | Rule::Element(_) => "lists",
        Rule::AnyOf(_) | Rule::Constant(_) => "strings, numbers and `bool`",
    };
    let advice = match (&guide.rule, kind) {
        (Rule::Pattern(_) | Rule::Length(_) | Rule::Bounds(_) | Rule::Span, Kind::List(_)) => {
            format!("; to guide the elements write `element({} …)`", guide.name)
        }
        (Rule::Length(_), Kind::Integer { .. } | Kind::Float) => "; for the size of a number write `range`".to_owned(),
        (_, Kind::Other) => "; put it on the fields inside that type".to_owned(),
        _ => String::new(),
    };
    Error::new(guide.span, format!("`{}` guides {belongs_on}, and this is {}{advice}", guide.name, kind.noun()))
}

fn check_order(ends: Ends, guide: &Guide) -> Result<()> {
    let (Some(start), Some(end)) = (ends.start, ends.end) else { return Ok(()) };
    let is_empty = if ends.end_is_excluded {
        start.value.as_f64() >= end.value.as_f64()
    } else {
        start.value.as_f64() > end.value.as_f64()
    };
    if is_empty {
        return Err(Error::new(guide.span, "no number lies in this range: its start comes after its end"));
    }
    Ok(())
}

fn integer_bounds(ends: Ends, minimum: i64, maximum: i64, schema: &TokenStream) -> Result<TokenStream> {
    let start = ends.start.map(|start| integer_within(start, minimum, maximum)).transpose()?;
    // The end that is left out may lie one past the largest value.
    let past = i64::from(ends.end_is_excluded);
    let end = ends.end.map(|end| integer_within(end, minimum, maximum + past)).transpose()?.map(|end| end - past);
    if let (None, Some(end), Some(written)) = (start, end, ends.end)
        && end < minimum
    {
        return Err(Error::new(written.span, format!("no value of this type is below {}", end + past)));
    }
    let start = start.map(|start| quote!(.with("minimum", #start)));
    let end = end.map(|end| quote!(.with("maximum", #end)));
    Ok(quote!(#schema #start #end))
}

fn integer_within(number: Number, minimum: i64, maximum: i64) -> Result<i64> {
    match number.value {
        NumberValue::Integer(value) if (minimum..=maximum).contains(&value) => Ok(value),
        NumberValue::Integer(value) => Err(Error::new(
            number.span,
            format!("{value} does not fit: this type holds {minimum} to {maximum} in JSON"),
        )),
        NumberValue::Float(_) => Err(Error::new(number.span, "the field is a whole number: write a whole number")),
    }
}

fn float_bounds(ends: Ends, schema: &TokenStream) -> TokenStream {
    let start = ends.start.map(|start| quote!(.with("minimum", #start)));
    let keyword = if ends.end_is_excluded { "exclusiveMaximum" } else { "maximum" };
    let end = ends.end.map(|end| quote!(.with(#keyword, #end)));
    quote!(#schema #start #end)
}

fn interval_keywords(interval: Interval, minimum: &str, maximum: &str, schema: &TokenStream) -> TokenStream {
    let start = interval.minimum.map(|value| quote!(.with(#minimum, #value)));
    let end = interval.maximum.map(|value| quote!(.with(#maximum, #value)));
    quote!(#schema #start #end)
}

/// A pattern is matched against the whole string, so it is a plain regular expression without look-around.
fn check_pattern(pattern: &LitStr) -> Result<()> {
    let parsed = regex_syntax::parse(&pattern.value()).map_err(|error| {
        let reason = match error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            other => other.to_string(),
        };
        Error::new(pattern.span(), format!("this is no regular expression: {reason}"))
    })?;
    if parsed.properties().look_set().is_empty() {
        return Ok(());
    }
    Err(Error::new(pattern.span(), "a pattern is matched against the whole string: leave out `^`, `$` and `\\b`"))
}

fn check_choice(choice: &Choice, kind: &Kind<'_>, guide: &Guide) -> Result<()> {
    match (&choice.value, kind) {
        (ChoiceValue::Text(_), Kind::Text)
        | (ChoiceValue::Boolean(_), Kind::Boolean)
        | (ChoiceValue::Number(_), Kind::Float) => Ok(()),
        (ChoiceValue::Number(number), Kind::Integer { minimum, maximum }) => {
            let number = Number { value: *number, span: choice.span };
            integer_within(number, *minimum, *maximum).map(|_| ())
        }
        (_, Kind::List(_) | Kind::Other) => Err(misplaced(guide, kind)),
        (_, kind) => Err(Error::new(choice.span, format!("the field is {}, and this value is not", kind.noun()))),
    }
}

/// The value as a Rust literal; all of one field have the same type.
fn choice_value(choice: &Choice, kind: &Kind<'_>) -> TokenStream {
    match (&choice.value, kind) {
        (ChoiceValue::Text(text), _) => quote!(#text),
        (ChoiceValue::Boolean(boolean), _) => quote!(#boolean),
        (ChoiceValue::Number(number), Kind::Float) => {
            let number = number.as_f64();
            quote!(#number)
        }
        (ChoiceValue::Number(number), _) => quote!(#number),
    }
}

/// Unique elements can be kept apart only when they come from a list, and there must be enough of them.
fn check_unique(unique: &Guide, all: &Guides, element: &Kind<'_>) -> Result<()> {
    let choices = all.rules.iter().find_map(|guide| match &guide.rule {
        Rule::Element(element) => element.rules.iter().find_map(|guide| match &guide.rule {
            Rule::AnyOf(choices) => Some(choices.len()),
            Rule::Constant(_) => Some(1),
            _ => None,
        }),
        _ => None,
    });
    let minimum = all.rules.iter().find_map(|guide| match guide.rule {
        Rule::Count(Interval { minimum, .. }) => minimum,
        _ => None,
    });
    match (choices, element) {
        (None, Kind::Text | Kind::Float | Kind::List(_)) => Err(Error::new(
            unique.span,
            "`unique` needs elements out of a list: make them an enum, or add `element(any_of(…))`",
        )),
        (Some(choices), _) if minimum.is_some_and(|minimum| usize::try_from(minimum).is_ok_and(|m| m > choices)) => {
            Err(Error::new(
                unique.span,
                format!("there are only {choices} different elements, and `count` asks for more"),
            ))
        }
        _ => Ok(()),
    }
}
