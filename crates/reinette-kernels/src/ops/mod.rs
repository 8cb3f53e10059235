//! Operations between the matrix products: norms, activations, softmax, rotary positions.
#![expect(clippy::inline_always, reason = "code outside the function with the target features would lose them")]

mod activation;
mod argmax;
mod elementwise;
mod norm;
mod parity;
mod rope;
pub(crate) mod simd;
pub(crate) mod softmax;
#[cfg(test)]
mod tests;

pub use activation::{gelu_in_place, gelu_mul, silu_mul};
pub use argmax::argmax;
pub use elementwise::{add_assign, exp_in_place};
pub use norm::{layer_norm_in_place, rms_norm, rms_norm_in_place};
pub use parity::parity;
pub use rope::{RopeConfig, RopeError, RopeScaling, RopeStyle, RopeTable, rope};
pub use softmax::softmax_in_place;
