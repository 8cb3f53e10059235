//! `--split`: the part of the requests that an evaluation tries.

use clap::ValueEnum;
use reinette_assistant::eval::Split;

#[derive(ValueEnum, Debug, Clone, Copy, Default)]
pub(super) enum SplitArgument {
    /// The part to work with
    #[default]
    Work,
    /// The part to look at only for the final figure
    HeldOut,
}

impl SplitArgument {
    pub(super) fn split(self) -> Split {
        match self {
            Self::Work => Split::Work,
            Self::HeldOut => Split::HeldOut,
        }
    }
}
