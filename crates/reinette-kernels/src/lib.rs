//! Numbers: quantised blocks, scalar reference, SIMD per instruction set, the thread pool.
//!
//! - [`Compute`]: what computation runs on, an [`InstructionSet`] and a [`ThreadPool`].
//! - [`Matrix`]: quantised weights where they stand in a file; [`Activations`]: what they are multiplied with.
//! - [`matmul`]: several products with one input in one parallel step; [`add_low_rank`] is the same for adapters.
//! - [`KvLayer`] and [`attention`]: keys and values in 16 or 8 bits, and attention over them.
//! - [`Buffer`]: memory of the system's own; [`FaultGuard`]: mapped files that others cut short.
//!
//! Invariants: every algorithm has a version in plain Rust, which tests hold the others to; an instruction set is used only
//! after the processor was asked for it; no result depends on the number of threads; nearly all `unsafe` of the project is
//! here.

mod attention;
mod file_fault;
mod instruction_set;
mod matmul;
mod memory;
mod ops;
mod pool;
mod quant;

pub use attention::{AttentionShape, CacheTooLarge, Direction, KvLayer, KvType, attention};
pub use file_fault::FaultGuard;
pub use instruction_set::InstructionSet;
pub use matmul::{
    Activations, Compute, Layout, LowRankColumns, LowRankTask, MatmulTask, Matrix, ShapeError, add_low_rank, matmul,
    matmul_rows,
};
pub use memory::{Buffer, Plain, keep_what_is_freed};
pub use ops::{
    RopeConfig, RopeError, RopeScaling, RopeStyle, RopeTable, add_assign, argmax, exp_in_place, gelu_in_place,
    gelu_mul, layer_norm_in_place, parity, rms_norm, rms_norm_in_place, rope, silu_mul, softmax_in_place,
};
pub use pool::ThreadPool;
pub use quant::{QuantType, dequantize, quantize};
