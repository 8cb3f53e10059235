//! The bytes of a file: mapped from disk, or owned if they were made in memory.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;
use reinette_kernels::{Buffer, FaultGuard};

use super::GgufError;

/// Bytes that live as long as the model.
#[derive(Debug)]
pub(crate) enum Mapping {
    Mapped(Guarded),
    Owned(Vec<u8>),
    /// Made here, of the size of a model.
    Made(Buffer<u8>),
}

/// A mapped file. Where another program cuts it short, or the disk fails, the pages that are gone are zeros.
#[derive(Debug)]
pub(crate) struct Guarded {
    /// Dropped before the mapping, whose addresses may be another's afterwards.
    guard: FaultGuard,
    map: Mmap,
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
        Guarded::map(&file).map(Mapping::Mapped).map_err(io)
    }

    /// Asks the system for large pages: what is read from one end to the other again and again is then found with a
    /// fraction of the address translations. Systems that know no such pages ignore it.
    pub(crate) fn advise_large_pages(&self) {
        #[cfg(target_os = "linux")]
        if let Mapping::Mapped(Guarded { map, .. }) = self {
            // Only the speed depends on it.
            let _ = map.advise(memmap2::Advice::HugePage);
        }
    }

    /// Takes the file's pages out of this process's memory; they come back when they are read.
    pub(crate) fn release_pages(&self) {
        #[cfg(unix)]
        if let Mapping::Mapped(Guarded { map, .. }) = self {
            // SAFETY: nobody has written to the mapping: what is read again is what is in the file.
            #[expect(unsafe_code, reason = "of other mappings it would lose what was written")]
            let released = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
            // What the system keeps costs memory, nothing else.
            let _ = released;
        }
    }

    /// Whether some of the bytes could not be read any more, and were zeros instead.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Mapping::Mapped(Guarded { guard, .. }) if guard.has_faulted())
    }
}

impl Guarded {
    #[expect(unsafe_code, reason = "weights are mapped, so that they load lazily and processes share them")]
    fn map(file: &File) -> std::io::Result<Self> {
        // SAFETY: the mapping is read-only and private to this type, and the guard is dropped before it. As for every
        // program that maps its data, the file must not be changed in place meanwhile: our files are replaced by renaming,
        // never rewritten; of one that is cut short nevertheless, the guard tells.
        unsafe {
            let map = Mmap::map(file)?;
            Ok(Self { guard: FaultGuard::new(&map), map })
        }
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Mapping::Mapped(Guarded { map, .. }) => map,
            Mapping::Owned(bytes) => bytes,
            Mapping::Made(bytes) => bytes,
        }
    }
}
