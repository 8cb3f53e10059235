//! Whether a turn ended well.

use super::changes::{Change, Names, exactly};
use super::format::End;
use super::words;
use jiff::Zoned;
use serde::Serialize;

/// What the turn was seen to do.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// All that was said.
    pub(super) said: String,
    pub(super) changes: Vec<Change>,
    pub(super) asks: bool,
    pub(super) admits: bool,
}

/// Whether a turn ended as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// An end holds whole.
    Right,
    /// No end holds.
    Wrong,
    /// An end holds but for the sentence that a person or a larger model must judge.
    Judge,
}

/// A verdict and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// Whether the turn ended as it should.
    pub verdict: Verdict,
    /// The end that holds, or that came nearest, from 1.
    pub end: usize,
    /// Why the nearest end does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is left to judge: one of these must be found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub judge: Vec<String>,
}

/// Decides the ends of a turn.
pub(super) fn judge(ends: &[End], seen: &Seen, names: &Names, now: &Zoned) -> Judgement {
    let decided: Vec<Result<(), Miss>> = ends.iter().map(|end| check(end, seen, names, now)).collect();
    let holding = || decided.iter().zip(ends).enumerate().filter(|(_, (decided, _))| decided.is_ok());
    if let Some((at, _)) = holding().find(|(_, (_, end))| end.judge.is_none()) {
        return Judgement { verdict: Verdict::Right, end: at + 1, reason: None, judge: Vec::new() };
    }
    if let Some((at, _)) = holding().next() {
        let judge = holding().filter_map(|(_, (_, end))| end.judge.clone()).collect();
        return Judgement { verdict: Verdict::Judge, end: at + 1, reason: None, judge };
    }
    let misses = decided.into_iter().enumerate().filter_map(|(at, decided)| Some((at, decided.err()?)));
    // Of those that are as near, the first.
    let nearest = misses.reduce(|nearest, next| if next.1.holding > nearest.1.holding { next } else { nearest });
    let (end, reason) = nearest.map_or((0, None), |(at, miss)| (at + 1, Some(miss.reason)));
    Judgement { verdict: Verdict::Wrong, end, reason, judge: Vec::new() }
}

/// Why an end does not hold, and how many of its demands do.
struct Miss {
    holding: usize,
    reason: String,
}

fn check(end: &End, seen: &Seen, names: &Names, now: &Zoned) -> Result<(), Miss> {
    let mut holding = 0;
    let mut reason = None;
    let mut demand = |holds: Result<usize, (usize, String)>| match holds {
        Ok(right) => holding += right,
        Err((right, why)) => {
            holding += right;
            reason.get_or_insert(why);
        }
    };
    demand(exactly(&end.changes, &seen.changes, names, now).map(|()| end.changes.len() + 1));
    let said = |holds: bool, why: &dyn Fn() -> String| if holds { Ok(1) } else { Err((0, why())) };
    if end.asks {
        demand(said(seen.asks, &|| "it does not ask back".to_owned()));
    }
    if end.admits {
        demand(said(seen.admits, &|| "it does not say that it cannot or does not know".to_owned()));
    }
    for group in &end.says {
        let listed = || group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
        demand(said(group.iter().any(|pattern| pattern.holds(&seen.said)), &|| {
            format!("it does not say {}", listed())
        }));
    }
    for pattern in &end.never {
        demand(said(!pattern.holds(&seen.said), &|| format!("it says {pattern}")));
    }
    match reason {
        None => Ok(()),
        Some(reason) => Err(Miss { holding, reason }),
    }
}

/// Whether words that were said without a change of any file claim one. A text that was asked for may tell of anything.
pub(super) fn is_false_claim(request: &str, kind: &str, said: &str) -> bool {
    let is_text = kind == "writing" || crate::settle::asks_for_text(request);
    !is_text && words::claims_deed(said)
}
