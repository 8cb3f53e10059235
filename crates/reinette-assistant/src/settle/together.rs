//! Times that are said together: "remind me to take my pills at 8am and 8pm every day" is two reminders that share "every
//! day". A tool takes one time, so one call becomes one for each of them; all are carried out for one request, so that one
//! undo takes them back.

use super::titles::title_before;
use crate::offer::purpose;
use reinette::ToolCall;
use reinette_time::{Clock, Member, said_together};

/// The tools of which each of several times is asked; an event is moved to one time only.
const TOOLS: [&str; 4] = ["create_reminder", "create_event", "set_alarm", "list_events"];

/// Gives each of the times that `words` say together to a call of its own, with what they share.
///
/// A model may have made one call of them or one for each. Calls for different things keep the time that each was given: in
/// "call Ana at 9 and at 10 call Bob" there is one for each.
pub(super) fn give_each_a_call(words: &str, calls: Vec<ToolCall>, clock: &Clock) -> Vec<ToolCall> {
    let mut left = calls;
    let mut settled = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let call = left.remove(0);
        let Some((members, _)) = members_of(words, &call, clock) else {
            settled.push(call);
            continue;
        };
        let of_the_list = |other: &ToolCall| {
            members_of(words, other, clock)
                .is_some_and(|(others, _)| others.first().map(|m| &m.range) == members.first().map(|m| &m.range))
        };
        let (others, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(of_the_list);
        left = rest;
        if others.iter().all(|other| is_of_the_same(words, &call, other, &members)) {
            settled.extend(one_for_each(words, &call, &members));
        } else {
            let shared = |mut call: ToolCall| {
                if let Some((members, at)) = members_of(words, &call, clock) {
                    call.arguments.insert("when".to_owned(), members[at].phrase.clone().into());
                }
                call
            };
            settled.extend([call].into_iter().chain(others).map(shared));
        }
    }
    settled
}

/// The times that are said together and of which the call has one, and which of them that is: the first, where it has all.
fn members_of(words: &str, call: &ToolCall, clock: &Clock) -> Option<(Vec<Member>, usize)> {
    if !TOOLS.contains(&call.name.as_str()) {
        return None;
    }
    let when = call.arguments.get("when")?.as_str()?;
    let lists = said_together(words, clock, purpose(&call.name));
    lists.into_iter().find_map(|members| {
        let said = |member: &Member| &words[member.range.clone()];
        let has_all = || members.iter().all(|member| when.contains(said(member))).then_some(0);
        let at = members.iter().position(|member| said(member) == when).or_else(has_all)?;
        Some((members, at))
    })
}

/// Whether two calls are for the same thing, whose title one of them may have cut short.
fn is_of_the_same(words: &str, call: &ToolCall, other: &ToolCall, members: &[Member]) -> bool {
    let title =
        |call: &ToolCall| Some(without_times(words, call.arguments.get("title")?.as_str()?, members).to_lowercase());
    let makes = |call: &ToolCall| call.name.starts_with("create_");
    let same_tool = call.name == other.name || (makes(call) && makes(other));
    same_tool
        && match (title(call), title(other)) {
            (Some(one), Some(other)) => one == other || one.starts_with(&other) || other.starts_with(&one),
            (one, other) => one == other,
        }
}

/// The call once for each of the times.
fn one_for_each(words: &str, call: &ToolCall, members: &[Member]) -> Vec<ToolCall> {
    let made = |(index, member): (usize, &Member)| {
        let mut call = call.clone();
        if index > 0 {
            call.id = format!("{}-{}", call.id, index + 1);
        }
        call.arguments.insert("when".to_owned(), member.phrase.clone().into());
        if let Some(title) = call.arguments.get("title").and_then(|title| title.as_str()) {
            let title = without_times(words, title, members).to_owned();
            call.arguments.insert("title".to_owned(), title.into());
        }
        call
    };
    members.iter().enumerate().map(made).collect()
}

/// The title without the times, when it took in some of them.
fn without_times<'a>(words: &str, title: &'a str, members: &[Member]) -> &'a str {
    match members {
        [first, .., last] => title_before(words, title, &(first.range.start..last.range.end)),
        _ => title,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn calls(made: &[(&str, Value)]) -> Vec<ToolCall> {
        let call = |(index, (name, arguments)): (usize, &(&str, Value))| ToolCall {
            id: index.to_string(),
            name: (*name).to_owned(),
            arguments: arguments.as_object().unwrap().clone(),
        };
        made.iter().enumerate().map(call).collect()
    }

    fn settled(words: &str, made: &[(&str, Value)]) -> Vec<(String, Value)> {
        let clock = Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() };
        let calls = give_each_a_call(words, calls(made), &clock);
        let ids: std::collections::BTreeSet<_> = calls.iter().map(|call| call.id.clone()).collect();
        assert_eq!(ids.len(), calls.len(), "{calls:?}");
        calls.into_iter().map(|call| (call.name, Value::Object(call.arguments))).collect()
    }

    fn reminder(title: &str, when: &str) -> (String, Value) {
        ("create_reminder".to_owned(), json!({"title": title, "when": when}))
    }

    #[test]
    fn one_call_becomes_one_for_each_time() {
        let words = "remind me to take my pills at 8am and 8pm every day";
        let both = [reminder("take my pills", "every day 8am"), reminder("take my pills", "every day 8pm")];
        let made = |title: &str, when: &str| ("create_reminder", json!({"title": title, "when": when}));
        assert_eq!(settled(words, &[made("take my pills", "8am")]), both);
        assert_eq!(settled(words, &[made("take my pills", "8am and 8pm every day")]), both);
        assert_eq!(settled(words, &[made("take my pills at 8am and", "8pm every day")]), both);
        assert_eq!(settled(words, &[made("take my pills", "8am"), made("take my pills", "8pm every day")]), both);
        // A model that makes an event of the second.
        let event = ("create_event", json!({"title": "pills", "when": "8pm every day"}));
        assert_eq!(settled(words, &[made("pills", "8am"), event]).len(), 2);
        let gym = settled(
            "put gym in my calendar Monday, Wednesday and Friday at 7am",
            &[("create_event", json!({"title": "gym", "when": "Friday at 7am"}))],
        );
        let whens: Vec<&str> = gym.iter().filter_map(|(_, arguments)| arguments["when"].as_str()).collect();
        assert_eq!(whens, ["Monday at 7am", "Wednesday at 7am", "Friday at 7am"]);
        let alarms = settled("wake me at 6:30 and 7:15 every weekday", &[("set_alarm", json!({"when": "6:30"}))]);
        assert_eq!(alarms.len(), 2);
    }

    #[test]
    fn different_things_keep_the_time_that_each_was_given() {
        let words = "remind me to call Ana at 9 and at 10 tomorrow to call Bob";
        let made = [
            ("create_reminder", json!({"title": "call Ana", "when": "9"})),
            ("create_reminder", json!({"title": "call Bob", "when": "10 tomorrow"})),
        ];
        let [ana, bob] = settled(words, &made).try_into().unwrap();
        assert_eq!((ana.1["title"].as_str(), bob.1["title"].as_str()), (Some("call Ana"), Some("call Bob")));
        let alone = [("create_reminder", json!({"title": "call Ana", "when": "9"}))];
        assert_eq!(settled("call Ana at 9", &alone), [reminder("call Ana", "9")]);
        let moved = [("move_event", json!({"title": "gym", "when": "Monday"}))];
        assert_eq!(settled("move gym to Monday and Tuesday", &moved).len(), 1);
    }
}
