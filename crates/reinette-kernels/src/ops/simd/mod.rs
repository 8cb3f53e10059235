//! Eight `f32` at a time: the trait that every floating-point kernel of this crate is written over, once.
//!
//! A kernel is a [`Kernel`]: plain safe Rust, generic over [`Simd`]. [`dispatch`] compiles it once for each instruction
//! set and runs the copy that the given [`InstructionSet`] allows. Everything between [`dispatch`] and an instruction
//! must be `#[inline(always)]`: only code that ends up inside the function carrying the target features is compiled
//! with them. For the same reason kernels use no closures.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod math;
mod portable;

use crate::InstructionSet;
use crate::instruction_set::Kind;

pub(crate) use math::{erf, exp, exp_of_negative, tanh};

/// Lanes of a vector: one AVX2 register, or two of NEON.
pub(crate) const LANES: usize = 8;

/// Proof that the machine has some vector instructions, and these instructions on [`LANES`] numbers.
pub(crate) trait Simd: Copy {
    /// [`LANES`] `f32`.
    type F32: Copy;
    /// The widest registers.
    type Wide: Wide;

    /// The same instructions on the widest registers.
    fn wide(self) -> Self::Wide;

    /// All lanes `value`.
    fn splat(self, value: f32) -> Self::F32;
    /// Reads the lanes in order.
    fn load(self, from: &[f32; LANES]) -> Self::F32;
    /// Reads the bits of IEEE half-precision numbers, widened exactly.
    fn load_f16(self, from: &[u16; LANES]) -> Self::F32;
    /// Hints that the cache line of the first number will be read soon.
    fn prefetch(self, from: &[u16]);
    /// Writes the lanes in order.
    fn store(self, value: Self::F32, to: &mut [f32; LANES]);

    /// `a + b`.
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a - b`.
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a · b`.
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a / b`.
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a · b + c`, rounded once or twice.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// `a` where `a > b`, else `b`: a NaN in `a` is dropped, one in `b` stays.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a` where `a < b`, else `b`: a NaN in `a` is dropped, one in `b` stays.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `then` where `a < b`, else `otherwise` (also where one is NaN).
    fn select_less(self, a: Self::F32, b: Self::F32, then: Self::F32, otherwise: Self::F32) -> Self::F32;
    /// The number with the lowest nine bits of `bits` as its sign and exponent: 2ⁿ if they are n + 127 for
    /// -126 ≤ n ≤ 127.
    fn exponent_from_bits(self, bits: Self::F32) -> Self::F32;

    /// The sum of all lanes, in a fixed order.
    fn reduce_add(self, value: Self::F32) -> f32;
    /// The greatest lane.
    fn reduce_max(self, value: Self::F32) -> f32;
}

/// What is done to as many numbers at a time as the widest registers hold, in loops whose result does not depend on how
/// many these are. Slices may be longer than what is read or written.
///
/// # Panics
/// All that read or write, if a slice is shorter.
pub(crate) trait Wide: Copy {
    /// Lanes of a register: 8 or 16.
    const LANES: usize;
    /// So many `f32`.
    type F32: Copy;

    /// All lanes `value`.
    fn splat(self, value: f32) -> Self::F32;
    /// Reads the lanes in order.
    fn load(self, from: &[f32]) -> Self::F32;
    /// Reads the bits of IEEE half-precision numbers, widened exactly.
    fn load_f16(self, from: &[u16]) -> Self::F32;
    /// Reads signed bytes, two in a word, the first in its lower half.
    fn load_i8(self, from: &[u16]) -> Self::F32;
    /// Reads the bits of `f32`, two words each, the lower half first.
    fn load_words(self, from: &[u16]) -> Self::F32;
    /// Writes the lanes in order.
    fn store(self, value: Self::F32, to: &mut [f32]);
    /// `a · b`.
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a · b + c`, rounded as by [`Simd::mul_add`].
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
}

/// A computation that [`dispatch`] compiles for every instruction set.
pub(crate) trait Kernel {
    /// What it computes.
    type Output;

    /// Runs on the instructions of `simd`. Must be `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Runs `kernel` with the instructions of `set`.
pub(crate) fn dispatch<K: Kernel>(set: InstructionSet, kernel: K) -> K::Output {
    match set.kind() {
        Kind::Scalar => kernel.run(portable::Portable),
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters code compiled for AVX2")]
        // SAFETY: an `InstructionSet` of this kind exists only after the processor said that it has AVX2, FMA and F16C.
        Kind::Avx2 => unsafe { avx2::run(kernel) },
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters code compiled for AVX-512")]
        // SAFETY: an `InstructionSet` of this kind exists only after the processor said that it has AVX-512 F, BW and VL
        // beside AVX2, FMA and F16C.
        Kind::Avx512 => unsafe { avx512::run(kernel) },
    }
}

/// A tail shorter than a vector, filled up with `padding`.
#[inline(always)]
pub(crate) fn padded(tail: &[f32], padding: f32) -> [f32; LANES] {
    let mut lanes = [padding; LANES];
    lanes[..tail.len()].copy_from_slice(tail);
    lanes
}
