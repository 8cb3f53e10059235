//! What the assistant does with a real small model.

mod tools_on_offer;
