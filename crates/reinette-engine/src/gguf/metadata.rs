//! The key–value part of a GGUF file.

use rustc_hash::FxHashMap;

use super::reader::Reader;
use super::value::{Array, Value, ValueType};
use super::{GgufError, MAX_KEY_BYTES};

/// Most metadata entries; real files have fewer than a hundred.
const MAX_ENTRIES: u64 = 65_536;

/// Fewest bytes of an entry: the key's length, the type, and a value of one byte.
const LEAST_ENTRY_BYTES: u64 = 8 + 4 + 1;

/// A value without the lifetime of the file: small ones owned, arrays by where they stand.
#[derive(Debug)]
enum Stored {
    Scalar(Value<'static>),
    String(Box<str>),
    Array { element_type: ValueType, length: usize, start: usize, end: usize },
}

impl Stored {
    fn read(reader: &mut Reader<'_>, value_type: ValueType) -> Result<Self, GgufError> {
        Ok(match value_type {
            // The length of the file bounds the strings; there is no reason to be stricter with a chat template.
            ValueType::String => Stored::String(reader.string("a metadata string", u64::MAX)?.into()),
            ValueType::Array => {
                let array = Array::read(reader, 1)?;
                let end = reader.position();
                let start = end - array.as_bytes().len();
                Stored::Array { element_type: array.element_type(), length: array.len(), start, end }
            }
            scalar => Stored::Scalar(Value::read_scalar(reader, scalar)?),
        })
    }
}

#[derive(Debug)]
struct Entry {
    key: Box<str>,
    value: Stored,
}

/// All entries, in the order of the file.
#[derive(Debug)]
pub(super) struct Table {
    entries: Vec<Entry>,
    by_key: FxHashMap<Box<str>, usize>,
}

impl Table {
    pub(super) fn read(reader: &mut Reader<'_>, count: usize) -> Result<Self, GgufError> {
        let mut entries = Vec::with_capacity(count);
        let mut by_key = FxHashMap::default();
        for index in 0..count {
            let offset = reader.position();
            let key = reader.string("a metadata key", MAX_KEY_BYTES)?;
            let value_type = ValueType::read(reader)?;
            let value = Stored::read(reader, value_type)?;
            if by_key.insert(key.into(), index).is_some() {
                return Err(GgufError::DuplicateKey { key: key.into(), offset });
            }
            entries.push(Entry { key: key.into(), value });
        }
        Ok(Table { entries, by_key })
    }

    pub(super) fn read_count(reader: &mut Reader<'_>) -> Result<usize, GgufError> {
        reader.count("the number of metadata entries", MAX_ENTRIES, LEAST_ENTRY_BYTES)
    }
}

/// The key–value part of a GGUF file.
///
/// The getters named after a type need the key to be there; [`Metadata::find`] is for the keys that may be absent.
/// Whole numbers are taken whatever width the file's writer chose for them, as long as the value fits.
#[derive(Debug, Clone, Copy)]
pub struct Metadata<'a> {
    table: &'a Table,
    file: &'a [u8],
}

impl<'a> Metadata<'a> {
    pub(super) fn new(table: &'a Table, file: &'a [u8]) -> Self {
        Metadata { table, file }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.table.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.table.entries.is_empty()
    }

    /// The entries, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let metadata = *self;
        self.table.entries.iter().map(move |entry| (&*entry.key, metadata.value(&entry.value)))
    }

    /// The value of `key`, of whatever type; `None` when the file has no such key.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let index = *self.table.by_key.get(key)?;
        Some(self.value(&self.table.entries[index].value))
    }

    fn value(&self, stored: &'a Stored) -> Value<'a> {
        match stored {
            Stored::Scalar(value) => *value,
            Stored::String(text) => Value::String(text),
            Stored::Array { element_type, length, start, end } => {
                Value::Array(Array::from_parts(*element_type, *length, &self.file[*start..*end]))
            }
        }
    }

    /// The value of `key` as a `T`, or `None` when the file has no such key.
    ///
    /// # Errors
    /// [`GgufError::WrongType`] when the value is no `T`.
    pub fn find<T: FromValue<'a>>(&self, key: &str) -> Result<Option<T>, GgufError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match T::from_value(value) {
            Some(converted) => Ok(Some(converted)),
            None => Err(GgufError::WrongType { key: key.into(), expected: T::EXPECTED, found: value.describe() }),
        }
    }

    /// The value of `key` as a `T`.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`] when the file has no such key, [`GgufError::WrongType`] when the value is no `T`.
    pub fn require<T: FromValue<'a>>(&self, key: &str) -> Result<T, GgufError> {
        self.find(key)?.ok_or_else(|| GgufError::MissingKey { key: key.into() })
    }

    /// The whole number `key`. Errors as [`Metadata::require`].
    ///
    /// # Errors
    /// When the key is missing or no whole number that fits.
    pub fn u32(&self, key: &str) -> Result<u32, GgufError> {
        self.require(key)
    }

    /// The number `key`. Errors as [`Metadata::require`].
    ///
    /// # Errors
    /// When the key is missing or no float.
    pub fn f32(&self, key: &str) -> Result<f32, GgufError> {
        self.require(key)
    }

    /// The truth value `key`. Errors as [`Metadata::require`].
    ///
    /// # Errors
    /// When the key is missing or no truth value.
    pub fn bool(&self, key: &str) -> Result<bool, GgufError> {
        self.require(key)
    }

    /// The string `key`. Errors as [`Metadata::require`].
    ///
    /// # Errors
    /// When the key is missing or no string.
    pub fn str(&self, key: &str) -> Result<&'a str, GgufError> {
        self.require(key)
    }

    /// The array `key`. Errors as [`Metadata::require`].
    ///
    /// # Errors
    /// When the key is missing or no array.
    pub fn array(&self, key: &str) -> Result<Array<'a>, GgufError> {
        self.require(key)
    }
}

/// A type that a metadata value can be read as.
pub trait FromValue<'a>: Sized {
    /// What a value of this type is called in an error message, with its article.
    const EXPECTED: &'static str;

    /// The value as this type, `None` when it is of another type or does not fit.
    fn from_value(value: Value<'a>) -> Option<Self>;
}

macro_rules! from_integer_value {
    ($($integer:ty => $expected:literal),*) => {$(
        impl FromValue<'_> for $integer {
            const EXPECTED: &'static str = $expected;

            fn from_value(value: Value<'_>) -> Option<Self> {
                value.as_integer()?.try_into().ok()
            }
        }
    )*};
}

from_integer_value!(u32 => "a whole number of 32 bits", u64 => "a whole number of 64 bits",
    usize => "a whole number", i32 => "a signed whole number of 32 bits");

impl<'a> FromValue<'a> for Value<'a> {
    const EXPECTED: &'static str = "any value";

    fn from_value(value: Value<'a>) -> Option<Self> {
        Some(value)
    }
}

impl FromValue<'_> for f32 {
    const EXPECTED: &'static str = "a float";

    #[expect(clippy::cast_possible_truncation, reason = "an f64 hyper-parameter is used as f32 everywhere")]
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::F32(value) => Some(value),
            Value::F64(value) => Some(value as f32),
            _ => None,
        }
    }
}

impl FromValue<'_> for bool {
    const EXPECTED: &'static str = "a truth value";

    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Bool(value) = value { Some(value) } else { None }
    }
}

impl<'a> FromValue<'a> for &'a str {
    const EXPECTED: &'static str = "a string";

    fn from_value(value: Value<'a>) -> Option<Self> {
        if let Value::String(value) = value { Some(value) } else { None }
    }
}

impl<'a> FromValue<'a> for Array<'a> {
    const EXPECTED: &'static str = "an array";

    fn from_value(value: Value<'a>) -> Option<Self> {
        if let Value::Array(value) = value { Some(value) } else { None }
    }
}
