//! What bounds an answer where its schema does not.

/// Characters of a string without `maxLength`: a page of text.
pub const STRING_CHARACTERS: u64 = 2_000;

/// Elements of a list without `maxItems`.
pub const LIST_ITEMS: u64 = 32;

/// Entries of a map without `maxProperties`.
pub const MAP_ENTRIES: u64 = 32;

/// Characters of a map's key; at least one.
pub const MAP_KEY_CHARACTERS: u64 = 64;

/// Integers lie within ±(2⁵³ − 1), which every JSON reader takes exactly (RFC 7493, section 2.2).
pub const INTEGER: i64 = (1 << 53) - 1;

/// Numbers without bounds lie within ±10¹².
pub const NUMBER: f64 = 1e12;

/// Numbers have at most six digits after the point.
pub const NUMBER_STEP: f64 = 1e-6;

/// How many lists a `uniqueItems` schema may be spelt out into.
pub const UNIQUE_LISTS: usize = 1_000;

/// How deep schemas may lie within schemas.
pub const SCHEMA_DEPTH: usize = 64;

/// How many schemas there may be in one, with all that it refers to.
pub const SCHEMAS: usize = 10_000;
