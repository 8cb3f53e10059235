//! The encoder of the BERT family: every token attends to all others, and norms come after what they are for.
//!
//! Paper: BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding, arXiv:1810.04805.

use crate::gguf::Gguf;
use crate::model::{HyperParameters, LoadError, Projection, Tensors, Weight};
use crate::tokenizer::TokenId;
use reinette_kernels::{
    Activations, AttentionShape, CacheTooLarge, Compute, Direction, KvLayer, KvType, MatmulTask, add_assign, attention,
    gelu_in_place, layer_norm_in_place, matmul,
};

/// The deepest encoders have 48 layers.
const MAX_LAYERS: usize = 1024;

/// How the vectors of all tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Their mean.
    Mean,
    /// That of the token that begins the text.
    First,
}

/// Weight and bias of a layer norm.
#[derive(Debug)]
struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

#[derive(Debug)]
struct Layer {
    query: Projection,
    key: Projection,
    value: Projection,
    attention_out: Projection,
    attention_norm: Norm,
    up: Projection,
    down: Projection,
    output_norm: Norm,
}

/// The tensors of an encoder, and the numbers that describe it.
#[derive(Debug)]
pub(super) struct EncoderWeights {
    context_tokens: usize,
    pooling: Pooling,
    norm_eps: f32,
    shape: AttentionShape,
    token_embedding: Weight,
    position_embedding: Weight,
    /// Of the first type: texts are not compared in pairs here.
    type_embedding: Vec<f32>,
    embedding_norm: Norm,
    layers: Vec<Layer>,
}

impl EncoderWeights {
    /// Finds and checks every tensor that the metadata ask for.
    ///
    /// # Errors
    /// If the architecture is another one, a tensor is missing or too many, or a number cannot be right.
    pub(super) fn from_gguf(gguf: &Gguf, vocab_size: usize) -> Result<Self, LoadError> {
        let parameters = HyperParameters::of(gguf)?;
        if parameters.architecture() != "bert" {
            let found = parameters.architecture().to_owned();
            return Err(LoadError::Architecture { found, supported: "bert, for embeddings".to_owned() });
        }
        let hidden = parameters.size("embedding_length")?;
        let n_heads = parameters.size("attention.head_count")?;
        let n_layers = parameters.size("block_count")?;
        let context_tokens = parameters.size("context_length")?;
        if !hidden.is_multiple_of(n_heads) {
            return Err(parameters.impossible("attention.head_count", &n_heads));
        }
        if n_layers > MAX_LAYERS {
            return Err(parameters.impossible("block_count", &n_layers));
        }
        let tensors = Tensors::new(gguf);
        let n_types = gguf.metadata().find::<usize>("tokenizer.ggml.token_type_count")?.unwrap_or(2);
        let type_embedding = tensors.matrix("token_types.weight", [n_types, hidden])?;
        let mut first_type = vec![0.0; hidden];
        if n_types > 0 {
            type_embedding.matrix().row_f32(0, &mut first_type);
        }
        let head_dim = hidden / n_heads;
        let weights = Self {
            context_tokens,
            pooling: pooling(parameters)?,
            norm_eps: parameters.positive("attention.layer_norm_epsilon")?,
            shape: AttentionShape {
                n_heads,
                n_kv_heads: n_heads,
                head_dim,
                scale: (head_dim as f32).sqrt().recip(),
                window: None,
                soft_cap: None,
                direction: Direction::Both,
            },
            token_embedding: tensors.matrix("token_embd.weight", [vocab_size, hidden])?,
            position_embedding: tensors.matrix("position_embd.weight", [context_tokens, hidden])?,
            type_embedding: first_type,
            embedding_norm: norm(&tensors, "token_embd_norm", hidden)?,
            layers: (0..n_layers)
                .map(|index| layer(&tensors, index, hidden, parameters.size("feed_forward_length")?))
                .collect::<Result<_, _>>()?,
        };
        tensors.check_all_used("bert")?;
        Ok(weights)
    }

    /// All matrices that activations are multiplied with.
    pub(super) fn matrices_mut(&mut self) -> Vec<&mut Weight> {
        let layers = self.layers.iter_mut().flat_map(|layer| {
            let Layer { query, key, value, attention_out, up, down, .. } = layer;
            [query, key, value, attention_out, up, down]
        });
        layers.map(|projection| &mut projection.weight).collect()
    }

    /// Whether the model's file could not be read any more.
    pub(super) fn is_lost(&self) -> bool {
        self.token_embedding.is_lost()
    }

    pub(super) fn hidden_dim(&self) -> usize {
        self.type_embedding.len()
    }

    pub(super) fn context_tokens(&self) -> usize {
        self.context_tokens
    }

    pub(super) fn pooling(&self) -> Pooling {
        self.pooling
    }
}

fn pooling(parameters: HyperParameters<'_>) -> Result<Pooling, LoadError> {
    const POOLING: &str = "pooling_type";
    match parameters.find::<u32>(POOLING)? {
        None | Some(1) => Ok(Pooling::Mean),
        Some(2) => Ok(Pooling::First),
        Some(other) => Err(parameters.impossible(POOLING, &other)),
    }
}

fn norm(tensors: &Tensors<'_>, name: &str, len: usize) -> Result<Norm, LoadError> {
    let weight = tensors.vector(&format!("{name}.weight"), len)?;
    Ok(Norm { weight, bias: tensors.vector(&format!("{name}.bias"), len)? })
}

fn layer(tensors: &Tensors<'_>, index: usize, hidden: usize, ffn: usize) -> Result<Layer, LoadError> {
    let part = |part: &str| format!("blk.{index}.{part}");
    let [query, key, value] = if tensors.has(&format!("{}.weight", part("attn_qkv"))) {
        tensors.fused_projections(&part("attn_qkv"), [hidden; 3], hidden)?
    } else {
        let projection = |name: &str| tensors.projection(&part(name), hidden, hidden);
        [projection("attn_q")?, projection("attn_k")?, projection("attn_v")?]
    };
    Ok(Layer {
        query,
        key,
        value,
        attention_out: tensors.projection(&part("attn_output"), hidden, hidden)?,
        attention_norm: norm(tensors, &part("attn_output_norm"), hidden)?,
        up: tensors.projection(&part("ffn_up"), ffn, hidden)?,
        down: tensors.projection(&part("ffn_down"), hidden, ffn)?,
        output_norm: norm(tensors, &part("layer_output_norm"), hidden)?,
    })
}

/// Computes: threads and buffers, used again for every text.
#[derive(Debug)]
pub(super) struct Encoder {
    compute: Compute,
    input: Activations,
    /// Keys and values of the layer that is being computed.
    kv: KvLayer,
    hidden: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    attended: Vec<f32>,
    up: Vec<f32>,
    projected: Vec<f32>,
}

impl Encoder {
    /// Prepares to compute with `n_threads` threads, the caller's included.
    ///
    /// # Errors
    /// If the context that the file asks for does not fit the memory.
    pub(super) fn new(weights: &EncoderWeights, n_threads: usize) -> Result<Self, CacheTooLarge> {
        let AttentionShape { n_kv_heads, head_dim, .. } = weights.shape;
        Ok(Self {
            compute: Compute::new(n_threads),
            input: Activations::new(),
            kv: KvLayer::new(KvType::F16, n_kv_heads, head_dim, weights.context_tokens)?,
            hidden: Vec::new(),
            query: Vec::new(),
            key: Vec::new(),
            value: Vec::new(),
            attended: Vec::new(),
            up: Vec::new(),
            projected: Vec::new(),
        })
    }

    /// The vectors of all tokens, `[n_tokens, hidden_dim]`.
    pub(super) fn encode(&mut self, weights: &EncoderWeights, tokens: &[TokenId]) -> &[f32] {
        self.embed(weights, tokens);
        for layer in &weights.layers {
            self.attention(weights, layer);
            self.add_to_hidden(&layer.attention_norm, weights.norm_eps);
            self.feed_forward(weights, layer);
            self.add_to_hidden(&layer.output_norm, weights.norm_eps);
        }
        &self.hidden
    }

    fn embed(&mut self, weights: &EncoderWeights, tokens: &[TokenId]) {
        let width = weights.hidden_dim();
        let mut position_row = vec![0.0; width];
        self.hidden.resize(tokens.len() * width, 0.0);
        for (position, (token, row)) in tokens.iter().zip(self.hidden.chunks_exact_mut(width)).enumerate() {
            weights.token_embedding.matrix().row_f32(token.index(), row);
            weights.position_embedding.matrix().row_f32(position, &mut position_row);
            add_assign(self.compute.set, row, &position_row);
            add_assign(self.compute.set, row, &weights.type_embedding);
        }
        let Norm { weight, bias } = &weights.embedding_norm;
        layer_norm_in_place(self.compute.set, &mut self.hidden, weight, bias, weights.norm_eps);
    }

    /// From `hidden` to `projected`, by way of all positions.
    fn attention(&mut self, weights: &EncoderWeights, layer: &Layer) {
        let width = weights.hidden_dim();
        let Self { compute, input, kv, hidden, query, key, value, attended, projected, .. } = self;
        input.set(compute, hidden, width);
        project(compute, input, &mut [(&layer.query, query), (&layer.key, key), (&layer.value, value)]);
        for (position, (key, value)) in key.chunks_exact(width).zip(value.chunks_exact(width)).enumerate() {
            kv.store(position, key, value);
        }
        attended.resize(query.len(), 0.0);
        attention(compute, &weights.shape, query, 0, kv, attended);
        input.set(compute, attended, width);
        project(compute, input, &mut [(&layer.attention_out, projected)]);
    }

    /// From `hidden` to `projected`, each position for itself.
    fn feed_forward(&mut self, weights: &EncoderWeights, layer: &Layer) {
        let Self { compute, input, hidden, up, projected, .. } = self;
        input.set(compute, hidden, weights.hidden_dim());
        project(compute, input, &mut [(&layer.up, up)]);
        gelu_in_place(compute.set, up);
        input.set(compute, up, layer.up.weight.rows());
        project(compute, input, &mut [(&layer.down, projected)]);
    }

    /// Adds `projected` to `hidden`, and norms that.
    fn add_to_hidden(&mut self, norm: &Norm, eps: f32) {
        add_assign(self.compute.set, &mut self.hidden, &self.projected);
        layer_norm_in_place(self.compute.set, &mut self.hidden, &norm.weight, &norm.bias, eps);
    }
}

/// Multiplies one input by several matrices in one parallel step, then adds the biases.
fn project(compute: &Compute, input: &Activations, steps: &mut [(&Projection, &mut Vec<f32>)]) {
    let mut tasks = Vec::with_capacity(steps.len());
    for (projection, out) in steps.iter_mut() {
        out.resize(input.n_tokens() * projection.weight.rows(), 0.0);
        tasks.push(MatmulTask { weights: projection.weight.matrix(), out: out.as_mut_slice() });
    }
    matmul(compute, &mut tasks, input);
    drop(tasks);
    for (projection, out) in steps {
        if let Some(bias) = &projection.bias {
            out.chunks_exact_mut(bias.len()).for_each(|row| add_assign(compute.set, row, bias));
        }
    }
}
