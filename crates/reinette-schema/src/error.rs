//! Why a model cannot be held to a schema.

/// Why a model cannot be held to a schema, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A schema asks for what generation would not hold the model to.
    #[error("`{keyword}` at {pointer} cannot be enforced: {advice}")]
    Unsupported {
        /// The keyword.
        keyword: String,
        /// Where it stands, as a JSON pointer from the schema's root.
        pointer: String,
        /// What to write instead.
        advice: String,
    },
    /// No value satisfies a schema.
    #[error("nothing satisfies the schema at {pointer}: {reason}")]
    Unsatisfiable {
        /// Where, as a JSON pointer from the schema's root.
        pointer: String,
        /// What contradicts what.
        reason: String,
    },
    /// A schema is larger than the [limits](crate::limits), and was not worked on.
    #[error("the schema at {pointer} is too large: {reason}")]
    TooLarge {
        /// Where, as a JSON pointer from the schema's root.
        pointer: String,
        /// Which limit it exceeds, and what to do instead.
        reason: String,
    },
    /// A schema is not a schema.
    #[error("the schema at {pointer} is malformed: {reason}")]
    Malformed {
        /// Where, as a JSON pointer from the schema's root.
        pointer: String,
        /// What is wrong.
        reason: String,
    },
}
