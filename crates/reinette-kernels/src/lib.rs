//! Numbers: quantised blocks, scalar reference, SIMD per instruction set, the thread pool.

mod instruction_set;

pub use instruction_set::InstructionSet;
