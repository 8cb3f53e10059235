//! The one decoder block, and the way of a batch of tokens through all of them.

use super::adapter::{LowRank, Target};
use super::{Adapter, Description, FeedForward, KvCache, MixtureBuffers, Model, Positions, Projection};
use crate::tokenizer::TokenId;
use reinette_kernels::{
    Activations, AttentionShape, Compute, Direction, LowRankTask, MatmulTask, RopeError, RopeTable, add_assign,
    add_low_rank, attention, matmul, matmul_rows, rms_norm, rms_norm_in_place, rope,
};
use std::ops::Range;

/// Tokens that pass through the layers together in prefill: enough to read each weight seldom, few enough that their
/// activations (256 × 8,960 floats = 9 MB at the largest) stay near the last-level cache.
pub(crate) const BATCH_TOKENS: usize = 256;

/// The buffers that a batch of tokens passes through, used again for every batch.
///
/// # Shapes
/// All are `[n_tokens, width]`, row-major.
#[derive(Default)]
struct Buffers {
    hidden: Vec<f32>,
    normed: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    attended: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    projected: Vec<f32>,
    low_rank: Vec<Vec<f32>>,
}

/// Computes: threads, buffers and the rotary tables of one model.
pub(crate) struct Decoder {
    compute: Compute,
    rope: RopeTable,
    /// For windowed layers, where they rotate in another way.
    window_rope: Option<RopeTable>,
    buffers: Buffers,
    mixture: MixtureBuffers,
    input: Activations,
}

/// A projection within a step: its weight, its place in the adapter and where its result goes.
struct Step<'a> {
    projection: &'a Projection,
    target: Target,
    out: &'a mut Vec<f32>,
}

impl Decoder {
    /// Prepares to compute with `n_threads` threads, the caller's included.
    ///
    /// # Errors
    /// If the rotary frequencies of the model's file cannot be computed.
    pub(crate) fn new(model: &Model, max_positions: usize, n_threads: usize) -> Result<Self, RopeError> {
        let description = model.description();
        let (rope, window_rope) = description.rope.tables(description.head_dim, max_positions)?;
        Ok(Self {
            compute: Compute::new(n_threads),
            rope,
            window_rope,
            buffers: Buffers::default(),
            mixture: MixtureBuffers::default(),
            input: Activations::new(),
        })
    }

    /// Reads `tokens` after those that `cache` holds and appends their keys and values to it. Logits are to be had of
    /// the last `n_outputs` of them, as far as they are in the last batch. `interrupted` is asked before each layer;
    /// once it answers yes, the batches read so far stay in the cache and `false` is returned.
    ///
    /// # Panics
    /// If `tokens` is empty or does not fit the cache: the caller has checked.
    pub(crate) fn read(
        &mut self,
        model: &Model,
        adapter: Option<&Adapter>,
        cache: &mut KvCache,
        tokens: &[TokenId],
        n_outputs: usize,
        interrupted: &dyn Fn() -> bool,
    ) -> bool {
        assert!(!tokens.is_empty() && cache.len() + tokens.len() <= cache.capacity(), "the caller checks what fits");
        let mut n_unread = tokens.len();
        for batch in tokens.chunks(BATCH_TOKENS) {
            self.embed(model, batch);
            n_unread -= batch.len();
            let n_outputs = n_outputs.saturating_sub(n_unread).min(batch.len());
            let n_layers = model.description().n_layers();
            for layer in 0..n_layers {
                if interrupted() {
                    return false;
                }
                // What the last layer computes of a token beside its key and value is for its logits alone.
                let n_kept = if layer + 1 == n_layers { n_outputs } else { batch.len() };
                self.block(model, adapter, cache, layer, n_kept);
            }
            cache.append(batch);
        }
        true
    }

    /// Appends to `out` the logits after tokens of the batch that was read last, which are counted from its end: `0..1`
    /// is the last one, `0..n` the last `n` in their order.
    ///
    /// # Shapes
    /// `[tokens.len(), vocab_size]`.
    pub(crate) fn logits(&mut self, model: &Model, tokens: Range<usize>, out: &mut Vec<f32>) {
        let output = &model.weights().output;
        let start = out.len();
        out.resize(start + tokens.len() * output.rows(), 0.0);
        self.normed_output(model, tokens);
        matmul(&self.compute, &mut [MatmulTask { weights: output.matrix(), out: &mut out[start..] }], &self.input);
        soften(&mut out[start..], model.description().logit_soft_cap);
    }

    /// Sets `out` to the logits of `ids` after one token of the batch, counted from its end; those of all others are −∞.
    ///
    /// # Shapes
    /// `[vocab_size]`.
    pub(crate) fn logits_of(&mut self, model: &Model, token: usize, ids: &[u32], out: &mut Vec<f32>) {
        let output = &model.weights().output;
        self.normed_output(model, token..token + 1);
        let mut some = vec![0.0; ids.len()];
        matmul_rows(&self.compute, output.matrix(), ids, &self.input, &mut some);
        soften(&mut some, model.description().logit_soft_cap);
        out.clear();
        out.resize(output.rows(), f32::NEG_INFINITY);
        for (id, logit) in ids.iter().zip(some) {
            out[*id as usize] = logit;
        }
    }

    /// Makes tokens of the batch, counted from its end and normed, the input of the output layer.
    fn normed_output(&mut self, model: &Model, tokens: Range<usize>) {
        let Description { hidden_dim, norm_eps, .. } = model.description();
        let Buffers { hidden, normed, .. } = &mut self.buffers;
        let end = hidden.len() - tokens.start * hidden_dim;
        let chosen = &hidden[end - tokens.len() * hidden_dim..end];
        normed.resize(chosen.len(), 0.0);
        rms_norm(self.compute.set, chosen, &model.weights().output_norm, *norm_eps, normed);
        self.input.set(&self.compute, normed, *hidden_dim);
    }

    fn embed(&mut self, model: &Model, tokens: &[TokenId]) {
        let width = model.description().hidden_dim;
        let scale = model.description().embedding_scale;
        let hidden = &mut self.buffers.hidden;
        hidden.resize(tokens.len() * width, 0.0);
        for (token, row) in tokens.iter().zip(hidden.chunks_exact_mut(width)) {
            model.weights().embedding.matrix().row_f32(token.0 as usize, row);
            if let Some(scale) = scale {
                scale_in_place(row, scale);
            }
        }
    }

    /// Passes the batch through a layer, of which only the last `n_kept` tokens come out.
    fn block(&mut self, model: &Model, adapter: Option<&Adapter>, cache: &mut KvCache, index: usize, n_kept: usize) {
        let layer = &model.weights().layers[index];
        let Description { hidden_dim, n_heads, head_dim, .. } = *model.description();
        let end = cache.len() + self.buffers.hidden.len() / hidden_dim;
        self.project_heads(model, adapter, cache, index);
        if n_kept == 0 {
            return;
        }
        keep_last(&mut self.buffers.hidden, n_kept * hidden_dim);
        keep_last(&mut self.buffers.query, n_kept * n_heads * head_dim);
        self.attend(model, adapter, cache, index, end - n_kept);
        self.add_to_hidden(model, layer.post_attention_norm.as_deref());
        self.feed_forward(model, adapter, index);
        self.add_to_hidden(model, layer.post_ffn_norm.as_deref());
    }

    /// From `hidden` to `query`, and to the keys and values in the cache.
    fn project_heads(&mut self, model: &Model, adapter: Option<&Adapter>, cache: &mut KvCache, index: usize) {
        let description = model.description();
        let layer = &model.weights().layers[index];
        let lora = adapter.map(|adapter| (adapter, index));
        self.norm(&layer.attention_norm, description.norm_eps);
        self.input.set(&self.compute, &self.buffers.normed, description.hidden_dim);
        let Buffers { query, key, value, low_rank, .. } = &mut self.buffers;
        let mut steps = [
            step(&layer.query, Target::Query, query),
            step(&layer.key, Target::Key, key),
            step(&layer.value, Target::Value, value),
        ];
        project(&self.compute, lora, &self.input, &mut steps, low_rank);

        let first = cache.len();
        let kind = description.layers[index];
        let table = match (kind.positions, kind.window, &self.window_rope) {
            (Positions::Unknown, ..) => None,
            (Positions::Rotated, Some(_), Some(table)) => Some(table),
            (Positions::Rotated, ..) => Some(&self.rope),
        };
        let Buffers { query, key, value, .. } = &mut self.buffers;
        let heads = Heads { description, table, first, compute: &self.compute };
        heads.place(query, description.n_heads, layer.query_norm.as_deref());
        heads.sharpen(query);
        heads.place(key, description.n_kv_heads, layer.key_norm.as_deref());
        let kv = cache.layer_mut(index);
        let key_width = description.n_kv_heads * description.head_dim;
        for (token, (key, value)) in key.chunks_exact(key_width).zip(value.chunks_exact(key_width)).enumerate() {
            kv.store(first + token, key, value);
        }
    }

    /// From `query` to `projected`, by way of all earlier positions; the first query stands at position `first`.
    fn attend(&mut self, model: &Model, adapter: Option<&Adapter>, cache: &KvCache, index: usize, first: usize) {
        let description = model.description();
        let layer = &model.weights().layers[index];
        let lora = adapter.map(|adapter| (adapter, index));
        let Buffers { query, attended, .. } = &mut self.buffers;
        attended.resize(query.len(), 0.0);
        let shape = AttentionShape {
            n_heads: description.n_heads,
            n_kv_heads: description.n_kv_heads,
            head_dim: description.head_dim,
            scale: description.scores.scale,
            window: description.layers[index].window,
            soft_cap: description.scores.soft_cap,
            direction: Direction::Backward,
        };
        attention(&self.compute, &shape, query, first, cache.layer(index), attended);

        self.input.set(&self.compute, &self.buffers.attended, description.n_heads * description.head_dim);
        let Buffers { projected, low_rank, .. } = &mut self.buffers;
        let mut steps = [step(&layer.attention_out, Target::AttentionOut, projected)];
        project(&self.compute, lora, &self.input, &mut steps, low_rank);
    }

    /// From `hidden` to `projected`, each position for itself.
    fn feed_forward(&mut self, model: &Model, adapter: Option<&Adapter>, index: usize) {
        let description = model.description();
        let layer = &model.weights().layers[index];
        let lora = adapter.map(|adapter| (adapter, index));
        self.norm(&layer.ffn_norm, description.norm_eps);
        self.input.set(&self.compute, &self.buffers.normed, description.hidden_dim);
        let Buffers { normed, gate, up, projected, low_rank, .. } = &mut self.buffers;
        let network = match &layer.feed_forward {
            FeedForward::Dense(network) => network,
            FeedForward::Experts(experts) => {
                let input = (&self.input, normed.as_slice());
                self.mixture.forward(&self.compute, experts, description.activation, input, projected);
                return;
            }
        };
        let mut steps = [step(&network.gate, Target::Gate, gate), step(&network.up, Target::Up, up)];
        project(&self.compute, lora, &self.input, &mut steps, low_rank);
        description.activation.apply(&self.compute, description.ffn_dim, gate, up);
        self.input.set(&self.compute, gate, description.ffn_dim);
        let mut steps = [step(&network.down, Target::Down, projected)];
        project(&self.compute, lora, &self.input, &mut steps, low_rank);
    }

    fn norm(&mut self, weight: &[f32], eps: f32) {
        let Buffers { hidden, normed, .. } = &mut self.buffers;
        let (set, width) = (self.compute.set, weight.len());
        normed.resize(hidden.len(), 0.0);
        self.compute.for_rows(normed, width, |first, normed| {
            rms_norm(set, &hidden[first * width..][..normed.len()], weight, eps, normed);
        });
    }

    /// Adds `projected`, normed first where the architecture asks for it, to `hidden`.
    fn add_to_hidden(&mut self, model: &Model, post_norm: Option<&[f32]>) {
        let Description { hidden_dim: width, norm_eps, .. } = *model.description();
        let Buffers { hidden, projected, .. } = &mut self.buffers;
        let set = self.compute.set;
        if let Some(weight) = post_norm {
            self.compute.for_rows(projected, width, |_, rows| rms_norm_in_place(set, rows, weight, norm_eps));
        }
        self.compute.for_rows(hidden, width, |first, rows| {
            add_assign(set, rows, &projected[first * width..][..rows.len()]);
        });
    }
}

/// Forgets all but the last `len` numbers.
fn keep_last(numbers: &mut Vec<f32>, len: usize) {
    numbers.drain(..numbers.len() - len);
}

/// Keeps logits below a cap, where there is one.
fn soften(logits: &mut [f32], cap: Option<f32>) {
    if let Some(cap) = cap {
        for logit in logits {
            *logit = cap * (*logit / cap).tanh();
        }
    }
}

fn step<'a>(projection: &'a Projection, target: Target, out: &'a mut Vec<f32>) -> Step<'a> {
    Step { projection, target, out }
}

/// Multiplies one input by several matrices in one parallel step, the adapter's `A` among them, then adds biases and,
/// in another step, `scale · B·(A·x)`. `thin` is where the products with `A` go, `[n_tokens, rank]` each.
fn project(
    compute: &Compute,
    lora: Option<(&Adapter, usize)>,
    input: &Activations,
    steps: &mut [Step<'_>],
    thin: &mut Vec<Vec<f32>>,
) {
    let low_rank = |target| lora.and_then(|(adapter, layer)| adapter.target(layer, target));
    thin.resize_with(thin.len().max(steps.len()), Vec::new);
    let mut tasks = Vec::with_capacity(2 * steps.len());
    for (step, thin) in steps.iter_mut().zip(thin.iter_mut()) {
        step.out.resize(input.n_tokens() * step.projection.weight.rows(), 0.0);
        tasks.push(MatmulTask { weights: step.projection.weight.matrix(), out: step.out.as_mut_slice() });
        if let Some(pair) = low_rank(step.target) {
            thin.resize(input.n_tokens() * pair.a.rows(), 0.0);
            tasks.push(MatmulTask { weights: pair.a.matrix(), out: thin.as_mut_slice() });
        }
    }
    matmul(compute, &mut tasks, input);
    drop(tasks);
    for step in &mut *steps {
        if let Some(bias) = &step.projection.bias {
            step.out.chunks_exact_mut(bias.len()).for_each(|row| add_assign(compute.set, row, bias));
        }
    }
    let products = steps.iter_mut().zip(thin.iter()).filter_map(|(step, thin)| {
        let LowRank { b, scale, .. } = low_rank(step.target)?;
        Some(LowRankTask { columns: b, factors: thin, scale: *scale, out: step.out })
    });
    add_low_rank(compute, &mut products.collect::<Vec<_>>());
}

fn scale_in_place(x: &mut [f32], factor: f32) {
    for x in x {
        *x *= factor;
    }
}

/// What queries and keys go through before they meet: a norm in some architectures, and the rotation by position.
struct Heads<'a> {
    description: &'a Description,
    /// `None` in a layer that does not rotate.
    table: Option<&'a RopeTable>,
    /// The position of the first token.
    first: usize,
    compute: &'a Compute,
}

impl Heads<'_> {
    /// `heads` is `[n_tokens, any number of heads, head_dim]`.
    fn place(&self, heads: &mut [f32], n_heads: usize, norm: Option<&[f32]>) {
        let Description { head_dim, norm_eps, rope: rotary, .. } = self.description;
        let (set, width) = (self.compute.set, n_heads * head_dim);
        self.compute.for_rows(heads, width, |first, rows| {
            for (token, row) in rows.chunks_exact_mut(width).enumerate() {
                if let Some(weight) = norm {
                    rms_norm_in_place(set, row, weight, *norm_eps);
                }
                if let Some(table) = self.table {
                    rope(set, row, self.first + first + token, table, rotary.style);
                }
            }
        });
    }

    /// Multiplies queries by what their positions ask for.
    fn sharpen(&self, queries: &mut [f32]) {
        let Some(temperature) = self.description.scores.temperature else { return };
        let width = self.description.n_heads * self.description.head_dim;
        for (token, row) in queries.chunks_exact_mut(width).enumerate() {
            scale_in_place(row, temperature.factor(self.first + token));
        }
    }
}
