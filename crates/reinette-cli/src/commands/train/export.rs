//! `reinette train export`: a model as one file, for programs that read GGUF or safetensors.

use crate::context::Context;
use crate::fetching;
use crate::interrupt::{self, Interrupted};
use crate::printer::Record;
use anyhow::{Result, bail};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use reinette_train::QuantType;
use serde::Serialize;
use std::path::PathBuf;

/// Write the model, with the adapter's change in its weights, as one file
///
/// The file is for any program that reads GGUF; if its name ends with .safetensors, for those that take weights with Hugging
/// Face's names. Reinette itself needs none: `--adapter` changes the model while it runs. Without `--adapter`, the model is
/// written in another format. Begin with the least quantised model there is: what quantisation took does not come back.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// Write FILE
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// The format of its weights; of a .safetensors file F32, F16 or BF16
    #[arg(long = "type", value_name = "TYPE", default_value = "Q8_0", ignore_case = true, value_parser = quant_types())]
    quant_type: QuantType,
}

fn quant_types() -> impl TypedValueParser<Value = QuantType> {
    PossibleValuesParser::new(QuantType::ALL.map(QuantType::name)).map(|name| {
        let named = QuantType::ALL.into_iter().find(|quant_type| quant_type.name().eq_ignore_ascii_case(&name));
        named.expect("these are the names")
    })
}

/// The file that was made.
#[derive(Serialize)]
struct Exported {
    file: PathBuf,
    bytes: u64,
}

impl Record for Exported {
    const TYPE: &'static str = "model_file";

    fn to_text(&self) -> String {
        format!("{}  {:.1} MB", self.file.display(), self.bytes as f64 / 1e6)
    }
}

pub(crate) fn run(context: &Context, arguments: &Export) -> Result<()> {
    let base = fetching::model_file(context)?;
    if arguments.output.exists() && arguments.output.canonicalize()? == base.canonicalize()? {
        bail!("{} is the model itself: name another file with --output", base.display());
    }
    let (adapter, n_threads) = (context.adapter.as_deref(), context.n_threads());
    let export = reinette_train::Export { base: &base, adapter, quant_type: arguments.quant_type, n_threads };
    let bar = context.printer.count_bar(0);
    let is_whole = export.write(&arguments.output, interrupt::flag(), &|done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    if !is_whole {
        bail!(Interrupted);
    }
    let bytes = arguments.output.metadata()?.len();
    context.printer.print(&Exported { file: arguments.output.clone(), bytes })
}
