//! Writes GGUF files: what the workshop exports, and what tests open.

use std::io::{self, Write};

use reinette_kernels::QuantType;

use super::tensors::checked_size;
use super::value::{Value, ValueType};
use super::{DEFAULT_ALIGNMENT, GgufError, MAGIC, TensorProblem};

/// The version that is written.
const VERSION: u32 = 3;

/// A type that can be a metadata value.
pub trait Encode {
    /// What the file calls it.
    const TYPE: ValueType;

    /// Appends the value as it stands in a file.
    fn encode(&self, out: &mut Vec<u8>);
}

macro_rules! encode_number {
    ($($number:ty => $value_type:ident),*) => {$(
        impl Encode for $number {
            const TYPE: ValueType = ValueType::$value_type;

            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

encode_number!(u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, f32 => F32, u64 => U64, i64 => I64,
    f64 => F64);

impl Encode for bool {
    const TYPE: ValueType = ValueType::Bool;

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Encode for str {
    const TYPE: ValueType = ValueType::String;

    fn encode(&self, out: &mut Vec<u8>) {
        (self.len() as u64).encode(out);
        out.extend_from_slice(self.as_bytes());
    }
}

impl<T: Encode> Encode for [T] {
    const TYPE: ValueType = ValueType::Array;

    fn encode(&self, out: &mut Vec<u8>) {
        (T::TYPE as u32).encode(out);
        (self.len() as u64).encode(out);
        for element in self {
            element.encode(out);
        }
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    const TYPE: ValueType = T::TYPE;

    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

/// Collects metadata and tensors and writes them as one GGUF file of version 3, aligned to 32 bytes (so it wants no
/// `general.alignment`).
///
/// ```
/// use reinette_engine::gguf::{Gguf, GgufWriter};
/// use reinette_kernels::QuantType;
///
/// let mut writer = GgufWriter::default();
/// writer.set("general.architecture", "llama");
/// writer.set("tokenizer.ggml.tokens", ["a", "b"].as_slice());
/// writer.tensor("output_norm.weight", &[2], QuantType::F32, &[0; 8])?;
/// let file = Gguf::from_bytes(writer.to_bytes())?;
/// assert_eq!(file.metadata().str("general.architecture")?, "llama");
/// # Ok::<(), reinette_engine::gguf::GgufError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct GgufWriter<'a> {
    metadata: Vec<u8>,
    metadata_count: u64,
    tensors: Vec<u8>,
    data: Vec<&'a [u8]>,
    data_bytes: usize,
}

impl<'a> GgufWriter<'a> {
    /// Adds one metadata entry: a number, a truth value, a string, or a slice of these. Each key once.
    pub fn set<T: Encode + ?Sized>(&mut self, key: &str, value: &T) {
        self.begin_entry(key, T::TYPE);
        value.encode(&mut self.metadata);
    }

    /// Adds one metadata entry as another file has it.
    pub fn copy(&mut self, key: &str, value: &Value<'_>) {
        self.begin_entry(key, value.value_type());
        let out = &mut self.metadata;
        match value {
            Value::U8(value) => value.encode(out),
            Value::I8(value) => value.encode(out),
            Value::U16(value) => value.encode(out),
            Value::I16(value) => value.encode(out),
            Value::U32(value) => value.encode(out),
            Value::I32(value) => value.encode(out),
            Value::F32(value) => value.encode(out),
            Value::Bool(value) => value.encode(out),
            Value::String(value) => value.encode(out),
            Value::U64(value) => value.encode(out),
            Value::I64(value) => value.encode(out),
            Value::F64(value) => value.encode(out),
            Value::Array(array) => {
                (array.element_type() as u32).encode(out);
                (array.len() as u64).encode(out);
                out.extend_from_slice(array.as_bytes());
            }
        }
    }

    fn begin_entry(&mut self, key: &str, value_type: ValueType) {
        key.encode(&mut self.metadata);
        (value_type as u32).encode(&mut self.metadata);
        self.metadata_count += 1;
    }

    /// Adds one tensor; `dims` as ggml orders them, the length of a row first. Each name once.
    ///
    /// # Errors
    /// [`GgufError::Tensor`] when there are not 1 to 4 dimensions, or `bytes` are not as many as they and the type say.
    pub fn tensor(
        &mut self,
        name: &str,
        dims: &[usize],
        quant_type: QuantType,
        bytes: &'a [u8],
    ) -> Result<(), GgufError> {
        let fail = |problem| GgufError::Tensor { name: name.into(), offset: 0, problem };
        if !(1..=4).contains(&dims.len()) {
            let count = u32::try_from(dims.len()).unwrap_or(u32::MAX);
            return Err(fail(TensorProblem::Dimensions { count }));
        }
        let dims: Vec<u64> = dims.iter().map(|&dim| dim as u64).collect();
        let (_, expected) = checked_size(&dims, quant_type).map_err(fail)?;
        if bytes.len() != expected {
            return Err(fail(TensorProblem::WrongLength { expected, found: bytes.len() }));
        }
        name.encode(&mut self.tensors);
        (u32::try_from(dims.len()).unwrap_or(0)).encode(&mut self.tensors);
        for dim in dims {
            dim.encode(&mut self.tensors);
        }
        ggml_code(quant_type).encode(&mut self.tensors);
        (self.data_bytes as u64).encode(&mut self.tensors);
        self.data_bytes += bytes.len().next_multiple_of(DEFAULT_ALIGNMENT as usize);
        self.data.push(bytes);
        Ok(())
    }

    /// Writes the file.
    ///
    /// # Errors
    /// What `out` says.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        const PADDING: [u8; DEFAULT_ALIGNMENT as usize] = [0; DEFAULT_ALIGNMENT as usize];
        let padding = |length: usize| &PADDING[..length.next_multiple_of(PADDING.len()) - length];
        let mut head = MAGIC.to_vec();
        VERSION.encode(&mut head);
        (self.data.len() as u64).encode(&mut head);
        self.metadata_count.encode(&mut head);
        out.write_all(&head)?;
        out.write_all(&self.metadata)?;
        out.write_all(&self.tensors)?;
        out.write_all(padding(head.len() + self.metadata.len() + self.tensors.len()))?;
        for data in &self.data {
            out.write_all(data)?;
            out.write_all(padding(data.len()))?;
        }
        Ok(())
    }

    /// The file in memory.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.metadata.len() + self.tensors.len() + self.data_bytes + 64);
        // Writing to a vector cannot fail.
        let _ = self.write_to(&mut bytes);
        bytes
    }
}

/// The number of `quant_type` in GGUF files; the kernels' own table read backwards.
fn ggml_code(quant_type: QuantType) -> u32 {
    const MAX_CODE: u32 = 255;
    (0..MAX_CODE).find(|&code| QuantType::from_ggml(code) == Some(quant_type)).unwrap_or(MAX_CODE)
}
