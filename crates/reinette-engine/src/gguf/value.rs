//! Metadata values: numbers, strings, and arrays that stay in the file until they are asked for.

use super::GgufError;
use super::reader::Reader;

/// Deepest nesting of arrays; no known file has more than one level.
pub(super) const MAX_ARRAY_DEPTH: usize = 4;

/// The types of metadata values, numbered as in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the types")]
pub enum ValueType {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl ValueType {
    /// The type that the file calls `code`.
    pub fn from_code(code: u32) -> Option<Self> {
        use ValueType as T;
        const BY_CODE: [ValueType; 13] = [
            T::U8,
            T::I8,
            T::U16,
            T::I16,
            T::U32,
            T::I32,
            T::F32,
            T::Bool,
            T::String,
            T::Array,
            T::U64,
            T::I64,
            T::F64,
        ];
        BY_CODE.get(usize::try_from(code).ok()?).copied()
    }

    /// What the type is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            ValueType::U8 => "u8",
            ValueType::I8 => "i8",
            ValueType::U16 => "u16",
            ValueType::I16 => "i16",
            ValueType::U32 => "u32",
            ValueType::I32 => "i32",
            ValueType::F32 => "f32",
            ValueType::Bool => "bool",
            ValueType::String => "string",
            ValueType::Array => "array",
            ValueType::U64 => "u64",
            ValueType::I64 => "i64",
            ValueType::F64 => "f64",
        }
    }

    /// Bytes of one value; `None` for strings and arrays, which say their own length.
    pub fn size_bytes(self) -> Option<usize> {
        match self {
            ValueType::U8 | ValueType::I8 | ValueType::Bool => Some(1),
            ValueType::U16 | ValueType::I16 => Some(2),
            ValueType::U32 | ValueType::I32 | ValueType::F32 => Some(4),
            ValueType::U64 | ValueType::I64 | ValueType::F64 => Some(8),
            ValueType::String | ValueType::Array => None,
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, GgufError> {
        let offset = reader.position();
        let code = reader.u32("the type of a metadata value")?;
        ValueType::from_code(code).ok_or(GgufError::UnknownValueType { code, offset })
    }
}

/// One metadata value.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names are the types")]
pub enum Value<'a> {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(&'a str),
    Array(Array<'a>),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl Value<'_> {
    /// The value's type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Value::U8(_) => ValueType::U8,
            Value::I8(_) => ValueType::I8,
            Value::U16(_) => ValueType::U16,
            Value::I16(_) => ValueType::I16,
            Value::U32(_) => ValueType::U32,
            Value::I32(_) => ValueType::I32,
            Value::F32(_) => ValueType::F32,
            Value::Bool(_) => ValueType::Bool,
            Value::String(_) => ValueType::String,
            Value::Array(_) => ValueType::Array,
            Value::U64(_) => ValueType::U64,
            Value::I64(_) => ValueType::I64,
            Value::F64(_) => ValueType::F64,
        }
    }

    /// Reads one number or truth value; strings and arrays have readers of their own.
    pub(super) fn read_scalar(reader: &mut Reader<'_>, value_type: ValueType) -> Result<Value<'static>, GgufError> {
        let size = value_type.size_bytes().unwrap_or(0);
        let bytes = reader.take("a metadata value", size as u64)?;
        Ok(Value::from_scalar_bytes(value_type, bytes))
    }

    /// A number or truth value from exactly its bytes.
    fn from_scalar_bytes(value_type: ValueType, bytes: &[u8]) -> Value<'static> {
        let mut wide = [0u8; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        let [a, b, c, d, ..] = wide;
        match value_type {
            ValueType::U8 => Value::U8(a),
            ValueType::I8 => Value::I8(a.cast_signed()),
            ValueType::U16 => Value::U16(u16::from_le_bytes([a, b])),
            ValueType::I16 => Value::I16(i16::from_le_bytes([a, b])),
            ValueType::U32 => Value::U32(u32::from_le_bytes([a, b, c, d])),
            ValueType::I32 => Value::I32(i32::from_le_bytes([a, b, c, d])),
            ValueType::F32 => Value::F32(f32::from_le_bytes([a, b, c, d])),
            ValueType::U64 => Value::U64(u64::from_le_bytes(wide)),
            ValueType::I64 => Value::I64(i64::from_le_bytes(wide)),
            ValueType::F64 => Value::F64(f64::from_le_bytes(wide)),
            ValueType::Bool | ValueType::String | ValueType::Array => Value::Bool(a != 0),
        }
    }

    /// The value as a whole number, whatever its width; `None` when it is none.
    pub fn as_integer(&self) -> Option<i128> {
        match *self {
            Value::U8(value) => Some(value.into()),
            Value::I8(value) => Some(value.into()),
            Value::U16(value) => Some(value.into()),
            Value::I16(value) => Some(value.into()),
            Value::U32(value) => Some(value.into()),
            Value::I32(value) => Some(value.into()),
            Value::U64(value) => Some(value.into()),
            Value::I64(value) => Some(value.into()),
            _ => None,
        }
    }

    /// The type, and the value where it is short, for an error message.
    pub(super) fn describe(&self) -> String {
        let name = self.value_type().name();
        match self {
            Value::String(text) => format!("a {name} of {} bytes", text.len()),
            Value::Array(array) => format!("an array of {} {}", array.len(), array.element_type().name()),
            Value::F32(value) => format!("the {name} {value}"),
            Value::F64(value) => format!("the {name} {value}"),
            Value::Bool(value) => format!("the {name} {value}"),
            integer => format!("the {name} {}", integer.as_integer().unwrap_or_default()),
        }
    }
}

/// A metadata array: a view into the file, parsed as it is walked.
///
/// Opening a file checks that the array is whole, and copies nothing: a vocabulary of 262 144 strings costs one pass
/// over their lengths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Array<'a> {
    element_type: ValueType,
    length: usize,
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    pub(super) fn from_parts(element_type: ValueType, length: usize, bytes: &'a [u8]) -> Self {
        Array { element_type, length, bytes }
    }

    /// Reads one array, checked through and through and not copied; `depth` is 1 for the outermost.
    pub(super) fn read(reader: &mut Reader<'a>, depth: usize) -> Result<Self, GgufError> {
        let offset = reader.position();
        if depth > MAX_ARRAY_DEPTH {
            return Err(GgufError::NestedTooDeep { offset, limit: MAX_ARRAY_DEPTH });
        }
        let element_type = ValueType::read(reader)?;
        // A string takes at least its length (8 bytes), an array its type and its length (12).
        let least_bytes = element_type.size_bytes().unwrap_or(if element_type == ValueType::String { 8 } else { 12 });
        let length = reader.count("the length of a metadata array", u64::MAX, least_bytes as u64)?;
        let mut elements = reader.clone();
        match element_type {
            ValueType::String => {
                for _ in 0..length {
                    reader.byte_string("a string of a metadata array", u64::MAX)?;
                }
            }
            ValueType::Array => {
                for _ in 0..length {
                    Array::read(reader, depth + 1)?;
                }
            }
            _ => drop(reader.take("a metadata array", (length * least_bytes) as u64)?),
        }
        let bytes = elements.take("a metadata array", (reader.position() - elements.position()) as u64)?;
        Ok(Array { element_type, length, bytes })
    }

    /// The type of the elements.
    pub fn element_type(&self) -> ValueType {
        self.element_type
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The elements as they stand in the file.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The strings, as the bytes that the file has (not all writers keep to UTF-8); `None` when the elements are no
    /// strings.
    pub fn strings(&self) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
        let mut reader = Reader::new(self.bytes);
        (self.element_type == ValueType::String)
            .then(|| std::iter::from_fn(move || reader.byte_string("a string", u64::MAX).ok()).take(self.length))
    }

    /// The inner arrays; `None` when the elements are no arrays.
    pub fn arrays(&self) -> Option<impl Iterator<Item = Array<'a>> + use<'a>> {
        let mut reader = Reader::new(self.bytes);
        (self.element_type == ValueType::Array)
            .then(|| std::iter::from_fn(move || Array::read(&mut reader, 1).ok()).take(self.length))
    }

    /// The numbers or truth values; `None` when the elements are strings or arrays.
    pub fn scalars(&self) -> Option<impl ExactSizeIterator<Item = Value<'static>> + use<'a>> {
        let element_type = self.element_type;
        let size = element_type.size_bytes()?;
        Some(self.bytes.chunks_exact(size).map(move |bytes| Value::from_scalar_bytes(element_type, bytes)))
    }

    /// The whole numbers, whatever their width; `None` when the elements are of another type.
    pub fn integers(&self) -> Option<impl ExactSizeIterator<Item = i128> + use<'a>> {
        let integer = !matches!(self.element_type, ValueType::F32 | ValueType::F64 | ValueType::Bool);
        let scalars = integer.then(|| self.scalars()).flatten()?;
        Some(scalars.map(|value| value.as_integer().unwrap_or_default()))
    }

    /// The 32-bit floats; `None` when the elements are of another type.
    pub fn f32s(&self) -> Option<impl ExactSizeIterator<Item = f32> + use<'a>> {
        (self.element_type == ValueType::F32)
            .then(|| self.bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)))
    }
}
