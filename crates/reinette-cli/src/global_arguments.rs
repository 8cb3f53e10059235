//! The options that every command has, as they are typed; [`crate::context`] resolves them.

use crate::printer::{OutputFormat, Verbosity};
use clap::{Args, ValueEnum};
use reinette::KvType;
use std::path::PathBuf;

/// Options of every command.
#[derive(Args, Debug)]
pub(crate) struct GlobalArguments {
    /// Keep calendars, reminders, notes and history in DIR
    #[arg(long, global = true, value_name = "DIR", env = "REINETTE_HOME")]
    pub(crate) home: Option<PathBuf>,

    /// Keep models in DIR
    #[arg(long, global = true, value_name = "DIR", env = "REINETTE_MODELS")]
    pub(crate) models: Option<PathBuf>,

    /// Use this model: a name that `reinette models list` shows, or a GGUF file
    #[arg(long, global = true, value_name = "NAME|FILE", env = "REINETTE_MODEL")]
    pub(crate) model: Option<String>,

    /// Let this much smaller model of the same family guess what the model says: the same answers, sooner where it is right
    #[arg(long, global = true, value_name = "NAME|FILE", env = "REINETTE_DRAFT")]
    pub(crate) draft: Option<String>,

    /// Let the model choose tools with the adapter in DIR: a LoRA that learned them, in PEFT's form, with tools.json
    #[arg(long, global = true, value_name = "DIR", env = "REINETTE_ADAPTER")]
    pub(crate) adapter: Option<PathBuf>,

    /// Fetch models from this mirror of the model hub
    #[arg(long, global = true, value_name = "URL", env = "REINETTE_HUB")]
    pub(crate) hub: Option<String>,

    /// Keep up to so many megabytes of what the model has read, so that the next start need not read it again; 0 keeps
    /// nothing at all, not even the model's weights in this processor's layout, which otherwise do not count towards it
    #[arg(long, global = true, value_name = "MEGABYTES", env = "REINETTE_CACHE_LIMIT", default_value_t = 512)]
    pub(crate) cache_limit: u32,

    /// Compute with so many threads; as many as there are cores if not given
    #[arg(long, global = true, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,

    /// Keep what the model has read in numbers of this type: f16 is what the model's figures are made with, q8 takes a
    /// bit more than half the memory
    #[arg(long, global = true, value_name = "TYPE", value_enum, default_value_t, env = "REINETTE_KV_CACHE")]
    pub(crate) kv_cache: KvCacheArgument,

    /// Print JSON Lines: one object a line, each with a `type`
    #[arg(long, global = true)]
    json: bool,

    /// Print nothing but data and errors
    #[arg(long, short, global = true)]
    quiet: bool,
}

impl GlobalArguments {
    pub(crate) fn output_format(&self) -> OutputFormat {
        if self.json { OutputFormat::JsonLines } else { OutputFormat::Text }
    }

    pub(crate) fn verbosity(&self) -> Verbosity {
        if self.quiet { Verbosity::Quiet } else { Verbosity::Normal }
    }
}

/// What `--kv-cache` takes.
#[derive(ValueEnum, Debug, Clone, Copy, Default)]
pub(crate) enum KvCacheArgument {
    /// Half precision
    #[default]
    F16,
    /// 8 bits, with a scale for every 32 numbers
    Q8,
}

impl From<KvCacheArgument> for KvType {
    fn from(argument: KvCacheArgument) -> Self {
        match argument {
            KvCacheArgument::F16 => Self::F16,
            KvCacheArgument::Q8 => Self::Q8,
        }
    }
}
