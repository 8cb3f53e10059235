//! The file of one snapshot.
//!
//! All numbers are little-endian:
//!
//! | what | bytes |
//! |---|---|
//! | `RNTPREFX`, the format's version, the type of numbers (1: half precision, 2: 8 bits) | 8, 4, 4 |
//! | fingerprints of the model and of the adapter (0: none) | 16, 16 |
//! | how positions are rotated | 1 |
//! | layers, key/value heads, words of a page, tokens | 4 each |
//! | the tokens | 4 each |
//! | layer by layer, head by head: `[pages, page_words]`, as [`KvLayer`](reinette_kernels::KvLayer) says; zero behind the last token | 2 each |
//! | XXH3-64 of all before | 8 |

use crate::file_cache::FileState;
use crate::model::{Fingerprint, KvCache, KvShape};
use crate::tokenizer::TokenId;
use reinette_kernels::{KvLayer, KvType};
use std::hash::Hasher;
use std::io::{self, Read, Write};
use twox_hash::XxHash3_64;

const MAGIC: &[u8; 8] = b"RNTPREFX";
/// Changes with the layout, and with whatever makes the same model compute other keys and values.
const VERSION: u32 = 3;

/// Everything that keys and values depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct SnapshotKey<'a> {
    pub(super) model: Fingerprint,
    pub(super) adapter: Option<Fingerprint>,
    pub(super) shape: KvShape,
    pub(super) tokens: &'a [TokenId],
}

/// Why a file is not the snapshot that is asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum SnapshotError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it begins like the snapshot of another prompt")]
    OtherKey,
    #[error("it is damaged: it does not end with the checksum of its contents")]
    Checksum,
}

impl SnapshotKey<'_> {
    /// How the file begins: whatever begins like this is the snapshot of this key.
    fn header(&self) -> Vec<u8> {
        let mut header = MAGIC.to_vec();
        header.extend(VERSION.to_le_bytes());
        let KvShape { n_layers, n_kv_heads, ty, page_words, reach } = self.shape;
        let ty: u32 = match ty {
            KvType::F16 => 1,
            KvType::Q8 => 2,
        };
        header.extend(ty.to_le_bytes());
        header.extend(self.model.to_le_bytes());
        header.extend(self.adapter.map_or([0; 16], Fingerprint::to_le_bytes));
        header.push(reach as u8);
        for size in [n_layers, n_kv_heads, page_words, self.tokens.len()] {
            header.extend(u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
        }
        header.extend(self.tokens.iter().flat_map(|token| token.0.to_le_bytes()));
        header
    }

    /// The name of the file, the same in every process.
    pub(super) fn name(&self) -> String {
        Fingerprint::of_bytes(&self.header()).to_string()
    }

    /// The length of the file.
    pub(super) fn size_bytes(&self) -> u64 {
        let words = self.shape.words(0..self.tokens.len());
        (self.header().len() + 2 * words + size_of::<u64>()) as u64
    }
}

/// Writes the beginning of `cache` that `key` names.
pub(super) fn write(key: &SnapshotKey<'_>, cache: &KvCache, out: &mut impl Write) -> io::Result<()> {
    let header = key.header();
    let mut checksum = XxHash3_64::new();
    let mut put = |bytes: &[u8]| {
        checksum.write(bytes);
        out.write_all(bytes)
    };
    put(&header)?;
    // Pages are small enough for the level-two cache.
    let (mut words, mut bytes) = (Vec::new(), Vec::new());
    let n_tokens = key.tokens.len();
    for pages in cache.pages(0..n_tokens) {
        for (index, page) in pages.chunks_exact(key.shape.page_words).enumerate() {
            words.clear();
            words.extend_from_slice(page);
            // What was said after the prefix is nobody else's business.
            let n_positions = n_tokens - index * KvLayer::PAGE_POSITIONS;
            if n_positions < KvLayer::PAGE_POSITIONS {
                cache.clear_page_after(n_positions, &mut words);
            }
            bytes.clear();
            bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            put(&bytes)?;
        }
    }
    out.write_all(&checksum.finish().to_le_bytes())
}

/// Compares all of a file with the checksum at its end.
pub(super) fn verify(input: &mut impl Read) -> FileState {
    let mut bytes = Vec::new();
    if input.read_to_end(&mut bytes).is_err() || !bytes.starts_with(MAGIC) {
        return FileState::Damaged;
    }
    let Some((contents, checksum)) = bytes.split_last_chunk().filter(|(contents, _)| contents.len() > MAGIC.len() + 4)
    else {
        return FileState::Damaged;
    };
    if contents[MAGIC.len()..][..4] != VERSION.to_le_bytes() {
        return FileState::Outdated;
    }
    let is_intact = XxHash3_64::oneshot(contents) == u64::from_le_bytes(*checksum);
    if is_intact { FileState::Intact } else { FileState::Damaged }
}

/// Reads the snapshot of `key` into `cache`, which is emptied first and stays empty if that fails.
pub(super) fn read(key: &SnapshotKey<'_>, cache: &mut KvCache, input: &mut impl Read) -> Result<(), SnapshotError> {
    let expected = key.header();
    let mut checksum = XxHash3_64::new();
    let mut get = |bytes: &mut [u8]| {
        input.read_exact(bytes)?;
        checksum.write(bytes);
        Ok::<(), io::Error>(())
    };
    cache.keep_prefix(&[], key.adapter);
    let mut header = vec![0; expected.len()];
    get(&mut header)?;
    if header != expected {
        return Err(SnapshotError::OtherKey);
    }
    let mut bytes = vec![0; 2 * key.shape.page_words];
    cache.append_filled(key.tokens, |pages| {
        pages.chunks_exact_mut(key.shape.page_words).try_for_each(|page| {
            get(&mut bytes)?;
            for (word, bytes) in page.iter_mut().zip(bytes.as_chunks().0) {
                *word = u16::from_le_bytes(*bytes);
            }
            Ok::<(), io::Error>(())
        })
    })?;
    let mut last = [0; size_of::<u64>()];
    let read = input.read_exact(&mut last);
    if read.is_err() || u64::from_le_bytes(last) != checksum.finish() {
        cache.keep_prefix(&[], key.adapter);
        return Err(SnapshotError::Checksum);
    }
    Ok(())
}
