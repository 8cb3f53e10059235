//! Types that contain themselves, by reference.

use crate::Schema;
use serde_json::{Map, Value};
use std::any::type_name;

/// The named types of one schema document: tells which are being described, so that a type that contains itself becomes
/// a reference, and holds the definitions that are referred to. All other types stand in place, where a model reads them.
#[derive(Debug, Default)]
pub struct NamedTypes {
    open: Vec<OpenType>,
    definitions: Map<String, Value>,
    /// Rust's name of the type behind each key of `definitions`, at the same place.
    owners: Vec<(&'static str, String)>,
}

/// A type whose description has begun and not ended.
#[derive(Debug)]
struct OpenType {
    rust_name: &'static str,
    definition: Option<String>,
}

impl NamedTypes {
    /// Describes the type `T`, which the schema calls `name` should it have to be referred to.
    pub fn define<T: ?Sized>(&mut self, name: &str, describe: impl FnOnce(&mut Self) -> Schema) -> Schema {
        let rust_name = type_name::<T>();
        if let Some((_, key)) = self.owners.iter().find(|(owner, _)| *owner == rust_name) {
            return Schema::reference(key);
        }
        if let Some(position) = self.open.iter().position(|open| open.rust_name == rust_name) {
            return Schema::reference(&self.key_of_open(position, name));
        }
        self.open.push(OpenType { rust_name, definition: None });
        let shape = describe(self);
        let Some(OpenType { definition: Some(key), .. }) = self.open.pop() else { return shape };
        self.definitions.insert(key.clone(), shape.as_json().clone());
        self.owners.push((rust_name, key.clone()));
        Schema::reference(&key)
    }

    /// The definition's key of the open type at `position`; the first to ask settles it.
    fn key_of_open(&mut self, position: usize, name: &str) -> String {
        if let Some(key) = &self.open[position].definition {
            return key.clone();
        }
        let mut key = name.to_owned();
        let mut number = 2;
        while self.is_taken(&key) {
            key = format!("{name}{number}");
            number += 1;
        }
        self.open[position].definition = Some(key.clone());
        key
    }

    fn is_taken(&self, key: &str) -> bool {
        self.definitions.contains_key(key) || self.open.iter().any(|open| open.definition.as_deref() == Some(key))
    }

    /// The document whose root is `shape`.
    pub(super) fn attach_to(self, shape: Schema) -> Schema {
        if self.definitions.is_empty() { shape } else { shape.with("$defs", Value::Object(self.definitions)) }
    }
}
