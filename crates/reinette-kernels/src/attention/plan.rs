//! How a call is cut into parts.

use std::ops::Range;

use super::AttentionShape;

/// Query rows (tokens × heads of a group) of a tile: enough that widening keys and values to `f32` costs little beside
/// the arithmetic; 96 rows of 64 numbers are 24 KiB.
const TILE_ROWS: usize = 96;
/// Keys of a part of one token: 256 keys and values of 64 half-precision numbers are 64 KiB, some 4 µs.
const DECODE_CHUNK: usize = 256;
/// Fewest keys of a part of several tokens.
const PREFILL_CHUNK: usize = 256;
/// With at least so many parts, no thread of a desktop machine waits long for the last one.
const ENOUGH_PARTS: usize = 16;

/// The work of one thread at a time: the group of query heads of one key/value head.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) kv_head: usize,
    /// Indices of query tokens.
    pub(super) tokens: Range<usize>,
    /// Positions of keys.
    pub(super) keys: Range<usize>,
}

/// All parts of a call.
#[derive(Debug)]
pub(super) struct Plan {
    /// Tokens of each tile but the last.
    pub(super) tile_tokens: usize,
    /// Sorted by tile, then head, then keys.
    pub(super) parts: Vec<Part>,
    /// Indices of each tile's parts: as many for each head.
    pub(super) tiles: Vec<Range<usize>>,
}

impl Plan {
    pub(super) fn new(shape: &AttentionShape, n_tokens: usize, first_position: usize) -> Self {
        let tile_tokens = (TILE_ROWS / shape.group()).max(1);
        let n_tiles = n_tokens.div_ceil(tile_tokens);
        let mut plan = Self { tile_tokens, parts: Vec::new(), tiles: Vec::with_capacity(n_tiles) };
        for tile in 0..n_tiles {
            let tokens = tile * tile_tokens..((tile + 1) * tile_tokens).min(n_tokens);
            let first = shape.first_key(first_position + tokens.start);
            let end = shape.end_key(first_position + tokens.end - 1, first_position + n_tokens);
            let chunk = if tokens.len() == 1 {
                DECODE_CHUNK
            } else {
                let n_chunks = ENOUGH_PARTS.div_ceil(n_tiles * shape.n_kv_heads);
                (end - first).div_ceil(n_chunks).max(PREFILL_CHUNK)
            };
            let first_part = plan.parts.len();
            for kv_head in 0..shape.n_kv_heads {
                let chunks = (first..end).step_by(chunk).map(|start| start..(start + chunk).min(end));
                plan.parts.extend(chunks.map(|keys| Part { kv_head, tokens: tokens.clone(), keys }));
            }
            plan.tiles.push(first_part..plan.parts.len());
        }
        plan
    }
}
