//! Rust types that a model can be made to produce.

mod named_types;
mod partial_value;
mod types;

use crate::Schema;
use serde::{Serialize, de::DeserializeOwned};

pub use named_types::NamedTypes;
pub use partial_value::PartialValue;

/// A type that guided generation can produce: whatever its [`Schema`] admits deserialises into it.
///
/// Derive it next to serde's traits. Doc comments become descriptions, and `#[guide(…)]` narrows a field:
///
/// | guide | on | meaning |
/// |---|---|---|
/// | `range = 1..=5`, `minimum = 1`, `maximum = 5` | numbers | the bounds |
/// | `length = 1..=80` | strings | how many characters |
/// | `pattern = "[A-Z]{3}"` | strings | the whole string matches this regular expression |
/// | `span` | strings | copied from the words of the request |
/// | `any_of("low", "high")`, `constant = "low"` | strings, numbers | nothing else |
/// | `count = 1..=4` | lists | how many elements |
/// | `unique` | lists | no element twice |
/// | `element(…)` | lists | guides of the elements |
/// | `description = "…"` | all | in place of the doc comment |
///
/// A guide that its field cannot meet is a compile error. `Option` fields may be left out. The derive also makes the type
/// of [`Partial`](Self::Partial) values.
///
/// ```
/// # extern crate reinette_core as reinette;
/// use reinette::Generable;
/// use serde::{Deserialize, Serialize};
///
/// /// A reminder.
/// #[derive(Serialize, Deserialize, Generable)]
/// struct Reminder {
///     /// What to be reminded of.
///     #[guide(length = 1..=80)]
///     title: String,
///     #[guide(range = 1..=3)]
///     priority: Option<u8>,
/// }
///
/// let schema = Reminder::schema();
/// assert_eq!(schema.as_json()["properties"]["title"]["maxLength"], 80);
/// ```
#[diagnostic::on_unimplemented(
    message = "a model cannot be made to produce `{Self}`: it is not `Generable`",
    note = "derive it: `#[derive(serde::Serialize, serde::Deserialize, reinette::Generable)]`"
)]
pub trait Generable: Serialize + DeserializeOwned {
    /// What is known of a value while it is generated: words grow, lists grow, every field of a struct is optional until
    /// something is known of it, and whatever says nothing by halves is there when it is whole. The derive makes a struct
    /// or enum of it, called after the type: `Trip` gives `TripPartial`.
    type Partial: Serialize;

    /// What is known of a value from what is known of its JSON; `None` before anything is. Types of which a part says
    /// nothing answer [`PartialValue::whole`].
    fn partial(known: &PartialValue) -> Option<Self::Partial>;

    /// The shape of the type. Types that have a name and may contain themselves go through [`NamedTypes::define`].
    fn shape(types: &mut NamedTypes) -> Schema;

    /// The schema that a model is held to: the shape together with the definitions that it refers to.
    fn schema() -> Schema {
        let mut types = NamedTypes::default();
        let shape = Self::shape(&mut types);
        types.attach_to(shape)
    }
}
