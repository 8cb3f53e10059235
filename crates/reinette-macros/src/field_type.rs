//! What a field's type says about the guides it can carry.

use syn::{GenericArgument, PathArguments, Type};

/// A field's type without `Option`.
pub(crate) struct FieldType<'a> {
    /// The type inside `Option`, or the type itself.
    pub(crate) value: &'a Type,
    /// Whether there was an `Option`.
    pub(crate) nullable: Nullable,
    /// What guides see of `value`.
    pub(crate) kind: Kind<'a>,
}

/// Whether a value may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nullable {
    Yes,
    No,
}

/// The kinds of types that guides tell apart.
pub(crate) enum Kind<'a> {
    Text,
    Boolean,
    /// Whole numbers from `minimum` to `maximum`.
    Integer {
        minimum: i64,
        maximum: i64,
    },
    Float,
    List(&'a Type),
    Other,
}

/// The largest integer that every JSON reader takes exactly: 2⁵³ − 1 (RFC 7493, section 2.2).
const EXACT_INTEGER_LIMIT: i64 = (1 << 53) - 1;

impl<'a> FieldType<'a> {
    pub(crate) fn of(written: &'a Type) -> Self {
        let (value, nullable) = match argument_of(written, &["Option"]) {
            Some(inner) => (inner, Nullable::Yes),
            None => (written, Nullable::No),
        };
        Self { value, nullable, kind: Kind::of(value) }
    }
}

impl<'a> Kind<'a> {
    pub(crate) fn of(written: &'a Type) -> Self {
        if let Some(inner) = argument_of(written, &["Box"]) {
            return Self::of(inner);
        }
        if let Some(element) = argument_of(written, &["Vec", "VecDeque", "BTreeSet", "HashSet"]) {
            return Self::List(element);
        }
        let Some(name) = last_segment(written) else { return Self::Other };
        match name.as_str() {
            "String" => Self::Text,
            "bool" => Self::Boolean,
            "f32" | "f64" => Self::Float,
            "i8" => Self::Integer { minimum: i8::MIN.into(), maximum: i8::MAX.into() },
            "i16" => Self::Integer { minimum: i16::MIN.into(), maximum: i16::MAX.into() },
            "i32" => Self::Integer { minimum: i32::MIN.into(), maximum: i32::MAX.into() },
            "u8" => Self::Integer { minimum: 0, maximum: u8::MAX.into() },
            "u16" => Self::Integer { minimum: 0, maximum: u16::MAX.into() },
            "u32" => Self::Integer { minimum: 0, maximum: u32::MAX.into() },
            "i64" | "isize" => Self::Integer { minimum: -EXACT_INTEGER_LIMIT, maximum: EXACT_INTEGER_LIMIT },
            "u64" | "usize" => Self::Integer { minimum: 0, maximum: EXACT_INTEGER_LIMIT },
            _ => Self::Other,
        }
    }

    /// What a message calls it.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Boolean => "a `bool`",
            Self::Integer { .. } => "a whole number",
            Self::Float => "a number",
            Self::List(_) => "a list",
            Self::Other => "a type of its own",
        }
    }
}

fn last_segment(written: &Type) -> Option<String> {
    match written {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(parenthesised) => last_segment(&parenthesised.elem),
        _ => None,
    }
}

/// `T` of `Wrapper<T>` where `Wrapper` is among `names`.
fn argument_of<'a>(written: &'a Type, names: &[&str]) -> Option<&'a Type> {
    let path = match written {
        Type::Path(path) => path,
        Type::Group(group) => return argument_of(&group.elem, names),
        Type::Paren(parenthesised) => return argument_of(&parenthesised.elem, names),
        _ => return None,
    };
    let segment = path.path.segments.last()?;
    if !names.iter().any(|name| segment.ident == name) {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    })
}
