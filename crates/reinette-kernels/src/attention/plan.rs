//! How a call is cut into parts.

use std::ops::Range;

use super::AttentionShape;
use super::cache::PAGE;

/// Query rows (tokens × heads of a group) of a tile: enough that widening keys and values to `f32` costs little beside
/// the arithmetic; 96 rows of 64 numbers are 24 KiB.
const TILE_ROWS: usize = 96;
/// Query rows up to which decode's loops are faster than prefill's, which compute 48 rows at least.
const FEW_ROWS: usize = 24;
/// Keys that are summed up by themselves, from multiples of this position on: 240 keys and values of 64 half-precision
/// numbers are 60 KiB, some 4 µs of decode.
pub(super) const CHUNK: usize = 5 * PAGE;
/// With at least so many parts, no thread of a desktop machine waits long for the last one.
const ENOUGH_PARTS: usize = 16;

/// The work of one thread at a time: the group of query heads of one key/value head.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) kv_head: usize,
    /// Indices of query tokens.
    pub(super) tokens: Range<usize>,
    /// Positions of keys: whole chunks, but for the first and the last one of the tile.
    pub(super) keys: Range<usize>,
    /// Indices of results: one for each chunk of the keys, or one for all.
    pub(super) partials: Range<usize>,
}

impl Part {
    /// The chunks of its keys.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Range<usize>> {
        chunks(self.keys.clone(), CHUNK)
    }
}

/// `keys`, cut at multiples of `step`.
fn chunks(keys: Range<usize>, step: usize) -> impl Iterator<Item = Range<usize>> {
    let starts = (keys.start / step..keys.end.div_ceil(step)).map(move |index| index * step);
    starts.map(move |start| start.max(keys.start)..(start + step).min(keys.end))
}

/// All parts of a call.
#[derive(Debug)]
pub(super) struct Plan {
    /// Tokens of each tile but the last.
    pub(super) tile_tokens: usize,
    /// Sorted by tile, then head, then keys.
    pub(super) parts: Vec<Part>,
    /// Indices of each tile's results: as many for each head.
    pub(super) tiles: Vec<Range<usize>>,
}

impl Plan {
    pub(super) fn new(shape: &AttentionShape, n_tokens: usize, first_position: usize) -> Self {
        let tile_tokens = (TILE_ROWS / shape.group()).max(1);
        let n_tiles = n_tokens.div_ceil(tile_tokens);
        let mut plan = Self { tile_tokens, parts: Vec::new(), tiles: Vec::with_capacity(n_tiles) };
        let mut n_partials = 0;
        for tile in 0..n_tiles {
            let tokens = tile * tile_tokens..((tile + 1) * tile_tokens).min(n_tokens);
            let first = shape.first_key(first_position + tokens.start);
            let end = shape.end_key(first_position + tokens.end - 1, first_position + n_tokens);
            let n_chunks = chunks(first..end, CHUNK).count();
            let part_chunks = if has_few_rows(shape, &tokens) {
                1
            } else {
                n_chunks.div_ceil(ENOUGH_PARTS.div_ceil(n_tiles * shape.n_kv_heads))
            };
            let first_partial = n_partials;
            for kv_head in 0..shape.n_kv_heads {
                for keys in chunks(first..end, part_chunks * CHUNK) {
                    // What begins with the first chunk is summed up in order anyway.
                    let n_results = if keys.start == first { 1 } else { chunks(keys.clone(), CHUNK).count() };
                    let partials = n_partials..n_partials + n_results;
                    n_partials = partials.end;
                    plan.parts.push(Part { kv_head, tokens: tokens.clone(), keys, partials });
                }
            }
            plan.tiles.push(first_partial..n_partials);
        }
        plan
    }

    /// How many results the parts have.
    pub(super) fn n_partials(&self) -> usize {
        self.tiles.last().map_or(0, |partials| partials.end)
    }
}

/// Whether decode's loops are to compute so many tokens.
pub(super) fn has_few_rows(shape: &AttentionShape, tokens: &Range<usize>) -> bool {
    tokens.len() == 1 || tokens.len() * shape.group() <= FEW_ROWS
}
