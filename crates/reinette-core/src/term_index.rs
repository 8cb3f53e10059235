//! Which of many texts are nearest to what was said, by the words that they share.

use std::collections::{BTreeMap, BTreeSet};

/// A part of a request with fewer words says too little to be looked for by itself.
const MIN_CLAUSE_WORDS: usize = 3;

/// So many clauses are looked for by themselves: nobody asks for more in one breath, and each is compared with all texts.
const MAX_CLAUSES: usize = 8;

/// What stands between two requests in one breath, in English and French.
const BETWEEN_CLAUSES: [&str; 11] = [", ", "; ", ". ", "? ", "! ", ": ", " and ", " then ", " also ", " et ", " puis "];

/// Texts by their terms.
///
/// Nearness is the cosine of the texts' term weights with bounded inverse document frequencies; Paper: Salton and Buckley,
/// Term-weighting approaches in automatic text retrieval, Information Processing & Management 24(5), 1988.
#[derive(Debug)]
pub(crate) struct TermIndex {
    /// The terms of each text, and the length of their vector.
    vectors: Vec<(BTreeSet<String>, f32)>,
    /// What each term counts, squared.
    weights: BTreeMap<String, f32>,
}

impl TermIndex {
    /// An index of texts, given as their terms; no term counts more than `max_inverse_frequency`.
    pub(crate) fn new(texts: impl IntoIterator<Item = BTreeSet<String>>, max_inverse_frequency: f32) -> Self {
        let texts: Vec<BTreeSet<String>> = texts.into_iter().collect();
        let mut frequencies: BTreeMap<&String, f32> = BTreeMap::new();
        for term in texts.iter().flatten() {
            *frequencies.entry(term).or_default() += 1.0;
        }
        let count = texts.len() as f32;
        let weight = |frequency: f32| (1.0 + count / frequency).ln().min(max_inverse_frequency).powi(2);
        let weights: BTreeMap<String, f32> =
            frequencies.into_iter().map(|(term, frequency)| (term.clone(), weight(frequency))).collect();
        let length = |terms: &BTreeSet<String>| terms.iter().map(|term| weights[term]).sum::<f32>().sqrt();
        let vectors = texts.into_iter().map(|terms| (length(&terms), terms)).map(|(length, terms)| (terms, length));
        Self { vectors: vectors.collect(), weights }
    }

    /// The `count` texts nearest to what was asked, of those that are `admitted`: of each part of it the nearest, then the
    /// second of each, and so on.
    pub(crate) fn nearest(&self, asked: &[BTreeSet<String>], count: usize, admitted: &[usize]) -> Vec<usize> {
        let rankings: Vec<Vec<usize>> = asked.iter().map(|part| self.rank(part, admitted, count)).collect();
        let mut chosen: Vec<usize> = Vec::new();
        for place in 0..count.min(admitted.len()) {
            for index in rankings.iter().filter_map(|ranking| ranking.get(place)) {
                if chosen.len() < count && !chosen.contains(index) {
                    chosen.push(*index);
                }
            }
        }
        chosen
    }

    fn rank(&self, asked: &BTreeSet<String>, admitted: &[usize], count: usize) -> Vec<usize> {
        let nearness = |index: &usize| {
            let (terms, length) = &self.vectors[*index];
            terms.intersection(asked).map(|term| self.weights[term]).sum::<f32>() / length.max(f32::MIN_POSITIVE)
        };
        let mut ranked: Vec<(f32, usize)> = admitted.iter().map(|index| (nearness(index), *index)).collect();
        ranked.sort_by(|(near, _), (nearer, _)| nearer.total_cmp(near));
        ranked.into_iter().take(count).map(|(_, index)| index).collect()
    }
}

/// The words as a whole, and each clause of them if there are several.
pub(crate) fn parts(words: &str) -> Vec<&str> {
    let mut clauses = vec![words];
    for separator in BETWEEN_CLAUSES {
        clauses = clauses.into_iter().flat_map(|clause| clause.split(separator)).collect();
    }
    clauses.retain(|clause| clause.split_whitespace().count() >= MIN_CLAUSE_WORDS);
    let mut parts = vec![words];
    if clauses.len() > 1 {
        parts.extend(clauses.into_iter().take(MAX_CLAUSES));
    }
    parts
}

/// Words in lower case, and that there is a number, or a question mark.
pub(crate) fn terms(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let word = |run: &str| if run.starts_with(char::is_numeric) { "0".to_owned() } else { run.to_owned() };
    let mut terms: BTreeSet<String> =
        lower.split(|character: char| !character.is_alphanumeric()).filter(|run| !run.is_empty()).map(word).collect();
    if text.contains('?') {
        terms.insert("?".to_owned());
    }
    terms
}
