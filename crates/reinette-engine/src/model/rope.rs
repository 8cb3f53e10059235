//! How positions are rotated into queries and keys, as a file says it.

use super::weights::floats;
use super::{HyperParameters, LoadError};
use crate::gguf::Gguf;
use reinette_kernels::{RopeConfig, RopeError, RopeScaling, RopeStyle, RopeTable};
use std::f32::consts::TAU;

/// Which of a model's factors a sequence is rotated by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reach {
    /// Those of the context that the model was first trained for, or the only ones.
    Original,
    /// Those of longer sequences.
    Long,
}

/// How positions are rotated into queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// Which numbers of a head make pairs.
    pub style: RopeStyle,
    /// How many numbers of a head are rotated.
    pub rotary_dim: usize,
    base: f32,
    /// The base of windowed layers, where it is another one; no scaling applies to them then.
    window_base: Option<f32>,
    scaling: RopeScaling,
    /// Replaces `scaling` in sequences longer than this many tokens (`LongRoPE`, arXiv:2402.13753).
    long: Option<(usize, RopeScaling)>,
    magnitude: f32,
}

impl Rope {
    /// Reads how a file's model rotates; `window_base` is what its architecture uses in windowed layers, where that
    /// is another base.
    pub(super) fn from_gguf(
        gguf: &Gguf,
        style: RopeStyle,
        head_dim: usize,
        window_base: Option<f32>,
    ) -> Result<Self, LoadError> {
        let parameters = HyperParameters::of(gguf)?;
        let rotary_dim = parameters.optional_size("rope.dimension_count")?.unwrap_or(head_dim);
        if rotary_dim > head_dim || !rotary_dim.is_multiple_of(2) {
            return Err(parameters.impossible("rope.dimension_count", &rotary_dim));
        }
        let base = parameters.optional_positive("rope.freq_base")?.unwrap_or(10_000.0);
        let mut rope = Self {
            style,
            rotary_dim,
            base,
            window_base: parameters.optional_positive("rope.freq_base_swa")?.or(window_base),
            scaling: RopeScaling::None,
            long: None,
            magnitude: parameters.optional_positive("rope.scaling.attn_factor")?.unwrap_or(1.0),
        };
        rope.read_scaling(gguf, parameters)?;
        Ok(rope)
    }

    fn read_scaling(&mut self, gguf: &Gguf, parameters: HyperParameters<'_>) -> Result<(), LoadError> {
        const KIND: &str = "rope.scaling.type";
        let factors = |name| gguf.tensor(name).map(|tensor| RopeScaling::PerFrequency(floats(tensor)));
        // Llama 3 and Phi 3 keep their factors in tensors, whatever the metadata say.
        if let Some(factors) = factors("rope_freqs.weight") {
            self.scaling = factors;
            return Ok(());
        }
        if let (Some(short), Some(long)) = (factors("rope_factors_short.weight"), factors("rope_factors_long.weight")) {
            self.scaling = short;
            self.long = Some((parameters.size("rope.scaling.original_context_length")?, long));
            return Ok(());
        }
        match parameters.find::<&str>(KIND)? {
            None | Some("none") => Ok(()),
            Some("linear") => {
                self.scaling = RopeScaling::Linear { factor: parameters.positive("rope.scaling.factor")? };
                Ok(())
            }
            Some("yarn") => self.read_yarn(parameters),
            Some(other) => Err(parameters.impossible(KIND, &other)),
        }
    }

    /// Low frequencies are divided by the factor, high ones kept, those between blended; what is rotated grows a little.
    ///
    /// Paper: `YaRN`: Efficient Context Window Extension of Large Language Models, arXiv:2309.00071.
    fn read_yarn(&mut self, parameters: HyperParameters<'_>) -> Result<(), LoadError> {
        let factor = parameters.positive("rope.scaling.factor")?;
        let context = parameters.size("rope.scaling.original_context_length")? as f32;
        let fast = parameters.optional_positive("rope.scaling.yarn_beta_fast")?.unwrap_or(32.0);
        let slow = parameters.optional_positive("rope.scaling.yarn_beta_slow")?.unwrap_or(1.0);
        let n_pairs = self.rotary_dim / 2;
        // The pair that turns so many times within the original context.
        let pair_of = |turns: f32| self.rotary_dim as f32 * (context / (turns * TAU)).ln() / (2.0 * self.base.ln());
        let first = pair_of(fast).floor().max(0.0);
        let last = pair_of(slow).ceil().min(self.rotary_dim as f32 - 1.0);
        let factors = (0..n_pairs).map(|pair| {
            let stretched = ((pair as f32 - first) / (last - first).max(0.001)).clamp(0.0, 1.0);
            1.0 / (stretched / factor + 1.0 - stretched)
        });
        self.scaling = RopeScaling::PerFrequency(factors.collect());
        // DeepSeek's and Mistral's files say how much of the growth the attention's scale makes up for.
        let growth = |share: f32| if factor > 1.0 { 0.1 * share * factor.ln() + 1.0 } else { 1.0 };
        let made_up = parameters.find::<f32>("rope.scaling.yarn_log_multiplier")?.unwrap_or(0.0);
        self.magnitude *= growth(1.0) / growth(made_up);
        Ok(())
    }

    /// Which factors rotate a sequence of up to `max_positions` tokens: keys rotated by others cannot be mixed with its.
    pub(super) fn reach(&self, max_positions: usize) -> Reach {
        let is_long = self.long.as_ref().is_some_and(|(original_context, _)| max_positions > *original_context);
        if is_long { Reach::Long } else { Reach::Original }
    }

    /// The tables for sequences of up to `max_positions` tokens: of all layers, and of windowed ones where these rotate
    /// in another way.
    ///
    /// # Errors
    /// If the file's numbers make no frequencies.
    pub fn tables(&self, head_dim: usize, max_positions: usize) -> Result<(RopeTable, Option<RopeTable>), RopeError> {
        let scaling = match (self.reach(max_positions), &self.long) {
            (Reach::Long, Some((_, scaling))) => scaling.clone(),
            _ => self.scaling.clone(),
        };
        let table = |base, scaling, magnitude| {
            let rotary_dim = self.rotary_dim;
            RopeTable::new(&RopeConfig { head_dim, rotary_dim, base, scaling, magnitude, max_positions })
        };
        let windowed = self.window_base.map(|base| table(base, RopeScaling::None, 1.0)).transpose()?;
        Ok((table(self.base, scaling, self.magnitude)?, windowed))
    }
}
