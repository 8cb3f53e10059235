//! Rotary position embedding.
//!
//! Paper: `RoFormer`: Enhanced Transformer with Rotary Position Embedding, arXiv:2104.09864.

use std::f64::consts::TAU;
use std::sync::OnceLock;

use super::simd::{Kernel, Simd, dispatch};
use crate::InstructionSet;

/// Positions whose angles are computed together, when the first of them is needed.
const POSITIONS_PER_BLOCK: usize = 64;

/// Which two numbers of a head are rotated as a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RopeStyle {
    /// Neighbours `(x[2i], x[2i + 1])`: Llama's models as GGUF stores them.
    Interleaved,
    /// One of each half, `(x[i], x[i + rotary_dim / 2])`: GPT-NeoX, Qwen, Gemma, Phi.
    Halves,
}

/// How frequencies are stretched for contexts longer than a model was first trained for.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum RopeScaling {
    /// Not at all.
    #[default]
    None,
    /// All frequencies are divided by one factor (arXiv:2306.15595).
    Linear {
        /// Context length over the original one.
        factor: f32,
    },
    /// Low frequencies are divided by `factor`, high ones kept, those between blended (Llama 3.1).
    Llama3 {
        /// Divides frequencies whose wavelength exceeds `original_context / low_frequency_factor`.
        factor: f32,
        /// Turns within the original context below which a frequency is low.
        low_frequency_factor: f32,
        /// Turns within the original context above which a frequency is high.
        high_frequency_factor: f32,
        /// Context length of the first training, in tokens.
        original_context: usize,
    },
    /// Each frequency is divided by its own factor (`rope_freqs.weight` in GGUF), one for each pair.
    PerFrequency(Vec<f32>),
}

/// What rotates the heads of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeConfig {
    /// Numbers of a head.
    pub head_dim: usize,
    /// How many of them, from the first, are rotated; even, at most `head_dim`.
    pub rotary_dim: usize,
    /// The base of the frequencies, 10,000 in the paper.
    pub base: f32,
    /// Stretching for long contexts.
    pub scaling: RopeScaling,
    /// Multiplies all rotated numbers: 1, or what a stretched model was trained with (`YaRN`, arXiv:2309.00071).
    pub magnitude: f32,
    /// Positions that may be asked for: 0 up to this, exclusive.
    pub max_positions: usize,
}

/// Why no [`RopeTable`] can be made of a [`RopeConfig`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RopeError {
    /// The rotated part is odd or longer than the head.
    #[error("rope dimension {rotary_dim} of heads of {head_dim}: must be even and at most the head's")]
    Dimension {
        /// Numbers of a head.
        head_dim: usize,
        /// Rotated numbers of a head.
        rotary_dim: usize,
    },
    /// There is not one factor for each pair.
    #[error("{found} rope frequency factors where {expected} are needed, one for each rotated pair")]
    Factors {
        /// Rotated pairs.
        expected: usize,
        /// Factors given.
        found: usize,
    },
    /// A base, factor or frequency that is not finite and positive.
    #[error("rope frequency of pair {pair} is not finite and positive: check base and scaling factors")]
    Frequency {
        /// Index of the pair.
        pair: usize,
    },
    /// A magnitude that is not finite and positive.
    #[error("the magnitude of rotated numbers is not finite and positive: check the attention factor")]
    Magnitude,
}

/// Sines and cosines of all positions, each block of them computed when first needed.
#[derive(Debug)]
pub struct RopeTable {
    head_dim: usize,
    rotary_dim: usize,
    /// Radians per position, for each pair.
    frequencies: Vec<f64>,
    magnitude: f64,
    /// `[position in block][cosines of all pairs, then sines]`, times the magnitude.
    blocks: Box<[OnceLock<Box<[f32]>>]>,
}

impl RopeTable {
    /// Frequencies θᵢ = base^(-2i / `rotary_dim`), scaled; the angle of pair i at position p is p·θᵢ.
    ///
    /// # Errors
    /// If the dimensions do not fit, or a frequency or the magnitude is not finite and positive.
    pub fn new(config: &RopeConfig) -> Result<Self, RopeError> {
        let RopeConfig { head_dim, rotary_dim, .. } = *config;
        if rotary_dim > head_dim || !rotary_dim.is_multiple_of(2) {
            return Err(RopeError::Dimension { head_dim, rotary_dim });
        }
        let n_pairs = rotary_dim / 2;
        if let RopeScaling::PerFrequency(factors) = &config.scaling
            && factors.len() != n_pairs
        {
            return Err(RopeError::Factors { expected: n_pairs, found: factors.len() });
        }
        let frequency = |pair: usize| {
            let unscaled = f64::from(config.base).powf(-2.0 * pair as f64 / rotary_dim as f64);
            config.scaling.apply(pair, unscaled)
        };
        let frequencies: Vec<f64> = (0..n_pairs).map(frequency).collect();
        if let Some(pair) = frequencies.iter().position(|theta| !theta.is_finite() || *theta <= 0.0) {
            return Err(RopeError::Frequency { pair });
        }
        let magnitude = f64::from(config.magnitude);
        if !magnitude.is_finite() || magnitude <= 0.0 {
            return Err(RopeError::Magnitude);
        }
        let n_blocks = config.max_positions.div_ceil(POSITIONS_PER_BLOCK);
        let blocks = (0..n_blocks).map(|_| OnceLock::new()).collect();
        Ok(Self { head_dim, rotary_dim, frequencies, magnitude, blocks })
    }

    /// Cosines and sines of all pairs at `position`, times the magnitude.
    ///
    /// # Shapes
    /// `[rotary_dim / 2]` each.
    ///
    /// # Panics
    /// If the table is not for so many positions.
    pub fn angles(&self, position: usize) -> (&[f32], &[f32]) {
        let first = position / POSITIONS_PER_BLOCK * POSITIONS_PER_BLOCK;
        let block = self.blocks[position / POSITIONS_PER_BLOCK].get_or_init(|| self.compute_block(first));
        block[(position - first) * self.rotary_dim..][..self.rotary_dim].split_at(self.rotary_dim / 2)
    }

    #[expect(clippy::cast_possible_truncation, reason = "sines and cosines need no more than f32")]
    fn compute_block(&self, first: usize) -> Box<[f32]> {
        let mut block = Vec::with_capacity(POSITIONS_PER_BLOCK * self.rotary_dim);
        for position in first..first + POSITIONS_PER_BLOCK {
            let angles = || self.frequencies.iter().map(|theta| position as f64 * theta);
            block.extend(angles().map(|angle| (self.magnitude * angle.cos()) as f32));
            block.extend(angles().map(|angle| (self.magnitude * angle.sin()) as f32));
        }
        block.into_boxed_slice()
    }
}

impl RopeScaling {
    fn apply(&self, pair: usize, frequency: f64) -> f64 {
        match self {
            Self::None => frequency,
            Self::Linear { factor } => frequency / f64::from(*factor),
            Self::PerFrequency(factors) => frequency / f64::from(factors[pair]),
            Self::Llama3 { factor, low_frequency_factor, high_frequency_factor, original_context } => {
                let (low, high) = (f64::from(*low_frequency_factor), f64::from(*high_frequency_factor));
                let turns = *original_context as f64 * frequency / TAU;
                let kept = if high > low { ((turns - low) / (high - low)).clamp(0.0, 1.0) } else { 1.0 };
                kept * frequency + (1.0 - kept) * frequency / f64::from(*factor)
            }
        }
    }
}

/// Rotates each pair (a, b) of each head to (a·cos - b·sin, a·sin + b·cos), by the angle of its position, and multiplies
/// it by the table's magnitude.
///
/// # Shapes
/// `x`: `[n_heads, head_dim]`, the query or key heads of one token.
///
/// # Panics
/// If `position` is not below the table's `max_positions` (rounded up to a multiple of 64), or `x` is no whole number of heads.
pub fn rope(set: InstructionSet, x: &mut [f32], position: usize, table: &RopeTable, style: RopeStyle) {
    assert!(x.len().is_multiple_of(table.head_dim.max(1)), "x is whole heads");
    if table.rotary_dim == 0 {
        return;
    }
    let (cosines, sines) = table.angles(position);
    for head in x.chunks_exact_mut(table.head_dim) {
        let rotated = &mut head[..table.rotary_dim];
        match style {
            RopeStyle::Interleaved => dispatch(set, RotateNeighbours { rotated, cosines, sines }),
            RopeStyle::Halves => dispatch(set, RotateHalves { rotated, cosines, sines }),
        }
    }
}

// The compiler vectorises both loops well, with the same rounding for every instruction set.

struct RotateNeighbours<'a> {
    rotated: &'a mut [f32],
    cosines: &'a [f32],
    sines: &'a [f32],
}

impl Kernel for RotateNeighbours<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let pairs = self.rotated.as_chunks_mut::<2>().0;
        for (([a, b], cosine), sine) in pairs.iter_mut().zip(self.cosines).zip(self.sines) {
            (*a, *b) = (*a * cosine - *b * sine, *a * sine + *b * cosine);
        }
    }
}

struct RotateHalves<'a> {
    rotated: &'a mut [f32],
    cosines: &'a [f32],
    sines: &'a [f32],
}

impl Kernel for RotateHalves<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let (first, second) = self.rotated.split_at_mut(self.cosines.len());
        for (((a, b), cosine), sine) in first.iter_mut().zip(second).zip(self.cosines).zip(self.sines) {
            (*a, *b) = (*a * cosine - *b * sine, *a * sine + *b * cosine);
        }
    }
}
