//! What servers answer, as models and users read it.

use crate::text::{self, MAX_TEXT_BYTES};
use reinette::{Audience, Source, ToolAnswer};
use rmcp::model::{CallToolResult, ContentBlock, Resource, ResourceContents};
use serde_json::Value;
use std::fmt::Write;

/// The most data of one answer, as JSON.
const MAX_DATA_BYTES: usize = 256 << 10;

/// The most sources of one answer.
const MAX_SOURCES: usize = 64;

/// The most of a title, or of an address, that is kept.
const MAX_TITLE_BYTES: usize = 300;
const MAX_ADDRESS_BYTES: usize = 2 << 10;

/// What a call of a tool answered. Its text is bounded and harmless; who wrote it is not trusted.
pub(crate) fn answer(result: CallToolResult) -> ToolAnswer {
    let (text, sources) = read(&result.content);
    let data = result.structured_content.unwrap_or_default();
    let json = if data.is_null() { String::new() } else { data.to_string() };
    let text = if text.is_empty() { text::bounded(&json, MAX_TEXT_BYTES) } else { text };
    let is_error = result.is_error.unwrap_or_default();
    let text = match (text.is_empty(), is_error) {
        (false, _) => text,
        (true, true) => "the tool failed and does not say why".to_owned(),
        (true, false) => "done".to_owned(),
    };
    let data = if json.len() > MAX_DATA_BYTES { Value::Null } else { data };
    ToolAnswer { text, data, sources, is_error, audience: Audience::Model }
}

/// The text of an answer's parts, and what it refers to.
pub(crate) fn read(content: &[ContentBlock]) -> (String, Vec<Source>) {
    let (mut words, mut sources) = (String::new(), Vec::new());
    for block in content {
        let separator = if words.is_empty() { "" } else { "\n" };
        // More is cut off anyway.
        if words.len() > 2 * MAX_TEXT_BYTES {
            break;
        }
        match block {
            ContentBlock::Text(part) => words.extend([separator, &part.text]),
            ContentBlock::Image(part) => unreadable(&mut words, separator, "picture", &part.mime_type, &part.data),
            ContentBlock::Audio(part) => unreadable(&mut words, separator, "recording", &part.mime_type, &part.data),
            ContentBlock::Resource(part) => {
                let (text, source) = contents(&part.resource);
                words.extend([separator, &text]);
                sources.extend(source);
            }
            ContentBlock::ResourceLink(link) => {
                let source = source(link);
                let about = link.description.as_deref().map(|about| format!(": {about}")).unwrap_or_default();
                let _ = write!(words, "{separator}{} ({}){about}", source.title, source.id);
                sources.push(source);
            }
            _ => words.extend([separator, "[a part of a kind that is not known]"]),
        }
    }
    sources.truncate(MAX_SOURCES);
    (text::bounded(&words, MAX_TEXT_BYTES), sources)
}

/// A part that no model here reads, as a word on it.
fn unreadable(words: &mut String, separator: &str, what: &str, kind: &str, base64: &str) {
    let kilobytes = (base64.len() / 4 * 3).div_ceil(1000);
    let _ = write!(words, "{separator}[a {what}, {}, {kilobytes} kB]", text::bounded(kind, 100));
}

/// The text of a resource, and the resource as a source.
pub(crate) fn contents(contents: &ResourceContents) -> (String, Option<Source>) {
    let (uri, kind, words) = match contents {
        ResourceContents::TextResourceContents { uri, mime_type, text, .. } => (uri, mime_type, text.clone()),
        ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
            let mut words = String::new();
            let kind = mime_type.as_deref().unwrap_or("of unknown kind");
            unreadable(&mut words, "", "file", kind, blob);
            (uri, mime_type, words)
        }
        _ => return ("[a resource of a kind that is not known]".to_owned(), None),
    };
    let mut resource = Resource::new(uri.clone(), last_step(uri));
    resource.mime_type.clone_from(kind);
    (words, Some(source(&resource)))
}

/// The end of an address, which says most to people.
fn last_step(uri: &str) -> &str {
    let path = uri.split(['?', '#']).next().unwrap_or(uri).trim_end_matches('/');
    path.rsplit('/').next().filter(|step| !step.is_empty()).unwrap_or(uri)
}

pub(crate) fn source(resource: &Resource) -> Source {
    let title = resource.title.as_ref().unwrap_or(&resource.name);
    let uri = text::bounded(&resource.uri, MAX_ADDRESS_BYTES);
    Source {
        id: uri.clone(),
        title: text::bounded(title, MAX_TITLE_BYTES),
        kind: resource.mime_type.as_deref().map_or_else(|| "resource".to_owned(), |kind| text::bounded(kind, 100)),
        location: Some(uri),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_answer(json: Value) -> ToolAnswer {
        answer(serde_json::from_value(json).unwrap())
    }

    #[test]
    fn parts_become_text_and_sources() {
        let answer = read_answer(json!({"content": [
            {"type": "text", "text": "On its\u{1b}[31m way."},
            {"type": "image", "mimeType": "image/png", "data": "A".repeat(4000)},
            {"type": "resource_link", "uri": "orders://17", "name": "order-17", "title": "Order 17", "mimeType": "text/plain"},
            {"type": "resource", "resource": {"uri": "file:///notes/a.md", "text": "# A"}}
        ], "structuredContent": {"day": "Monday"}}));
        assert_eq!(answer.text, "On its[31m way.\n[a picture, image/png, 3 kB]\nOrder 17 (orders://17)\n# A");
        assert_eq!(answer.data, json!({"day": "Monday"}));
        let sources: Vec<_> =
            answer.sources.iter().map(|source| (source.title.as_str(), source.kind.as_str())).collect();
        assert_eq!(sources, [("Order 17", "text/plain"), ("a.md", "resource")]);
        assert!(!answer.is_error);
    }

    #[test]
    fn an_error_stays_one_and_nothing_is_done() {
        let answer = read_answer(json!({"content": [{"type": "text", "text": "no such order"}], "isError": true}));
        assert!(answer.is_error && answer.text == "no such order");
        assert_eq!(read_answer(json!({"content": []})).text, "done");
        assert_eq!(read_answer(json!({"structuredContent": {"n": 1}})).text, r#"{"n":1}"#);
    }

    #[test]
    fn too_much_is_cut_short() {
        let answer = read_answer(json!({"content": [{"type": "text", "text": "x".repeat(1 << 20)}],
            "structuredContent": {"x": "y".repeat(1 << 20)}}));
        assert!(answer.text.len() < MAX_TEXT_BYTES + 100 && answer.text.ends_with("bytes]"));
        assert_eq!(answer.data, Value::Null);
    }
}
