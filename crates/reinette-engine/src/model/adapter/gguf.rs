//! Adapters as llama.cpp's converter writes them.

use super::{AdapterError, Module, RowOrder, Source, Stored};
use crate::gguf::Gguf;
use crate::model::Model;
use std::path::Path;

/// A GGUF file with an adapter.
pub(super) struct File {
    gguf: Gguf,
    alpha: f32,
}

impl File {
    /// Maps a file and checks that it is a LoRA adapter.
    pub(super) fn open(path: &Path) -> Result<Self, AdapterError> {
        let gguf = Gguf::open(path)?;
        check_kind(&gguf, "general.type", "adapter")?;
        check_kind(&gguf, "adapter.type", "lora")?;
        let alpha = gguf.metadata().f32("adapter.lora.alpha")?;
        Ok(Self { gguf, alpha })
    }

    /// Checks that it was made for the model's architecture.
    pub(super) fn check_architecture(&self, model: &Model) -> Result<(), AdapterError> {
        check_kind(&self.gguf, "general.architecture", model.architecture())
    }
}

fn check_kind(gguf: &Gguf, key: &'static str, expected: &str) -> Result<(), AdapterError> {
    let found = gguf.metadata().str(key)?.to_owned();
    if found == expected { Ok(()) } else { Err(AdapterError::OtherKind { key, found, expected: expected.to_owned() }) }
}

impl Source for File {
    fn pair(&self, layer: usize, module: &Module) -> Result<Option<[Stored<'_>; 2]>, AdapterError> {
        let name = |part: char| format!("blk.{layer}.{}.weight.lora_{part}", module.gguf);
        if self.gguf.tensor(&name('a')).is_none() && self.gguf.tensor(&name('b')).is_none() {
            return Ok(None);
        }
        Ok(Some([self.matrix(name('a'))?, self.matrix(name('b'))?]))
    }

    /// llama.cpp knows none.
    fn magnitude(&self, _: usize, _: &Module) -> Result<Option<Stored<'_>>, AdapterError> {
        Ok(None)
    }

    fn names(&self) -> Vec<String> {
        self.gguf.tensors().map(|tensor| tensor.name.to_owned()).collect()
    }

    fn matrix(&self, name: String) -> Result<Stored<'_>, AdapterError> {
        let Some(tensor) = self.gguf.tensor(&name) else {
            return Err(AdapterError::Damaged(format!("{name} is missing")));
        };
        let [cols, rows] = *tensor.dims else {
            return Err(AdapterError::Damaged(format!("{name} has dimensions {:?}, which no matrix has", tensor.dims)));
        };
        Ok(Stored { name, ty: tensor.quant_type, rows, cols, bytes: tensor.bytes })
    }

    /// `alpha / rank`; 1 where alpha is 0, which stands for none.
    fn scale(&self, rank: usize) -> f32 {
        if self.alpha == 0.0 { 1.0 } else { self.alpha / rank as f32 }
    }

    fn row_order(&self) -> RowOrder {
        RowOrder::Model
    }

    fn same_name(&self, one: &Module, other: &Module) -> bool {
        one.gguf == other.gguf
    }
}
