//! Numbers: quantised blocks, scalar reference, SIMD per instruction set, the thread pool.

mod attention;
mod instruction_set;
mod matmul;
mod ops;
mod pool;
mod quant;

pub use attention::{AttentionShape, CacheTooLarge, KvLayer, attention};
pub use instruction_set::InstructionSet;
pub use matmul::{Activations, Compute, MatmulTask, Matrix, ShapeError, matmul, matmul_rows};
pub use ops::{
    RopeConfig, RopeError, RopeScaling, RopeStyle, RopeTable, add_assign, argmax, exp_in_place, gelu_mul, rms_norm,
    rms_norm_in_place, rope, silu_mul, softmax_in_place,
};
pub use pool::ThreadPool;
pub use quant::{QuantType, dequantize};
