//! What calling a tool may do, ours or another program's.

use reinette::Risk;

/// What calling a tool may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It answers and changes nothing.
    Reads,
    /// It does something.
    Acts(Risk),
}
