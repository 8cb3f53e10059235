//! The bytes of a file: mapped from disk, or owned if they were made in memory.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use super::GgufError;

/// Bytes that live as long as the model.
#[derive(Debug)]
pub(crate) enum Mapping {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Mapping {
    /// Maps the file at `path` read-only.
    pub(crate) fn open(path: &Path) -> Result<Self, GgufError> {
        let io = |source| GgufError::Io { path: path.into(), source };
        let file = File::open(path).map_err(io)?;
        // An empty file cannot be mapped on every system; it is no GGUF file either way.
        if file.metadata().map_err(io)?.len() == 0 {
            return Ok(Mapping::Owned(Vec::new()));
        }
        Mapping::map(&file).map(Mapping::Mapped).map_err(io)
    }

    /// Asks the system for large pages: what is read from one end to the other again and again is then found with a
    /// fraction of the address translations. Systems that know no such pages ignore it.
    pub(crate) fn advise_large_pages(&self) {
        #[cfg(target_os = "linux")]
        if let Mapping::Mapped(map) = self {
            // Only the speed depends on it.
            let _ = map.advise(memmap2::Advice::HugePage);
        }
    }

    #[expect(unsafe_code, reason = "weights are mapped, so that they load lazily and processes share them")]
    fn map(file: &File) -> std::io::Result<Mmap> {
        // SAFETY: the mapping is read-only and private to this type. As for every program that maps its data, the
        // file must not be changed in place meanwhile: our files are replaced by renaming, never rewritten.
        unsafe { Mmap::map(file) }
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Mapping::Mapped(map) => map,
            Mapping::Owned(bytes) => bytes,
        }
    }
}
