//! Numbers: quantised blocks, scalar reference, SIMD per instruction set, the thread pool.

mod instruction_set;
mod matmul;
mod pool;
mod quant;

pub use instruction_set::InstructionSet;
pub use matmul::{Activations, Compute, MatmulTask, Matrix, ShapeError, matmul, matmul_rows};
pub use pool::ThreadPool;
pub use quant::{QuantType, dequantize};
