//! The figures of a run.

use super::{Trial, TurnTrial, Verdict};
use crate::eval::Rate;
use serde::Serialize;
use std::collections::BTreeMap;

/// How many of a group ended as they should.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// Of those that strings can decide.
    pub rate: Rate,
    /// How many are left for a person or a larger model to judge; they are not in the rate.
    pub to_judge: usize,
}

impl Share {
    fn of(verdicts: impl Iterator<Item = Verdict>) -> Self {
        let (mut right, mut of, mut to_judge) = (0, 0, 0);
        for verdict in verdicts {
            match verdict {
                Verdict::Judge => to_judge += 1,
                Verdict::Right | Verdict::Wrong => {
                    of += 1;
                    right += usize::from(verdict == Verdict::Right);
                }
            }
        }
        Self { rate: Rate::new(right, of), to_judge }
    }
}

/// The figures of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Single requests by kind.
    pub kinds: BTreeMap<String, Share>,
    /// All single requests.
    pub singles: Share,
    /// All turns, of single requests and dialogues, by language.
    pub languages: BTreeMap<String, Share>,
    /// The same by register.
    pub registers: BTreeMap<String, Share>,
    /// The turns of dialogues.
    pub dialogue_turns: Share,
    /// Dialogues of which every turn is right.
    pub dialogues: Share,
    /// Turns that claim a deed and changed nothing: the id, and of a dialogue the number of the turn.
    pub false_claims: Vec<String>,
    /// How many turns there were.
    pub turns: usize,
    /// Half of the turns took no longer.
    pub median_seconds: f64,
    /// Nineteen of twenty turns took no longer.
    pub slow_seconds: f64,
}

impl Figures {
    /// Of what was tried so far.
    pub fn of(trials: &[Trial]) -> Self {
        let turns = || trials.iter().flat_map(|trial| trial.turns.iter().map(move |turn| (trial, turn)));
        let by = |key: fn(&Trial) -> &str, counts: fn(&Trial) -> bool| -> BTreeMap<String, Share> {
            let mut groups: BTreeMap<String, Vec<Verdict>> = BTreeMap::new();
            for (trial, turn) in turns().filter(|(trial, _)| counts(trial)) {
                groups.entry(key(trial).to_owned()).or_default().push(turn.judgement.verdict);
            }
            groups.into_iter().map(|(name, verdicts)| (name, Share::of(verdicts.into_iter()))).collect()
        };
        let verdicts = |counts: fn(&Trial) -> bool| {
            turns().filter(move |(trial, _)| counts(trial)).map(|(_, turn)| turn.judgement.verdict)
        };
        let mut seconds: Vec<f64> = turns().map(|(_, turn)| turn.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        // The nearest rank.
        let quantile = |of_hundred: usize| {
            seconds.get((seconds.len() * of_hundred).div_ceil(100).max(1) - 1).copied().unwrap_or_default()
        };
        Self {
            kinds: by(|trial| &trial.about.kind, |trial| !trial.is_dialogue),
            singles: Share::of(verdicts(|trial| !trial.is_dialogue)),
            languages: by(|trial| &trial.about.language, |_| true),
            registers: by(|trial| &trial.about.register, |_| true),
            dialogue_turns: Share::of(verdicts(|trial| trial.is_dialogue)),
            dialogues: Share::of(trials.iter().filter(|trial| trial.is_dialogue).map(Trial::verdict)),
            false_claims: trials.iter().flat_map(false_claims).collect(),
            turns: seconds.len(),
            median_seconds: quantile(50),
            slow_seconds: quantile(95),
        }
    }
}

fn false_claims(trial: &Trial) -> Vec<String> {
    let claims = trial.turns.iter().enumerate().filter(|(_, turn): &(usize, &TurnTrial)| turn.is_false_claim);
    let id = &trial.about.id;
    claims.map(|(at, _)| if trial.is_dialogue { format!("{id}/{}", at + 1) } else { id.clone() }).collect()
}
