//! What a call leaves out, and how the user is asked for it.

use crate::{AppError, World, notes};
use reinette::ToolDefinition;
use reinette_time::Language;
use serde_json::{Map, Value};

/// The question for an argument, in English and French.
struct Asked {
    argument: &'static str,
    /// The tools whose question it is; none for all that have no own.
    tools: &'static [&'static str],
    question: [&'static str; 2],
}

const fn asked(argument: &'static str, tools: &'static [&'static str], question: [&'static str; 2]) -> Asked {
    Asked { argument, tools, question }
}

/// The questions; the first that fits counts.
const QUESTIONS: &[Asked] = &[
    asked("title", &["create_reminder"], ["What shall I remind you of?", "Que dois-je vous rappeler ?"]),
    asked(
        "title",
        &["create_event"],
        ["What shall I put into your calendar?", "Que dois-je mettre dans votre agenda ?"],
    ),
    asked(
        "title",
        &["complete_reminder", "delete_reminder", "move_reminder", "rename_reminder"],
        ["Which reminder do you mean?", "De quel rappel parlez-vous ?"],
    ),
    asked("title", &[], ["Which event do you mean?", "De quel évènement parlez-vous ?"]),
    asked("query", &["find_note"], ["What shall I look for in your notes?", "Que dois-je chercher dans vos notes ?"]),
    asked("query", &[], ["Which event do you mean?", "De quel évènement parlez-vous ?"]),
    asked(
        "when",
        &["move_event", "move_reminder", "move_alarm"],
        ["To when shall I move it?", "À quand dois-je le déplacer ?"],
    ),
    asked("when", &["delete_events"], ["For which day?", "Pour quel jour ?"]),
    asked("when", &[], ["When?", "Quand ?"]),
    asked("duration", &["change_event_duration"], ["How long shall it last?", "Combien de temps doit-il durer ?"]),
    asked("duration", &["extend_timer"], ["How much time shall I add?", "Combien de temps dois-je ajouter ?"]),
    asked("duration", &[], ["For how long?", "Pour combien de temps ?"]),
    asked("note", &["append_note"], ["To which note shall I add it?", "À quelle note dois-je l’ajouter ?"]),
    asked("note", &[], ["Which note do you mean?", "De quelle note parlez-vous ?"]),
    asked("text", &["append_note"], ["What shall I add?", "Que dois-je ajouter ?"]),
    asked("text", &["remove_from_note"], ["What shall I remove?", "Que dois-je enlever ?"]),
    asked("text", &["tick_in_note"], ["What shall I tick off?", "Que dois-je cocher ?"]),
    asked("text", &[], ["What shall I write down?", "Que dois-je noter ?"]),
    asked("new_title", &[], ["What shall it be called?", "Comment doit-il s’appeler ?"]),
    asked("place", &[], ["Where is it?", "Où est-ce ?"]),
    asked("people", &[], ["Whom shall I add?", "Qui dois-je ajouter ?"]),
    asked("expression", &[], ["What shall I work out?", "Que dois-je calculer ?"]),
];

/// For an argument that is in no row.
const ANY: [&str; 2] = ["Can you say more precisely what you mean?", "Pouvez-vous préciser ?"];

/// The first argument that a tool requires and a call does not have, or has as an empty text.
pub(crate) fn first<'a>(tool: &'a ToolDefinition, arguments: &Map<String, Value>) -> Option<&'a str> {
    let required = tool.parameters.as_json().get("required").and_then(Value::as_array);
    let is_missing = |name: &&str| arguments.get(*name).is_none_or(|value| value.is_null() || value == "");
    required.into_iter().flatten().filter_map(Value::as_str).find(is_missing)
}

/// How the user is asked for an argument of a tool.
pub(crate) fn question(tool: &str, argument: &str, language: Language) -> &'static str {
    let fits = |row: &&Asked| row.argument == argument && (row.tools.is_empty() || row.tools.contains(&tool));
    let [english, french] = QUESTIONS.iter().find(fits).map_or(ANY, |row| row.question);
    language.pick(english, french)
}

/// Values that are likely for an argument that was left out.
pub(crate) fn likely(tool: &str, argument: &str, world: &World) -> Result<Vec<String>, AppError> {
    match (tool, argument) {
        ("append_note", "note") => notes::lists(world),
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Home, act, write_file};
    use crate::{Plan, more_tools, tools};
    use serde_json::json;
    use std::fs;

    fn asked(home: &Home, tool: &str, arguments: &Value) -> String {
        match home.plan(tool, arguments) {
            Plan::Ask(question) if question.choices.is_empty() => question.text,
            other => panic!("{tool} {arguments}: {other:?}"),
        }
    }

    #[test]
    fn whatever_a_tool_requires_is_asked_for_in_words_of_its_own() {
        let mut home = Home::new();
        for language in [Language::English, Language::French] {
            home.world.language = language;
            for tool in tools().into_iter().chain(more_tools()) {
                let definition = tool.definition();
                let Some(missing) = first(definition, &Map::new()) else { continue };
                for call in [json!({}), json!({missing: ""}), json!({missing: null})] {
                    let text = asked(&home, &definition.name, &call);
                    assert!(!ANY.contains(&text.as_str()) && text.ends_with('?'), "{}: {text}", definition.name);
                }
            }
        }
    }

    #[test]
    fn the_first_that_is_missing_is_asked_for() {
        let mut home = Home::new();
        assert_eq!(asked(&home, "create_event", &json!({"when": "tomorrow"})), "What shall I put into your calendar?");
        assert_eq!(asked(&home, "create_event", &json!({"title": "lunch"})), "When?");
        assert_eq!(asked(&home, "delete_event", &json!({})), "Which event do you mean?");
        assert_eq!(asked(&home, "set_timer", &json!({"duration": ""})), "For how long?");
        home.world.language = Language::French;
        assert_eq!(asked(&home, "create_reminder", &json!({"when": "demain"})), "Que dois-je vous rappeler ?");
        assert!(matches!(home.plan("create_reminder", &json!({"title": "payer"})), Plan::Change(_)), "no time is none");
        assert!(home.try_plan("create_reminder", &json!({"title": 3})).is_err());
    }

    #[test]
    fn the_lists_are_offered_to_what_shall_be_added_somewhere() {
        let home = Home::new();
        let notes = home.world.folders.notes.clone();
        let path = write_file(&notes, "Shopping list.md", "- eggs\n");
        write_file(&notes, "Camping.md", "- tent\n- pegs\n");
        write_file(&notes, "Diary.md", "Monday: rain\n");
        let choices = home.choices("append_note", &json!({"text": "milk"}));
        assert_eq!(
            choices.iter().map(|choice| choice.label.as_str()).collect::<Vec<_>>(),
            ["Camping", "Shopping list"]
        );
        act(choices[1].plan.clone());
        assert_eq!(fs::read_to_string(path).unwrap(), "- eggs\n- milk\n");
    }
}
