//! What a question is about: the call as the model made it, and what would be done.

use super::event::Proposal;
use reinette::ToolCall;
use serde_json::Value;

/// A call as people read it: `create_reminder  title: call Ana · when: tomorrow at 9`.
pub(super) fn describe(call: &ToolCall) -> String {
    let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let arguments: Vec<String> =
        call.arguments.iter().map(|(name, argument)| format!("{name}: {}", value(argument))).collect();
    format!("{}  {}", call.name, arguments.join(" · ")).trim_end().to_owned()
}

/// What is asked, line by line.
pub(super) fn explain(proposal: &Proposal) -> Vec<String> {
    let Proposal { call, preview, is_change, can_undo, .. } = proposal;
    let mut lines = vec![format!("The model understood your request as this call: {}", describe(call))];
    lines.push(if *is_change { "It would change:" } else { "It only reads: no file changes." }.to_owned());
    lines.extend_from_slice(preview);
    let undo = if *can_undo || !is_change { "`reinette undo` takes a change back" } else { "it cannot be taken back" };
    lines.push(format!("y or Enter: do it ({undo}) · n: leave it · ?: explain"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_tells_the_call_the_change_and_the_answers() {
        let arguments = serde_json::json!({ "title": "milk" });
        let call = ToolCall {
            id: String::new(),
            name: "create_reminder".to_owned(),
            arguments: arguments.as_object().unwrap().clone(),
        };
        let preview = vec!["  new file a.ics".to_owned()];
        let effect = "Adds the reminder “milk”.".to_owned();
        let proposal = Proposal { call, effect, preview, is_change: true, can_undo: true };
        let lines = explain(&proposal);
        assert!(lines[0].contains("create_reminder  title: milk"), "{lines:?}");
        assert!(lines[2] == "  new file a.ics" && lines[3].contains("undo"), "{lines:?}");
        assert!(explain(&Proposal { can_undo: false, ..proposal.clone() })[3].contains("cannot be taken back"));
        assert!(explain(&Proposal { is_change: false, ..proposal })[1].contains("only reads"));
    }
}
