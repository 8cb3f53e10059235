//! Makes the requests that an adapter learns from, with the calls that are right for them.
//!
//! 1. [`Product::read`] reads a product's tools and how people ask for them: Reinette's own, or those in a folder.
//! 2. [`Taken::exclude`] names the requests that models are judged by; none of them is ever made.
//! 3. [`Requests`] draws requests for tools that a model knows by heart, [`UnseenTools`] for tools that it has never seen.
//! 4. [`read_conversations`] reads those that were written by hand.
//! 5. An [`Inventor`] lets a larger model write tools and requests; [`InventedTools`] draws from these, [`MixedTools`] from both.
//!
//! ```
//! use reinette_data::generator::{GrammarSource, Part, Product, Requests, Taken};
//!
//! let product = Product::read(&GrammarSource::Everyday)?;
//! let first = Requests::new(&product, Part::Training, 1, Taken::default()).next();
//! assert!(first.is_some_and(|example| !example.messages.is_empty()));
//! # Ok::<(), reinette_data::DataError>(())
//! ```
//!
//! # Invariants
//! - The same seed gives the same requests on every machine.
//! - Arguments are words of the request as it is written, slips and all, or the normal form that the template names.
//! - No request is made twice, none that is excluded at all (case and marks at the ends apart), and no template is of both
//!   parts.

mod conversations;
mod dialogue;
mod example;
mod invented;
mod nearness;
mod pattern;
mod product;
mod requests;
mod rules;
mod segments;
mod shown;
mod source;
mod spelling;
mod taken;
mod template;
#[cfg(test)]
mod tests;
mod unseen;

pub use conversations::{ConversationTools, read_conversations};
pub use example::{Example, Message, Origin, Role};
pub use invented::{Dropped, InventedRecord, InventedRequest, InventedTools, Inventor, Question, Topics, Turn};
pub use product::Product;
pub use requests::Requests;
pub use shown::examples_to_show;
pub use source::GrammarSource;
pub use taken::Taken;
pub use template::Part;
pub use unseen::{Catalogue, MixedTools, UnseenTools};
