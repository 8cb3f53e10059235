//! The one decoder block, and the way of a batch of tokens, of one or several sequences, through all of them.

use super::adapter::{LowRank, Target};
use super::{Adapter, Description, FeedForward, KvCache, MixtureBuffers, Model, Positions, Projection};
use crate::tokenizer::TokenId;
use reinette_kernels::{
    Activations, AttentionShape, Compute, Direction, LowRankTask, MatmulTask, RopeError, RopeTable, ThreadPool,
    add_assign, add_low_rank, attention, matmul, matmul_rows, rms_norm, rms_norm_in_place, rope,
};
use std::ops::Range;
use std::sync::Arc;

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

/// Tokens of one sequence, which are read together with those of others.
pub(crate) struct Part<'a> {
    /// What the sequence has read before.
    pub(crate) cache: &'a mut KvCache,
    pub(crate) adapters: &'a [Arc<Adapter>],
    pub(crate) tokens: &'a [TokenId],
    /// After how many of the last tokens logits are to be had.
    pub(crate) n_outputs: usize,
}

/// What the rows of the buffers are.
struct Layout<'a> {
    /// The rows of each part.
    rows: Vec<Range<usize>>,
    /// The position of each row in its sequence.
    positions: Vec<usize>,
    /// The adapters of all parts, each once.
    adapters: Vec<&'a Adapter>,
    /// For each place in the parts' stacks of adapters: the rows that the adapter there changes, in ascending order, and its
    /// index.
    adapted: Vec<Vec<(Range<usize>, usize)>>,
}

impl<'a> Layout<'a> {
    /// The layout of the last `n_rows` tokens of each part.
    fn new(parts: &[Part<'a>], n_rows: impl Fn(&Part<'a>) -> usize) -> Self {
        let mut layout = Self {
            rows: Vec::with_capacity(parts.len()),
            positions: Vec::new(),
            adapters: Vec::new(),
            adapted: Vec::new(),
        };
        for part in parts {
            let start = layout.positions.len();
            let end = part.cache.len() + part.tokens.len();
            layout.positions.extend(end - n_rows(part)..end);
            let rows = start..layout.positions.len();
            for (place, adapter) in part.adapters.iter().enumerate() {
                layout.adapt(rows.clone(), place, adapter);
            }
            layout.rows.push(rows);
        }
        layout
    }

    fn adapt(&mut self, rows: Range<usize>, place: usize, adapter: &'a Adapter) {
        let known = self.adapters.iter().position(|known| std::ptr::eq(*known, adapter));
        let index = known.unwrap_or_else(|| {
            self.adapters.push(adapter);
            self.adapters.len() - 1
        });
        self.adapted.resize_with(self.adapted.len().max(place + 1), Vec::new);
        let adapted = &mut self.adapted[place];
        match adapted.last_mut() {
            Some((before, same)) if *same == index && before.end == rows.start => before.end = rows.end,
            _ => adapted.push((rows, index)),
        }
    }
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

    /// What it computes with.
    pub(crate) fn threads(&self) -> &Arc<ThreadPool> {
        &self.compute.pool
    }

    /// Reads the tokens of every part after those that its cache holds, all in the same products, and appends their keys
    /// and values. `interrupted` is asked before each layer; once it answers yes, all caches stay as they were and `false`
    /// is returned.
    ///
    /// # Panics
    /// If a part's tokens do not fit its cache: the caller has checked.
    pub(crate) fn read(&mut self, model: &Model, parts: &mut [Part<'_>], interrupted: &dyn Fn() -> bool) -> bool {
        for Part { cache, tokens, .. } in &*parts {
            assert!(cache.len() + tokens.len() <= cache.capacity(), "the caller checks what fits");
        }
        self.embed(model, parts);
        let mut layout = Layout::new(parts, |part| part.tokens.len());
        let n_layers = model.description().n_layers();
        for index in 0..n_layers {
            if interrupted() {
                return false;
            }
            self.project_heads(model, parts, &layout, index);
            if index + 1 == n_layers {
                // What the last layer computes of a token beside its key and value is for its logits alone.
                layout = self.keep_outputs(model, parts);
            }
            if !layout.positions.is_empty() {
                self.attend(model, parts, &layout, index);
                let layer = &model.weights().layers[index];
                self.add_to_hidden(model, layer.post_attention_norm.as_deref());
                self.feed_forward(model, &layout, index);
                self.add_to_hidden(model, layer.post_ffn_norm.as_deref());
            }
        }
        for Part { cache, tokens, .. } in parts {
            cache.append(tokens);
        }
        true
    }

    /// Appends to `out` the logits after some of the outputs that were read last; these are numbered through all parts.
    ///
    /// # Shapes
    /// `[outputs.len(), vocab_size]`.
    pub(crate) fn logits(&mut self, model: &Model, outputs: &[usize], out: &mut Vec<f32>) {
        let output = model.weights().output();
        let start = out.len();
        out.resize(start + outputs.len() * output.rows(), 0.0);
        self.normed_output(model, outputs);
        matmul(&self.compute, &mut [MatmulTask { weights: output.matrix(), out: &mut out[start..] }], &self.input);
        soften(&mut out[start..], model.description().logit_soft_cap);
    }

    /// Sets `out` to the logits of `ids` after one of the outputs that were read last; those of all others are −∞.
    ///
    /// # Shapes
    /// `[vocab_size]`.
    pub(crate) fn logits_of(&mut self, model: &Model, output: usize, ids: &[u32], out: &mut Vec<f32>) {
        self.normed_output(model, &[output]);
        let output = model.weights().output();
        let mut some = vec![0.0; ids.len()];
        matmul_rows(&self.compute, output.matrix(), ids, &self.input, &mut some);
        soften(&mut some, model.description().logit_soft_cap);
        out.clear();
        out.resize(output.rows(), f32::NEG_INFINITY);
        for (id, logit) in ids.iter().zip(some) {
            out[*id as usize] = logit;
        }
    }

    /// Makes outputs, normed, the input of the output layer.
    fn normed_output(&mut self, model: &Model, outputs: &[usize]) {
        let Description { hidden_dim, norm_eps, .. } = *model.description();
        let Buffers { hidden, normed, .. } = &mut self.buffers;
        normed.resize(outputs.len() * hidden_dim, 0.0);
        for (output, normed) in outputs.iter().zip(normed.chunks_exact_mut(hidden_dim)) {
            let hidden = &hidden[output * hidden_dim..][..hidden_dim];
            rms_norm(self.compute.set, hidden, &model.weights().output_norm, norm_eps, normed);
        }
        self.input.set(&self.compute, normed, hidden_dim);
    }

    fn embed(&mut self, model: &Model, parts: &[Part<'_>]) {
        let width = model.description().hidden_dim;
        let scale = model.description().embedding_scale;
        let hidden = &mut self.buffers.hidden;
        hidden.resize(parts.iter().map(|part| part.tokens.len()).sum::<usize>() * width, 0.0);
        let tokens = parts.iter().flat_map(|part| part.tokens);
        for (token, row) in tokens.zip(hidden.chunks_exact_mut(width)) {
            model.weights().embedding.matrix().row_f32(token.0 as usize, row);
            if let Some(scale) = scale {
                scale_in_place(row, scale);
            }
        }
    }

    /// Forgets the hidden states and queries of all tokens that no logits are asked after.
    fn keep_outputs<'a>(&mut self, model: &Model, parts: &[Part<'a>]) -> Layout<'a> {
        let Description { hidden_dim, n_heads, head_dim, .. } = *model.description();
        let Buffers { hidden, query, .. } = &mut self.buffers;
        for (rows, width) in [(hidden, hidden_dim), (query, n_heads * head_dim)] {
            let (mut end, mut kept) = (0, 0);
            for part in parts {
                end += part.tokens.len();
                rows.copy_within((end - part.n_outputs) * width..end * width, kept * width);
                kept += part.n_outputs;
            }
            rows.truncate(kept * width);
        }
        Layout::new(parts, |part| part.n_outputs)
    }

    /// From `hidden` to `query`, and to the keys and values in the caches.
    fn project_heads(&mut self, model: &Model, parts: &mut [Part<'_>], layout: &Layout<'_>, index: usize) {
        let description = model.description();
        let layer = &model.weights().layers[index];
        self.norm(&layer.attention_norm, description.norm_eps);
        self.input.set(&self.compute, &self.buffers.normed, description.hidden_dim);
        let Buffers { query, key, value, low_rank, .. } = &mut self.buffers;
        let mut steps = [
            step(&layer.query, Target::Query, query),
            step(&layer.key, Target::Key, key),
            step(&layer.value, Target::Value, value),
        ];
        project(&self.compute, (layout, index), &self.input, &mut steps, low_rank);

        let kind = description.layers[index];
        let table = match (kind.positions, kind.window, &self.window_rope) {
            (Positions::Unknown, ..) => None,
            (Positions::Rotated, Some(_), Some(table)) => Some(table),
            (Positions::Rotated, ..) => Some(&self.rope),
        };
        let heads = Heads { description, table, positions: &layout.positions, compute: &self.compute };
        heads.place(query, description.n_heads, layer.query_norm.as_deref());
        heads.sharpen(query);
        heads.place(key, description.n_kv_heads, layer.key_norm.as_deref());
        let key_width = description.n_kv_heads * description.head_dim;
        let mut rows = key.chunks_exact(key_width).zip(value.chunks_exact(key_width));
        for Part { cache, tokens, .. } in parts {
            let first = cache.len();
            let kv = cache.layer_mut(index);
            for (position, (key, value)) in (first..).zip(rows.by_ref().take(tokens.len())) {
                kv.store(position, key, value);
            }
        }
    }

    /// From `query` to `projected`, by way of all earlier positions of the same sequence.
    fn attend(&mut self, model: &Model, parts: &[Part<'_>], layout: &Layout<'_>, index: usize) {
        let description = model.description();
        let layer = &model.weights().layers[index];
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
        let width = description.n_heads * description.head_dim;
        for (part, rows) in parts.iter().zip(&layout.rows).filter(|(_, rows)| !rows.is_empty()) {
            let (first, numbers) = (layout.positions[rows.start], rows.start * width..rows.end * width);
            let kv = part.cache.layer(index);
            attention(&self.compute, &shape, &query[numbers.clone()], first, kv, &mut attended[numbers]);
        }

        self.input.set(&self.compute, &self.buffers.attended, width);
        let Buffers { projected, low_rank, .. } = &mut self.buffers;
        let mut steps = [step(&layer.attention_out, Target::AttentionOut, projected)];
        project(&self.compute, (layout, index), &self.input, &mut steps, low_rank);
    }

    /// From `hidden` to `projected`, each position for itself.
    fn feed_forward(&mut self, model: &Model, layout: &Layout<'_>, index: usize) {
        let description = model.description();
        let layer = &model.weights().layers[index];
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
        project(&self.compute, (layout, index), &self.input, &mut steps, low_rank);
        description.activation.apply(&self.compute, description.ffn_dim, gate, up);
        self.input.set(&self.compute, gate, description.ffn_dim);
        let mut steps = [step(&network.down, Target::Down, projected)];
        project(&self.compute, (layout, index), &self.input, &mut steps, low_rank);
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

/// Multiplies one input by several matrices in one parallel step, the adapters' `A` among them, then adds biases and,
/// in another step for each place of a stack of adapters, `scale · B·(A·x)` to the rows that an adapter changes. `thin` is where the products with `A` go,
/// `[n_tokens, rank]` each: of all rows, as a few too many of so thin a matrix cost less than a product of their own.
fn project(
    compute: &Compute,
    (layout, layer): (&Layout<'_>, usize),
    input: &Activations,
    steps: &mut [Step<'_>],
    thin: &mut Vec<Vec<f32>>,
) {
    let n_adapters = layout.adapters.len();
    thin.resize_with(thin.len().max(steps.len() * n_adapters), Vec::new);
    let mut tasks = Vec::with_capacity(steps.len() * (1 + n_adapters));
    let mut unused = thin.iter_mut();
    for step in &mut *steps {
        step.out.resize(input.n_tokens() * step.projection.weight.rows(), 0.0);
        tasks.push(MatmulTask { weights: step.projection.weight.matrix(), out: step.out.as_mut_slice() });
        for (adapter, thin) in layout.adapters.iter().zip(unused.by_ref().take(n_adapters)) {
            if let Some(pair) = adapter.target(layer, step.target) {
                thin.resize(input.n_tokens() * pair.a.rows(), 0.0);
                tasks.push(MatmulTask { weights: pair.a.matrix(), out: thin.as_mut_slice() });
            }
        }
    }
    matmul(compute, &mut tasks, input);
    drop(tasks);
    for step in &mut *steps {
        lengthen((layout, layer), step);
    }
    for Step { projection, out, .. } in &mut *steps {
        if let Some(bias) = &projection.bias {
            out.chunks_exact_mut(bias.len()).for_each(|row| add_assign(compute.set, row, bias));
        }
    }
    for adapted in &layout.adapted {
        let mut products = Vec::with_capacity(steps.len() * adapted.len());
        for (index, step) in steps.iter_mut().enumerate() {
            let width = step.projection.weight.rows();
            let (mut rest, mut first) = (step.out.as_mut_slice(), 0);
            for (rows, adapter) in adapted {
                let (_, from) = std::mem::take(&mut rest).split_at_mut((rows.start - first) * width);
                let (out, after) = from.split_at_mut(rows.len() * width);
                (rest, first) = (after, rows.end);
                if let Some(LowRank { a, b, scale, .. }) = layout.adapters[*adapter].target(layer, step.target) {
                    let factors = &thin[index * n_adapters + adapter][rows.start * a.rows()..rows.end * a.rows()];
                    products.push(LowRankTask { columns: b, factors, scale: *scale, out });
                }
            }
        }
        add_low_rank(compute, &mut products);
    }
}

/// Where adapters change how long the rows of the weights are, makes the product that of the rows that they make of them.
fn lengthen((layout, layer): (&Layout<'_>, usize), step: &mut Step<'_>) {
    let adapted = || {
        let places = layout.adapted.iter().flatten();
        places.filter_map(|(rows, adapter)| {
            Some((rows, layout.adapters[*adapter].target(layer, step.target)?.factors.as_ref()?))
        })
    };
    if adapted().next().is_none() {
        return;
    }
    let width = step.projection.weight.rows();
    let own = step.out.clone();
    for (rows, factors) in adapted() {
        let rows = rows.start * width..rows.end * width;
        for (out, own) in step.out[rows.clone()].chunks_exact_mut(width).zip(own[rows].chunks_exact(width)) {
            out.iter_mut().zip(own).zip(factors).for_each(|((out, own), factor)| *out += (factor - 1.0) * own);
        }
    }
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
    /// The position of each token.
    positions: &'a [usize],
    compute: &'a Compute,
}

impl Heads<'_> {
    /// `heads` is `[n_tokens, any number of heads, head_dim]`.
    fn place(&self, heads: &mut [f32], n_heads: usize, norm: Option<&[f32]>) {
        let Description { head_dim, norm_eps, rope: rotary, .. } = self.description;
        let (set, width) = (self.compute.set, n_heads * head_dim);
        self.compute.for_rows(heads, width, |first, rows| {
            for (row, position) in rows.chunks_exact_mut(width).zip(&self.positions[first..]) {
                if let Some(weight) = norm {
                    rms_norm_in_place(set, row, weight, *norm_eps);
                }
                if let Some(table) = self.table {
                    rope(set, row, *position, table, rotary.style);
                }
            }
        });
    }

    /// Multiplies queries by what their positions ask for.
    fn sharpen(&self, queries: &mut [f32]) {
        let Some(temperature) = self.description.scores.temperature else { return };
        let width = self.description.n_heads * self.description.head_dim;
        for (row, position) in queries.chunks_exact_mut(width).zip(self.positions) {
            scale_in_place(row, temperature.factor(*position));
        }
    }
}
