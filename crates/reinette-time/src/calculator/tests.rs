//! Expressions and their answers.

use proptest::prelude::*;

use super::{CalculatorError, asks_for_a_distance, evaluate, holds_quantities};
use crate::Clock;

fn clock() -> Clock {
    Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() }
}

#[test]
fn how_long_until_a_date_is_told_in_days() {
    for (question, days) in [
        ("how long until 2026 ends?", 295.0),
        ("how long until the end of 2026", 295.0),
        ("how long till this year ends", 295.0),
        ("how long until 2027?", 296.0),
        ("how long until 31 December", 295.0),
        ("How long is it until Christmas?", 289.0),
        ("how much time until Christmas", 289.0),
        ("how long until April starts", 21.0),
        ("combien de temps jusqu'à Noël ?", 289.0),
        ("combien de temps avant le 31 décembre", 295.0),
        ("how many days until Christmas?", 289.0),
    ] {
        assert!(asks_for_a_distance(question, &clock()), "{question}");
        assert_eq!(evaluate(question, &clock()).unwrap().number, Some(days), "{question}");
    }
    for other in ["how long is a marathon", "how long until the dentist", "what date is it", "how long until 5 + 3"] {
        assert!(!asks_for_a_distance(other, &clock()), "{other}");
    }
}

#[test]
fn numbers_percentages_and_words_are_calculated() {
    let mut failures = Vec::new();
    for (expression, expected, unit) in [
        ("2 + 3 * 4", 14.0, ""),
        ("(2 + 3) * 4", 20.0, ""),
        ("17.5% of 260", 45.5, ""),
        ("17.5 percent of 260", 45.5, ""),
        ("15% tip on 48.50", 7.275, ""),
        ("15% tip on $48.50", 7.275, "$"),
        ("120 plus 20%", 144.0, ""),
        ("120 - 20%", 96.0, ""),
        ("20% off 80", 64.0, ""),
        ("three times twelve", 36.0, ""),
        ("what is twenty-five plus seven?", 32.0, ""),
        ("two thousand three hundred divided by 4", 575.0, ""),
        ("square root of 2", std::f64::consts::SQRT_2, ""),
        ("12 squared", 144.0, ""),
        ("half of 250", 125.0, ""),
        ("20% of 50 + 3", 13.0, ""),
        ("what percent of 80 is 20", 25.0, "%"),
        ("20 is what percent of 80", 25.0, "%"),
        ("20 as a percentage of 80", 25.0, "%"),
        ("2 and a half times 4", 10.0, ""),
        ("the sum of 3 and 5", 8.0, ""),
        ("sin(30 degrees)", 0.5, ""),
        ("sin(30°)", 0.5, ""),
        ("how many seconds in a day", 86_400.0, "seconds"),
        ("minutes in a week", 10_080.0, "minutes"),
        ("10 gb in mb", 10_000.0, "MB"),
        ("25 degrees celsius in fahrenheit", 77.0, "°F"),
        ("25°C in °F", 77.0, "°F"),
        ("15 % de pourboire sur 48,50", 7.275, ""),
        ("a third of 99", 33.0, ""),
        ("144 divided by 12", 12.0, ""),
        ("3 x 4", 12.0, ""),
        ("6 × 7", 42.0, ""),
        ("2^10", 1024.0, ""),
        ("5!", 120.0, ""),
        ("1,250 * 2", 2500.0, ""),
        ("15 % de 80", 12.0, ""),
        ("combien font 12 fois 12 ?", 144.0, ""),
        ("racine carrée de 144", 12.0, ""),
        ("3,5 * 2", 7.0, ""),
        ("la moitié de 250", 125.0, ""),
        ("vingt et un divisé par sept", 3.0, ""),
        ("5 miles to km", 8.04672, "km"),
        ("3 cups in ml", 709.764_709_5, "ml"),
        ("how many ml in 3 cups", 709.764_709_5, "ml"),
        ("10 kg to pounds", 22.046_226_218_5, "pounds"),
        ("180 cm in feet and inches", 5.905_511_811, "feet"),
        ("5 pieds en cm", 152.4, "cm"),
        ("72 fahrenheit in celsius", 22.222_222_222_2, "°C"),
        ("100 celsius to fahrenheit", 212.0, "°F"),
        ("days until Christmas", 289.0, "days"),
        ("how many days until Christmas", 289.0, "days"),
        ("jours avant Noël", 289.0, "jours"),
        ("days since 1 January", 69.0, "days"),
        ("weeks between 3 May and 12 June", 40.0 / 7.0, "weeks"),
        ("days between 3 May and 12 June", 40.0, "days"),
        ("age of someone born on 3 May 1990", 35.0, "years"),
        ("âge de quelqu'un né le 3 mai 1990", 35.0, "ans"),
    ] {
        match evaluate(expression, &clock()) {
            Ok(answer)
                if answer.number.is_some_and(|number| (number - expected).abs() < 1e-6 * expected.abs())
                    && answer.unit.clone().unwrap_or_default() == unit => {}
            other => failures.push(format!("{expression}: {other:?}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn answers_read_as_people_write_them() {
    for (expression, text) in [
        ("weekday of June 3rd", "Wednesday 3 June 2026"),
        ("what day is it in 10 days", "Saturday 21 March 2026"),
        ("10 days from now", "Saturday 21 March 2026"),
        ("quel jour tombe Noël", "vendredi 25 décembre 2026"),
        ("weeks between 3 May and 12 June", "5 weeks and 5 days"),
        ("180 cm in feet and inches", "5 ft 10.9 in"),
        ("15% tip on $48.50", "7.28 $"),
        ("72 fahrenheit in celsius", "≈ 22.2222 °C"),
        ("5 miles to km", "≈ 8.0467 km"),
        ("20 as a percentage of 80", "25%"),
        ("1 / 1000000", "0.000001"),
        ("60 mph in km/h", "≈ 96.5606 km/h"),
    ] {
        assert_eq!(evaluate(expression, &clock()).map(|answer| answer.text).unwrap(), text, "{expression}");
    }
}

#[test]
fn what_cannot_be_calculated_says_why() {
    assert_eq!(evaluate("100 euros in dollars", &clock()), Err(CalculatorError::NoExchangeRates));
    assert_eq!(evaluate(" ?", &clock()), Err(CalculatorError::Empty));
    assert!(matches!(evaluate("the colour of love", &clock()), Err(CalculatorError::NotUnderstood { .. })));
    assert!(matches!(evaluate("days until the purple hippo", &clock()), Err(CalculatorError::Time(_))));
    assert!(matches!(evaluate("1 / 0", &clock()), Err(CalculatorError::NotUnderstood { .. })));
    assert!(matches!(evaluate(&"1+".repeat(200), &clock()), Err(CalculatorError::TooLong { .. })));
}

#[test]
fn words_without_quantities_have_nothing_to_calculate() {
    for words in
        ["12% of 90", "half of seventeen", "how many ounces are in a pound?", "combien de minutes dans une semaine"]
    {
        assert!(holds_quantities(words), "{words}");
    }
    for words in ["Why is grass green?", "what is a light year", "j'ai une idée", "which one of them came second", ""]
    {
        assert!(!holds_quantities(words), "{words}");
    }
}

#[test]
fn enormous_results_are_refused_in_bounded_time() {
    let start = std::time::Instant::now();
    for expression in ["9^9^9^9", "1000000!", "2^(2^40)", "10^100000", "6570d671d671d671", "d6 + 9"] {
        assert!(
            matches!(
                evaluate(expression, &clock()),
                Err(CalculatorError::TooLarge { .. } | CalculatorError::NotUnderstood { .. })
            ),
            "{expression}"
        );
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_text_is_answered_without_a_panic(text in ".{0,60}") {
        let _ = evaluate(&text, &clock());
    }

    #[test]
    fn integer_arithmetic_agrees_with_rust(a in -1000_i32..1000, b in 1_i32..1000) {
        let answer = evaluate(&format!("{a} times {b} plus {b}"), &clock()).unwrap();
        prop_assert_eq!(answer.number, Some(f64::from(a * b + b)));
    }
}
