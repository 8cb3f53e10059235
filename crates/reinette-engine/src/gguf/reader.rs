//! A cursor over the bytes of a file that never reads past their end.

use super::GgufError;

/// Reads little-endian values one after the other; every read is checked against the bytes left.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, position: 0 }
    }

    /// Where the next read begins, in bytes from the start.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, what: &'static str, count: u64) -> Result<&'a [u8], GgufError> {
        let available = self.remaining();
        match usize::try_from(count) {
            Ok(count) if count <= available => {
                let taken = &self.bytes[self.position..self.position + count];
                self.position += count;
                Ok(taken)
            }
            _ => Err(GgufError::Truncated { what, offset: self.position, needed: count, available }),
        }
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], GgufError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(what, N as u64)?);
        Ok(array)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A count of things that take at least `least_bytes` each, so that it can be checked before anything is made
    /// room for.
    pub(super) fn count(&mut self, what: &'static str, limit: u64, least_bytes: u64) -> Result<usize, GgufError> {
        let offset = self.position;
        let count = self.u64(what)?;
        if count > limit {
            return Err(GgufError::TooLarge { what, offset, count, limit });
        }
        let needed = count.saturating_mul(least_bytes);
        if needed > self.remaining() as u64 {
            return Err(GgufError::Truncated { what, offset, needed, available: self.remaining() });
        }
        // Bounded by the length of the file when `least_bytes` is not 0, by `limit` otherwise.
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// A length-prefixed byte string of at most `limit` bytes.
    pub(super) fn byte_string(&mut self, what: &'static str, limit: u64) -> Result<&'a [u8], GgufError> {
        let length = self.count(what, limit, 1)?;
        self.take(what, length as u64)
    }

    /// A length-prefixed string of at most `limit` bytes of UTF-8.
    pub(super) fn string(&mut self, what: &'static str, limit: u64) -> Result<&'a str, GgufError> {
        let offset = self.position;
        std::str::from_utf8(self.byte_string(what, limit)?).map_err(|_| GgufError::InvalidUtf8 { what, offset })
    }
}
