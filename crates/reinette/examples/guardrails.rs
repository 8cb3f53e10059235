//! What an application lets pass: `guardrails [WORDS]`, with the model of this machine. Every refusal is typed.

#![expect(clippy::print_stdout, reason = "what passes is what it is for")]

use reinette::{Decision, Guardrail, Session, SessionError, SystemModel, SystemModelConfig};

/// No numbers of cards, neither said nor asked.
struct NoCardNumbers;

impl NoCardNumbers {
    fn decide(text: &str) -> Decision {
        let digits = text.split(|character: char| !character.is_ascii_digit() && !" -".contains(character));
        let is_long = |run: &str| run.chars().filter(char::is_ascii_digit).count() >= 13;
        if digits.into_iter().any(is_long) {
            Decision::Refuse("it holds the number of a card".to_owned())
        } else {
            Decision::Allow
        }
    }
}

impl Guardrail for NoCardNumbers {
    fn on_prompt(&self, prompt: &str) -> Decision {
        Self::decide(prompt)
    }

    fn on_response(&self, answer: &str) -> Decision {
        Self::decide(answer)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words = std::env::args().nth(1).unwrap_or_else(|| "Pay with 4111 1111 1111 1111, please".to_owned());
    let model = SystemModel::load_blocking(&SystemModelConfig::default())?;
    let session = Session::new(&model).guardrail(NoCardNumbers);
    for prompt in [words.as_str(), "Say good morning."] {
        match session.respond_blocking(prompt) {
            Ok(answer) => println!("{answer}"),
            Err(SessionError::Guardrail { part, reason }) => println!("the {part} did not pass: {reason}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
