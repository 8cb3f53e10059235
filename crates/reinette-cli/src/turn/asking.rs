//! Asks the user, and understands what counts as an answer.

use super::event::Proposal;
use super::explanation::explain;
use crate::{interrupt, printer};
use reinette::{Approval, Question};
use std::io::{self, IsTerminal};

/// Shows some lines and a question below them, and gives the line that answers it; `None` where the user gave up.
pub(super) type Ask<'a> = dyn FnMut(&[String], &str) -> Option<String> + 'a;

/// May this be done? Whoever gives up has not allowed it.
pub(super) fn confirm(proposal: &Proposal, ask: &mut Ask<'_>) -> Approval {
    let question = format!("{} [Y/n]", proposal.effect);
    let mut above = Vec::new();
    while let Some(answer) = ask(&above, &question) {
        match normalised(&answer).as_str() {
            "" | "y" | "yes" | "o" | "oui" => return Approval::Allowed,
            "n" | "no" | "non" => return Approval::Declined,
            "?" => above = explain(proposal),
            _ => above = vec!["Please answer y (do it), n (leave it) or ? (explain).".to_owned()],
        }
    }
    Approval::Declined
}

/// Which of these is meant? The index of a choice, or `None`.
pub(super) fn choose(question: &Question, ask: &mut Ask<'_>) -> Option<usize> {
    let count = question.choices.len();
    let numbered = question.choices.iter().zip(1..).map(|(choice, number)| format!("{number}. {choice}"));
    let list: Vec<String> = [question.text.clone()].into_iter().chain(numbered).collect();
    let asked = format!("1–{count}, or Enter for none of them?");
    let mut above = list.clone();
    loop {
        let answer = normalised(&ask(&above, &asked)?);
        above = match answer.as_str() {
            "" | "n" | "no" | "non" => return None,
            "?" => list.clone(),
            number => match number.trim_end_matches('.').parse() {
                Ok(number) if (1..=count).contains(&number) => return Some(number - 1),
                _ => vec![format!("Please answer a number from 1 to {count}, Enter (none) or ? (list).")],
            },
        };
    }
}

fn normalised(answer: &str) -> String {
    answer.trim().to_lowercase()
}

/// Whether a person types and reads.
pub(super) fn is_somebody_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on the terminal.
pub(super) fn on_terminal(above: &[String], question: &str) -> Option<String> {
    printer::prompt(above, question);
    let answer = interrupt::read_answer()?;
    printer::prompt_answered();
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reinette::ToolCall;
    use serde_json::Map;

    /// Answers with these lines, one after the other; gives what stood above each question.
    fn asked<T>(answers: &[&str], run: impl FnOnce(&mut Ask<'_>) -> T) -> (T, Vec<String>) {
        let mut answers = answers.iter();
        let mut seen = Vec::new();
        let result = run(&mut |above, _| {
            seen.push(above.join("\n"));
            answers.next().map(|answer| format!("{answer}\n"))
        });
        assert_eq!(answers.next(), None, "everything was asked for");
        (result, seen)
    }

    fn confirmed(answers: &[&str]) -> (Approval, Vec<String>) {
        let call = ToolCall { id: String::new(), name: "create_note".to_owned(), arguments: Map::new() };
        let effect = "Writes a note.".to_owned();
        let proposal = Proposal { call, effect, preview: Vec::new(), is_change: true, can_undo: true };
        asked(answers, |ask| confirm(&proposal, ask))
    }

    fn chosen(answers: &[&str]) -> (Option<usize>, Vec<String>) {
        let choices = vec!["buy milk".to_owned(), "buy bread".to_owned()];
        let question = Question { text: "Which one?".to_owned(), choices };
        asked(answers, |ask| choose(&question, ask))
    }

    #[test]
    fn only_a_yes_allows() {
        for yes in ["", " Y ", "oui"] {
            assert_eq!(confirmed(&[yes]).0, Approval::Allowed, "{yes:?}");
        }
        assert_eq!(confirmed(&["N"]).0, Approval::Declined);
        assert_eq!(confirmed(&["yess", "maybe"]).0, Approval::Declined, "who gives up has allowed nothing");
    }

    #[test]
    fn a_proposal_is_explained_as_often_as_it_is_asked_about() {
        let (reply, seen) = confirmed(&["?", "what", "?", "y"]);
        assert_eq!(reply, Approval::Allowed);
        assert!(seen[1].contains("create_note") && seen[3] == seen[1], "{seen:?}");
        assert!(seen[2].starts_with("Please answer y"), "{seen:?}");
    }

    #[test]
    fn a_choice_is_one_of_the_numbers() {
        for (answers, expected) in
            [(&["2"][..], Some(1)), (&["1."], Some(0)), (&["0", "3", "2"], Some(1)), (&[""], None), (&["x"], None)]
        {
            assert_eq!(chosen(answers).0, expected, "{answers:?}");
        }
    }

    #[test]
    fn the_list_is_shown_again_after_a_mistake() {
        let (_, seen) = chosen(&["first", "?", ""]);
        assert!(seen[1].starts_with("Please answer a number from 1 to 2"), "{seen:?}");
        assert_eq!((&seen[0], seen[2].as_str()), (&seen[2], "Which one?\n1. buy milk\n2. buy bread"));
    }
}
