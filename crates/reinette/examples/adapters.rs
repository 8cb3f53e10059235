//! One model, several adapters: `adapters MODEL.gguf WORDS ADAPTER…` answers without any, with each, and with all stacked.

#![expect(clippy::print_stdout, reason = "the answers are what it is for")]

use reinette::{Adapter, GenerationOptions, OnDeviceConfig, OnDeviceModel, Session};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(words)) = (arguments.next(), arguments.next()) else {
        return Err("usage: adapters MODEL.gguf WORDS ADAPTER…, each a folder in PEFT's form or a GGUF file".into());
    };
    let model = Arc::new(OnDeviceModel::load(&OnDeviceConfig::new(path))?);
    let adapters: Vec<Adapter> = arguments.map(|path| model.load_adapter(path)).collect::<Result<_, _>>()?;
    let each = adapters.iter().map(|adapter| vec![adapter.clone()]);
    let stacks: Vec<Vec<Adapter>> = std::iter::once(Vec::new()).chain(each).chain([adapters.clone()]).collect();
    for stack in stacks {
        let names: Vec<&str> = stack.iter().map(Adapter::name).collect();
        println!("with {names:?}:");
        let options = GenerationOptions { max_tokens: 60, adapters: stack.clone(), ..GenerationOptions::default() };
        println!("{}\n", Session::new(&model).turn(&*words).options(options).respond_blocking()?.content);
    }
    Ok(())
}
