//! The types of the standard library, and dates and times.

use super::{Generable, NamedTypes, PartialValue};
use crate::Schema;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};

/// The largest integer that every JSON reader takes exactly: 2⁵³ − 1 (RFC 7493, section 2.2).
const EXACT_INTEGER_LIMIT: i64 = (1 << 53) - 1;

/// The calendar's days, leap years included, for years from 0000 to 9999.
const DATE_PATTERN: &str = concat!(
    r"(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)",
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))",
    r"|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
);

/// Hours, minutes and seconds.
const TIME_PATTERN: &str = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]";

/// Implements [`Generable`] for types whose shape depends on no other type.
macro_rules! plain {
    ($($type:ty => $shape:expr;)+) => {
        $(impl Generable for $type {
            type Partial = Self;

            fn partial(known: &PartialValue) -> Option<Self> {
                known.whole()
            }

            fn shape(_types: &mut NamedTypes) -> Schema {
                $shape
            }
        })+
    };
}

plain! {
    char => Schema::text().with("minLength", 1).with("maxLength", 1);
    bool => Schema::boolean();
    () => Schema::null();
    i8 => Schema::integer(i8::MIN.into(), i8::MAX.into());
    i16 => Schema::integer(i16::MIN.into(), i16::MAX.into());
    i32 => Schema::integer(i32::MIN.into(), i32::MAX.into());
    i64 => Schema::integer(-EXACT_INTEGER_LIMIT, EXACT_INTEGER_LIMIT);
    isize => Schema::integer(-EXACT_INTEGER_LIMIT, EXACT_INTEGER_LIMIT);
    u8 => Schema::integer(0, u8::MAX.into());
    u16 => Schema::integer(0, u16::MAX.into());
    u32 => Schema::integer(0, u32::MAX.into());
    u64 => Schema::integer(0, EXACT_INTEGER_LIMIT);
    usize => Schema::integer(0, EXACT_INTEGER_LIMIT);
    f32 => Schema::new(serde_json::json!({"type": "number"}));
    f64 => Schema::new(serde_json::json!({"type": "number"}));
    jiff::civil::Date => Schema::text().with("pattern", format!("^{DATE_PATTERN}$"));
    jiff::civil::Time => Schema::text().with("pattern", format!("^{TIME_PATTERN}$"));
    jiff::civil::DateTime => Schema::text().with("pattern", format!("^{DATE_PATTERN}T{TIME_PATTERN}$"));
}

/// Every digit that a decimal holds exactly, written as serde writes it: a string.
#[cfg(feature = "decimal")]
const DECIMAL_PATTERN: &str = "^-?(?:0|[1-9][0-9]{0,15})(?:\\.[0-9]{1,12})?$";

#[cfg(feature = "decimal")]
plain! {
    rust_decimal::Decimal => Schema::text().with("pattern", DECIMAL_PATTERN);
}

impl Generable for String {
    type Partial = Self;

    fn partial(known: &PartialValue) -> Option<Self> {
        match known {
            PartialValue::Text { text, .. } => Some(text.clone()),
            _ => None,
        }
    }

    fn shape(_types: &mut NamedTypes) -> Schema {
        Schema::text()
    }
}

impl<T: Generable> Generable for Option<T> {
    type Partial = Option<T::Partial>;

    fn partial(known: &PartialValue) -> Option<Self::Partial> {
        if *known == PartialValue::Null { Some(None) } else { T::partial(known).map(Some) }
    }

    fn shape(types: &mut NamedTypes) -> Schema {
        Schema::any_of([T::shape(types), Schema::null()])
    }
}

impl<T: Generable> Generable for Box<T> {
    type Partial = Box<T::Partial>;

    fn partial(known: &PartialValue) -> Option<Self::Partial> {
        T::partial(known).map(Box::new)
    }

    fn shape(types: &mut NamedTypes) -> Schema {
        T::shape(types)
    }
}

/// Implements [`Generable`] for lists.
macro_rules! list {
    ($($type:ty where [$($bounds:tt)*];)+) => {
        $(impl<$($bounds)*> Generable for $type {
            type Partial = Vec<T::Partial>;

            fn partial(known: &PartialValue) -> Option<Self::Partial> {
                Some(known.elements()?.iter().filter_map(T::partial).collect())
            }

            fn shape(types: &mut NamedTypes) -> Schema {
                Schema::array(T::shape(types))
            }
        })+
    };
}

list! {
    Vec<T> where [T: Generable];
    VecDeque<T> where [T: Generable];
    BTreeSet<T> where [T: Generable + Ord];
    HashSet<T, S> where [T: Generable + Eq + Hash, S: BuildHasher + Default];
}

impl<T: Generable> Generable for BTreeMap<String, T> {
    type Partial = BTreeMap<String, T::Partial>;

    fn partial(known: &PartialValue) -> Option<Self::Partial> {
        Some(entries::<T>(known.properties()?))
    }

    fn shape(types: &mut NamedTypes) -> Schema {
        Schema::map(T::shape(types))
    }
}

/// What is known of the entries of a map.
fn entries<T: Generable>(known: &[(String, PartialValue)]) -> BTreeMap<String, T::Partial> {
    known.iter().filter_map(|(name, value)| Some((name.clone(), T::partial(value)?))).collect()
}

impl<T: Generable, S: BuildHasher + Default> Generable for HashMap<String, T, S> {
    type Partial = BTreeMap<String, T::Partial>;

    fn partial(known: &PartialValue) -> Option<Self::Partial> {
        Some(entries::<T>(known.properties()?))
    }

    fn shape(types: &mut NamedTypes) -> Schema {
        Schema::map(T::shape(types))
    }
}

/// Implements [`Generable`] for tuples.
macro_rules! tuple {
    ($($element:ident),+) => {
        impl<$($element: Generable),+> Generable for ($($element,)+) {
            type Partial = ($(Option<$element::Partial>,)+);

            fn partial(known: &PartialValue) -> Option<Self::Partial> {
                let mut elements = known.elements()?.iter();
                Some(($(elements.next().and_then($element::partial),)+))
            }

            fn shape(types: &mut NamedTypes) -> Schema {
                Schema::tuple([$($element::shape(types)),+])
            }
        }
    };
}

tuple!(A);
tuple!(A, B);
tuple!(A, B, C);
tuple!(A, B, C, D);
tuple!(A, B, C, D, E);
tuple!(A, B, C, D, E, F);
