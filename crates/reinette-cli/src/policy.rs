//! `--confirm`: when to ask.

use clap::{Args, ValueEnum};

/// When to ask.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// When to ask before something is done; where nobody can answer, what would be asked is not done
    #[arg(long, value_enum, default_value_t, env = "REINETTE_CONFIRM")]
    pub(crate) confirm: ConfirmArgument,
}

/// What `--confirm` takes.
#[derive(ValueEnum, Debug, Clone, Copy, Default)]
pub(crate) enum ConfirmArgument {
    /// Before every change
    #[default]
    Ask,
    /// Before every call, those that only read included
    Always,
    /// Act without asking
    Never,
}
