//! How llama.cpp is run: everything that its users turn to make it faster on a processor.

use std::fmt;
use std::process::Command;

/// Whether attention is computed in one fused step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum FlashAttention {
    On,
    Off,
}

/// What multiplies large matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Build {
    /// llama.cpp's own kernels.
    Own,
    /// OpenBLAS for prompts, its own kernels for single tokens.
    OpenBlas,
}

/// The pages in which weights and the cache of keys and values lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pages {
    /// The model's file is mapped, with the system's ordinary pages.
    Ordinary,
    /// The model is read into memory for which huge pages are asked.
    Huge,
}

/// One way to run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Setting {
    pub(super) build: Build,
    pub(super) flash: FlashAttention,
    pub(super) pages: Pages,
    /// The place of the model's file among those that there are; 0 is the file that ours reads.
    pub(super) file: usize,
}

impl Setting {
    /// The settings of a plain call on the same file.
    pub(super) const PLAIN: Self =
        Self { build: Build::Own, flash: FlashAttention::On, pages: Pages::Ordinary, file: 0 };

    /// Sets what the programs have in common.
    pub(super) fn apply(self, command: &mut Command) {
        let flash = match self.flash {
            FlashAttention::On => "on",
            FlashAttention::Off => "off",
        };
        command.args(["-fa", flash]);
        if self.pages == Pages::Huge {
            // The allocator of glibc asks for huge pages itself.
            command.args(["--load-mode", "none"]).env("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let build = match self.build {
            Build::Own => "own kernels",
            Build::OpenBlas => "OpenBLAS",
        };
        let flash = match self.flash {
            FlashAttention::On => "flash attention",
            FlashAttention::Off => "no flash attention",
        };
        let pages = match self.pages {
            Pages::Ordinary => "mapped file",
            Pages::Huge => "huge pages",
        };
        write!(f, "{build}, {flash}, {pages}")
    }
}
