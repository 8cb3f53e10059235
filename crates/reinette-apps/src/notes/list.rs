//! The items of a list, as they are said in one breath: "eggs, bread and coffee".

/// An item of a list has at most so many words; whoever says more writes sentences.
const MAX_ITEM_WORDS: usize = 5;
/// Without commas, "and" joins items only of so few words: "milk and eggs".
const MAX_PAIRED_WORDS: usize = 3;

/// What stands before the last item.
const CONJUNCTIONS: [&str; 5] = [" and ", " et ", " & ", " + ", " n "];

/// Two words that are one thing to buy, cook or do.
const PAIRS: &[&str] = &[
    "salt and pepper",
    "mac and cheese",
    "fish and chips",
    "bread and butter",
    "ham and cheese",
    "salt and vinegar",
    "oil and vinegar",
    "gin and tonic",
    "peanut butter and jelly",
    "rock and roll",
    "sel et poivre",
    "huile et vinaigre",
];

/// Words that a list is called by.
const LIST_NAMES: &[&str] =
    &["list", "lists", "shopping", "groceries", "grocery", "todo", "to-do", "packing", "liste", "listes", "courses"];

/// Whether a note of this name is a list.
pub(super) fn is_name_of_list(title: &str) -> bool {
    let title = title.to_lowercase();
    title.split_whitespace().any(|word| LIST_NAMES.contains(&word))
}

/// The items that a text for a list consists of: its lines, or what stands between commas and before the last "and". A text that does not
/// read as a list is one item.
pub(super) fn items(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().map(without_bullet).filter(|line| !line.is_empty()).collect();
    if lines.len() > 1 {
        return lines;
    }
    let mut items: Vec<&str> = text.split([',', ';']).collect();
    // "1,5 l" is one amount, and what has a colon says something of its items.
    let marks_are_spaced = items.iter().skip(1).all(|item| item.starts_with(char::is_whitespace));
    let last = items.pop().unwrap_or_default();
    let most_words = if items.is_empty() { MAX_PAIRED_WORDS } else { MAX_ITEM_WORDS };
    items.extend(at_conjunction(last));
    let items: Vec<&str> = items.into_iter().map(str::trim).collect();
    let is_item = |item: &&str| {
        (1..=most_words).contains(&item.split_whitespace().count()) && !item.contains([':', '.', '!', '?'])
    };
    if marks_are_spaced && items.iter().all(is_item) { items } else { vec![text.trim()] }
}

/// The items that a text names which are in a list, or may be: also those that nobody would add in one breath.
pub(super) fn named_items(text: &str) -> Vec<&str> {
    let mut items: Vec<&str> = text.split([',', ';', '\n']).collect();
    for conjunction in CONJUNCTIONS {
        items = items
            .into_iter()
            .flat_map(|item| if is_pair(item) { vec![item] } else { item.split(conjunction).collect() })
            .collect();
    }
    let without = |item: &'_ str| -> Option<usize> {
        // "milk, eggs, and bread"
        CONJUNCTIONS.iter().map(|conjunction| conjunction.trim_start()).find(|c| item.starts_with(*c)).map(str::len)
    };
    let items = items.into_iter().map(str::trim).map(|item| item[without(item).unwrap_or(0)..].trim());
    items.filter(|item| !item.is_empty()).collect()
}

/// Whether words are one thing though a conjunction is among them.
fn is_pair(text: &str) -> bool {
    let plain = text.trim().to_lowercase().replace(" n ", " and ").replace(" & ", " and ");
    PAIRS.iter().any(|pair| plain == *pair || plain.strip_prefix("the ").is_some_and(|plain| plain == *pair))
}

/// The two items around a conjunction, or behind one.
fn at_conjunction(last: &str) -> Vec<&str> {
    let spaced = |conjunction: &&str| last.matches(*conjunction).count();
    let found: Vec<&str> = CONJUNCTIONS.into_iter().filter(|conjunction| spaced(conjunction) > 0).collect();
    let [conjunction] = found[..] else { return vec![last] };
    let is_pair = is_pair(last);
    match last.split_once(conjunction) {
        // "Eggs, bread, and coffee".
        Some((before, after)) if before.trim().is_empty() => vec![after],
        Some((before, after)) if !is_pair && spaced(&conjunction) == 1 => vec![before, after],
        _ => vec![last],
    }
}

/// Whether a line is a heading of Markdown.
pub(super) fn is_heading(line: &str) -> bool {
    let text = line.trim_start_matches('#');
    text.len() < line.len() && text.starts_with([' ', '\t'])
}

/// A line without the bullet that it was written with.
pub(super) fn without_bullet(line: &str) -> &str {
    let line = line.trim();
    ["- [ ] ", "- [x] ", "- [X] ", "- ", "* ", "+ ", "• "]
        .iter()
        .find_map(|bullet| line.strip_prefix(bullet))
        .unwrap_or(line)
        .trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_said_in_one_breath_has_its_items() {
        for (text, expected) in [
            ("eggs, bread and coffee", &["eggs", "bread", "coffee"][..]),
            ("eggs, bread, and coffee", &["eggs", "bread", "coffee"]),
            ("des œufs, du pain et du café", &["des œufs", "du pain", "du café"]),
            ("milk & eggs", &["milk", "eggs"]),
            ("flour and yeast", &["flour", "yeast"]),
            ("milk; 6 eggs; olive oil", &["milk", "6 eggs", "olive oil"]),
            ("eggs\n- bread\n\n- coffee", &["eggs", "bread", "coffee"]),
            ("salt and pepper", &["salt and pepper"]),
            ("Salt and pepper, bread", &["Salt and pepper", "bread"]),
            ("bread, mac and cheese", &["bread", "mac and cheese"]),
            ("1,5 l de lait et du beurre", &["1,5 l de lait et du beurre"]),
            ("butter", &["butter"]),
            ("call the registrar's office and ask for the form", &["call the registrar's office and ask for the form"]),
            ("Tuesday: sun, wind and rain", &["Tuesday: sun, wind and rain"]),
            ("It rained. I slept, and read", &["It rained. I slept, and read"]),
        ] {
            assert_eq!(items(text), expected, "{text}");
        }
    }
}
