//! Bounds of answers where their schema sets none, and bounds of schemas.

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

/// Characters that a schema may ask for in one string: what is left open above them is bounded by them.
pub const LONGEST_STRING: u64 = 100_000;

/// Elements that a schema may ask for in one list, and entries in one map; as [`LONGEST_STRING`].
pub const LONGEST_LIST: u64 = 1_000;

/// Values that a schema may list under all its `enum`s.
pub const ENUM_VALUES: usize = 10_000;

/// Schemas under one `oneOf`, of which each is compared with each.
pub const ALTERNATIVES: usize = 500;

/// Bytes of a `pattern`, or of a regular expression.
pub const PATTERN_BYTES: usize = 4_096;

/// JSON values in a schema, whatever they mean.
pub const SCHEMA_VALUES: usize = 200_000;

/// Bytes of all texts in a schema.
pub const SCHEMA_BYTES: usize = 4 << 20;

/// How deep JSON values may lie in a schema, whatever they mean.
pub const SCHEMA_VALUE_DEPTH: usize = 256;

/// JSON values that schemas which are put together may be copied into.
pub const SCHEMA_COPIES: usize = 2_000_000;

/// Optional properties of one object: each may follow each, so it is the squares of several objects that add up.
pub const OPTIONAL_PROPERTIES: usize = 1_500;
