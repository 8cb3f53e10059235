//! Adapters, as far as requests know them.

use crate::ToolDefinition;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// An adapter as the model that loaded it keeps it.
pub trait LoadedAdapter: Any + Send + Sync {
    /// The name of its file or folder.
    fn name(&self) -> &str;

    /// The tools that it has learned by heart, in the order in which it lists them.
    fn tools(&self) -> &[ToolDefinition] {
        &[]
    }
}

/// An adapter that a model has loaded, for the requests that name it in
/// [`GenerationOptions::adapters`](crate::GenerationOptions::adapters). What it is, the model alone knows, and no other model
/// answers with it. Clones are one adapter.
#[derive(Clone)]
pub struct Adapter {
    loaded: Arc<dyn LoadedAdapter>,
}

impl Adapter {
    /// The handle by which a model recognises what it has loaded.
    pub fn new(loaded: impl LoadedAdapter) -> Self {
        Self { loaded: Arc::new(loaded) }
    }

    /// What a model of the kind that keeps its adapters as `A` has loaded; `None` if a model of another kind loaded it.
    pub fn loaded<A: LoadedAdapter>(&self) -> Option<&A> {
        let loaded: &dyn Any = &*self.loaded;
        loaded.downcast_ref()
    }

    /// The name of its file or folder.
    pub fn name(&self) -> &str {
        self.loaded.name()
    }

    /// The tools that it has learned by heart, in the order in which it lists them; none if it is for words or for tools that
    /// it is told of.
    pub fn tools(&self) -> &[ToolDefinition] {
        self.loaded.tools()
    }
}

impl fmt::Debug for Adapter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Adapter").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// Adapters are equal if they are one.
impl PartialEq for Adapter {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.loaded, &other.loaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Formal;

    impl LoadedAdapter for Formal {
        fn name(&self) -> &'static str {
            "formal"
        }
    }

    struct Brief;

    impl LoadedAdapter for Brief {
        fn name(&self) -> &'static str {
            "brief"
        }
    }

    #[test]
    fn only_the_kind_of_model_that_loaded_an_adapter_recognises_it() {
        let adapter = Adapter::new(Formal);
        assert!(adapter.loaded::<Formal>().is_some());
        assert!(adapter.loaded::<Brief>().is_none());
        assert_eq!((adapter.name(), adapter.tools().len()), ("formal", 0));
    }

    #[test]
    fn clones_are_one_adapter() {
        let adapter = Adapter::new(Formal);
        assert_eq!(adapter, adapter.clone());
        assert_ne!(adapter, Adapter::new(Formal));
    }
}
