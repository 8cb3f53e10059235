//! Whether two requests are so near to each other that one says nothing new beside the other. Nothing but the standard library is
//! used: `cargo xtask tidy` reads this file too, so that what is written by hand is judged like what is made.

use std::collections::BTreeSet;

/// Of the words of two requests together, those in both, from which on one is as good as the other.
const NEARLY: f64 = 0.7;

/// The words of a request, in lower case.
pub(crate) fn word_set(request: &str) -> BTreeSet<String> {
    let words = request.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Whether two requests, given by their words, share most of them.
pub(crate) fn are_near(words: &BTreeSet<String>, others: &BTreeSet<String>) -> bool {
    // Sets of very different sizes share too little.
    let (less, more) = (words.len().min(others.len()) as f64, words.len().max(others.len()) as f64);
    less > NEARLY * more && words.intersection(others).count() as f64 > NEARLY * words.union(others).count() as f64
}
