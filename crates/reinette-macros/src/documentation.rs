//! Doc comments as descriptions.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The doc comment among `attributes`: lines of a paragraph joined by spaces, paragraphs by line breaks.
pub(crate) fn of(attributes: &[Attribute]) -> Option<String> {
    let mut text = String::new();
    for line in attributes.iter().filter_map(line) {
        match line.trim() {
            "" if !text.is_empty() && !text.ends_with('\n') => text.push('\n'),
            "" => {}
            words => {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push(' ');
                }
                text.push_str(words);
            }
        }
    }
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else { return None };
    if !meta.path.is_ident("doc") {
        return None;
    }
    match &meta.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}
