//! Words and local habits of writing, turned into the notation of `fend-core`.

use super::{Answer, CalculatorError};
use crate::Language;
use crate::cursor::Cursor;
use crate::lexer::{Join, Kind, Token, tokens};

/// An expression for `fend-core` and how its result is to be shown.
#[derive(Debug, PartialEq)]
pub(super) struct Rewritten {
    pub(super) expression: String,
    display: Display,
}

/// How the result is shown.
#[derive(Debug, PartialEq)]
enum Display {
    AsIs,
    /// An amount of money, with its sign.
    Money(&'static str),
    /// A length worked out in feet, shown in feet and inches.
    FeetAndInches,
}

/// Words that only announce a question.
#[rustfmt::skip]
const ANNOUNCEMENTS: &[&str] = &[
    "what is", "what s", "whats", "what are", "how much is", "how much are", "how much does", "calculate", "compute", "work out",
    "convert", "the", "please", "equals", "value of", "result of", "tell me", "sum of",
    "combien font", "combien fait", "combien est", "combien", "quel est", "quelle est", "calcule", "calculer", "convertis",
    "convertir", "c est quoi", "qu est ce que", "s il te plait", "font", "la", "le", "somme de",
];

/// Phrases and what they are in symbols.
#[rustfmt::skip]
const SYMBOLS: &[(&str, &str)] = &[
    ("plus", "+"), ("add", "+"), ("and", "+"), ("et", "+"), ("minus", "-"), ("less", "-"), ("moins", "-"), ("times", "*"),
    ("multiplied by", "*"), ("fois", "*"), ("multiplie par", "*"), ("multiplies par", "*"), ("×", "*"), ("divided by", "/"), ("over", "/"),
    ("divise par", "/"), ("divises par", "/"), ("÷", "/"), ("sur", "/"), ("squared", "^2"), ("au carre", "^2"), ("cubed", "^3"), ("au cube", "^3"),
    ("²", "^2"), ("³", "^3"), ("to the power of", "^"), ("to the power", "^"), ("puissance", "^"), ("a la puissance", "^"), ("exposant", "^"),
    ("square root of", "sqrt "), ("square root", "sqrt "), ("racine carree de", "sqrt "), ("racine de", "sqrt "), ("√", "sqrt "),
    ("cube root of", "cbrt "), ("racine cubique de", "cbrt "), ("modulo", "mod"), ("half of", "1/2 *"), ("half", "1/2 *"), ("la moitie de", "1/2 *"),
    ("moitie de", "1/2 *"), ("a third of", "1/3 *"), ("one third of", "1/3 *"), ("le tiers de", "1/3 *"), ("tiers de", "1/3 *"), ("two thirds of", "2/3 *"),
    ("deux tiers de", "2/3 *"), ("a quarter of", "1/4 *"), ("one quarter of", "1/4 *"), ("le quart de", "1/4 *"), ("quart de", "1/4 *"),
    ("three quarters of", "3/4 *"), ("trois quarts de", "3/4 *"), ("twice", "2 *"), ("double", "2 *"), ("double of", "2 *"), ("le double de", "2 *"),
    ("double de", "2 *"), ("triple", "3 *"), ("le triple de", "3 *"), ("percent", "%"), ("per cent", "%"), ("pour cent", "%"), ("pourcent", "%"),
    ("into", "to"), ("in", "to"), ("in a", "to 1"), ("in an", "to 1"), ("dans un", "to 1"), ("dans une", "to 1"),
    ("as a percentage of", "as % of"), ("as a percent of", "as % of"), ("as", "to"), ("en", "to"), ("vers", "to"), ("factorial", "!"), ("factorielle", "!"),
];

/// Names of units that `fend-core` spells otherwise.
#[rustfmt::skip]
const UNITS: &[(&str, &str)] = &[
    ("c", "celsius"), ("f", "fahrenheit"), ("centigrade", "celsius"), ("° c", "celsius"), ("° f", "fahrenheit"),
    ("degrees celsius", "celsius"), ("degrees fahrenheit", "fahrenheit"), ("degrees c", "celsius"), ("degrees f", "fahrenheit"),
    ("degree celsius", "celsius"), ("degree fahrenheit", "fahrenheit"), ("degres celsius", "celsius"), ("degres fahrenheit", "fahrenheit"),
    ("degres", "degrees"), ("gb", "GB"), ("mb", "MB"), ("kb", "kB"), ("tb", "TB"), ("kilometres", "km"), ("kilometre", "km"), ("kilometers", "km"), ("kms", "km"),
    ("metres", "meters"), ("metre", "meter"), ("centimetres", "cm"), ("centimetre", "cm"), ("millimetres", "mm"), ("milles", "miles"), ("mille", "mile"),
    ("pieds", "feet"), ("pied", "foot"), ("pouces", "inches"), ("pouce", "inch"), ("livres", "pounds"), ("livre", "pound"), ("kilos", "kg"),
    ("kilo", "kg"), ("grammes", "grams"), ("gramme", "gram"), ("onces", "ounces"), ("once", "ounce"), ("litres", "liters"), ("litre", "liter"),
    ("millilitres", "ml"), ("tasses", "cups"), ("tasse", "cup"), ("heures", "hours"), ("heure", "hour"), ("secondes", "seconds"),
    ("seconde", "second"), ("jours", "days"), ("jour", "day"), ("semaines", "weeks"), ("semaine", "week"), ("annees", "years"), ("ans", "years"),
    ("tablespoons", "tbsp"), ("tablespoon", "tbsp"), ("teaspoons", "tsp"), ("teaspoon", "tsp"), ("cuilleres a soupe", "tbsp"), ("cuilleres a cafe", "tsp"),
];

#[rustfmt::skip]
const CURRENCIES: &[(&str, &str)] = &[
    ("€", "€"), ("eur", "€"), ("euro", "€"), ("euros", "€"), ("$", "$"), ("usd", "$"), ("dollar", "$"), ("dollars", "$"), ("£", "£"),
    ("gbp", "£"), ("pounds sterling", "£"), ("livres sterling", "£"), ("¥", "¥"), ("yen", "¥"), ("yens", "¥"), ("jpy", "¥"), ("chf", "CHF"),
    ("francs suisses", "CHF"), ("swiss francs", "CHF"), ("cad", "CAD"), ("rupees", "₹"), ("inr", "₹"),
];

/// `expression` in symbols.
///
/// # Errors
/// [`CalculatorError::NoExchangeRates`] when two currencies are named.
pub(super) fn rewrite(expression: &str) -> Result<Rewritten, CalculatorError> {
    let written = tokens(expression);
    let mut writer = Writer {
        source: expression,
        written: &written,
        language: Language::of(expression),
        output: String::new(),
        money: None,
    };
    writer.write_all()?;
    let mut display = writer.money.map_or(Display::AsIs, Display::Money);
    let mut text = writer.output.trim().trim_end_matches(['?', '=', '.', '!']).trim().to_owned();
    if expression.trim_end().ends_with('!') && !text.is_empty() {
        text.push('!');
    }
    for target in ["to feet + inches", "to ft + in", "to feet + to", "to ft + inches", "to foot + inches"] {
        if let Some(length) = text.strip_suffix(target) {
            text = format!("{length} to feet");
            display = Display::FeetAndInches;
            break;
        }
    }
    Ok(Rewritten { expression: percentages(&turned_around(&text)), display })
}

/// Copies an expression token by token, replacing phrases.
struct Writer<'text> {
    source: &'text str,
    written: &'text [Token],
    language: Language,
    output: String,
    money: Option<&'static str>,
}

impl Writer<'_> {
    fn write_all(&mut self) -> Result<(), CalculatorError> {
        let mut cursor = Cursor::new(self.written);
        let mut end = 0;
        while let Some(token) = cursor.peek() {
            let gap = &self.source[end..token.start];
            self.write_gap(gap, token);
            self.write_token(&mut cursor)?;
            end = self.end_before(&cursor);
        }
        self.output.push_str(&self.source[end..]);
        Ok(())
    }

    /// The byte at which the token before the cursor ends.
    fn end_before(&self, cursor: &Cursor) -> usize {
        let next = cursor.peek().map_or(usize::MAX, |token| token.start);
        self.written.iter().rev().find(|token| token.start < next).map_or(0, |token| token.end)
    }

    /// What stands between two tokens: operators and brackets stay, a decimal comma becomes a point, quotes go.
    fn write_gap(&mut self, gap: &str, next: &Token) {
        let thousands = match next.kind {
            Kind::Number { digits: 3, .. } => self.output.ends_with(|last: char| last.is_ascii_digit()),
            _ => false,
        };
        match next.join {
            Join::Comma if thousands && self.language == Language::English => {}
            Join::Comma => self.output.push('.'),
            Join::Loose if thousands && gap.chars().all(char::is_whitespace) && gap.chars().count() == 1 => {}
            _ => self.output.extend(gap.chars().map(|character| match character {
                '’' | '\'' | '"' | '«' | '»' | '“' | '”' | '?' | ';' => ' ',
                '–' | '—' | '‐' | '‑' => '-',
                other => other,
            })),
        }
    }

    fn write_token(&mut self, cursor: &mut Cursor) -> Result<(), CalculatorError> {
        let Some(token) = cursor.peek() else { return Ok(()) };
        if let Some(sign) = cursor.phrase(CURRENCIES) {
            if self.money.is_some_and(|known| known != sign) {
                return Err(CalculatorError::NoExchangeRates);
            }
            self.money = Some(sign);
            return Ok(());
        }
        if cursor.any(ANNOUNCEMENTS).is_some() {
            return Ok(());
        }
        if let Some(fraction) = self.fraction(cursor) {
            self.output.truncate(self.output.trim_end().len());
            self.output.push_str(fraction);
            return Ok(());
        }
        if let Some(symbol) = cursor.phrase(SYMBOLS).or_else(|| self.crossed(cursor)) {
            self.output.push_str(symbol);
            return Ok(());
        }
        if let Some(unit) = cursor.phrase(UNITS) {
            self.output.push_str(unit);
            return Ok(());
        }
        let in_words = matches!(token.kind, Kind::Word(_)).then(|| number_in_words(cursor)).flatten();
        if let Some(value) = in_words {
            self.output.push_str(&value.to_string());
            return Ok(());
        }
        cursor.advance();
        self.output.push_str(&self.source[token.start..token.end]);
        Ok(())
    }

    /// "and a half" behind a whole number: its decimals.
    fn fraction(&self, cursor: &mut Cursor) -> Option<&'static str> {
        if !self.output.trim_end().ends_with(|last: char| last.is_ascii_digit()) {
            return None;
        }
        cursor.phrase(&[
            ("and a half", ".5"),
            ("and a quarter", ".25"),
            ("et demi", ".5"),
            ("et demie", ".5"),
            ("et quart", ".25"),
        ])
    }

    /// "x" between two numbers multiplies.
    fn crossed(&self, cursor: &mut Cursor) -> Option<&'static str> {
        if !self.output.trim_end().ends_with(|last: char| last.is_ascii_digit() || last == ')') {
            return None;
        }
        cursor.any(&["x"]).map(|()| "*")
    }
}

/// "twenty-five", "two thousand three hundred", "trois millions".
fn number_in_words(cursor: &mut Cursor) -> Option<u64> {
    let zero = cursor.any(&["zero"]).map(|()| 0);
    let mut total = 0_u64;
    let mut found = zero;
    while let Some(value) = cursor.attempt(Cursor::number) {
        let scale = cursor.phrase(&[
            ("thousand", 1_000_u64),
            ("mille", 1_000),
            ("million", 1_000_000),
            ("millions", 1_000_000),
            ("billion", 1_000_000_000),
            ("milliard", 1_000_000_000),
            ("milliards", 1_000_000_000),
        ]);
        total = total.checked_add(u64::from(value).checked_mul(scale.unwrap_or(1))?)?;
        found = Some(total);
        if scale.is_none() {
            break;
        }
    }
    found
}

/// "how many ml in 3 cups" asks for "3 cups to ml".
fn turned_around(text: &str) -> String {
    let question = ["how many ", "how much ", "combien de ", "de ", "number of "]
        .iter()
        .find_map(|start| text.strip_prefix(start));
    if let Some((unit, quantity)) =
        question.and_then(|rest| rest.split_once(" to ").or_else(|| rest.split_once(" dans ")))
    {
        return format!("{quantity} to {unit}");
    }
    // "minutes in a week" asks the same.
    match text.split_once(" to 1 ") {
        Some((unit, whole)) if !unit.contains(|character: char| character.is_ascii_digit()) => {
            format!("1 {whole} to {unit}")
        }
        _ => text.to_owned(),
    }
}

/// What share one number is of another: "what % of 80 is 20", "20 is what % of 80", "20 as % of 80".
fn share(text: &str) -> Option<String> {
    let asked_first = || text.strip_prefix("what % of ")?.split_once(" is ").map(|(whole, part)| (part, whole));
    let (part, whole) =
        text.split_once(" is what % of ").or_else(|| text.split_once(" as % of ")).or_else(asked_first)?;
    Some(format!("({part}) / ({whole}) to %"))
}

/// Percentages in plain arithmetic: "a% of b", "a% off b", "a% tip on b", "b + a%", "b − a%".
fn percentages(text: &str) -> String {
    if let Some(share) = share(text) {
        return share;
    }
    for (link, sign) in [("off", "-"), ("de reduction /", "-"), ("discount on", "-")] {
        if let Some((rate, base)) = around(text, link) {
            return format!("({base}) * (1 {sign} ({rate}) / 100)");
        }
    }
    for link in ["tip on", "tip for", "tax on", "vat on", "de pourboire /", "on"] {
        if let Some((rate, base)) = around(text, link) {
            return format!("({rate}) / 100 * ({base})");
        }
    }
    // "20% of 50 + 3": what is added comes after.
    for link in ["of", "de", "du"] {
        if let Some((rate, base)) = around(text, link) {
            return format!("({rate}) / 100 * {base}");
        }
    }
    let Some(without) = text.strip_suffix('%').map(str::trim_end) else { return text.to_owned() };
    let rate_starts =
        without.rfind(|character: char| !character.is_ascii_digit() && character != '.').map_or(0, |at| at + 1);
    let (base, rate) = without.split_at(if without.is_char_boundary(rate_starts) { rate_starts } else { 0 });
    match (base.trim_end().strip_suffix(['+', '-']), base.trim_end().chars().last()) {
        (Some(base), Some(sign)) if !base.trim().is_empty() && !rate.is_empty() => {
            format!("({base}) * (1 {sign} ({rate}) / 100)")
        }
        _ => text.to_owned(),
    }
}

/// The rate and the base around "% link".
fn around<'text>(text: &'text str, link: &str) -> Option<(&'text str, &'text str)> {
    let (rate, rest) = text.split_once('%')?;
    let base = rest.trim_start().strip_prefix(link)?.strip_prefix(' ')?.trim();
    (!rate.trim().is_empty() && !base.is_empty() && !base.contains('%')).then_some((rate.trim(), base))
}

impl Rewritten {
    /// The answer that the result of the calculation is.
    pub(super) fn presented(&self, result: &str) -> Answer {
        let exact = result.strip_prefix("approx. ").unwrap_or(result);
        let number_ends = exact
            .find(|character: char| !matches!(character, '0'..='9' | '.' | '-' | 'e' | '+'))
            .unwrap_or(exact.len());
        let number: Option<f64> = exact[..number_ends].trim_end_matches('e').parse().ok();
        let unit = Some(exact[number_ends..].trim().to_owned()).filter(|unit| !unit.is_empty() && number.is_some());
        match (&self.display, number) {
            (Display::Money(sign), Some(amount)) if unit.is_none() => {
                Answer { text: format!("{amount:.2} {sign}"), number, unit: Some((*sign).to_owned()) }
            }
            (Display::FeetAndInches, Some(feet)) => {
                let inches = (feet.abs() * 120.0).round() / 10.0;
                let sign = if feet < 0.0 { "-" } else { "" };
                Answer { text: format!("{sign}{} ft {:.1} in", (inches / 12.0).floor(), inches % 12.0), number, unit }
            }
            (_, Some(value)) => {
                let unit = unit.map(|unit| unit_sign(&unit).to_owned());
                Answer { text: rounded(exact, &exact[..number_ends], value, unit.as_deref()), number, unit }
            }
            (_, None) => Answer { text: result.to_owned(), number, unit },
        }
    }
}

/// The sign by which people know a unit.
fn unit_sign(unit: &str) -> &str {
    match unit {
        "celsius" => "°C",
        "fahrenheit" => "°F",
        "km / h" => "km/h",
        "m / s" => "m/s",
        other => other,
    }
}

/// The number with at most four decimals and "≈" when that leaves something out, then the unit. Small numbers keep their figures.
fn rounded(result: &str, digits: &str, value: f64, unit: Option<&str>) -> String {
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let number = if decimals > 4 && value.abs() >= 0.01 && !digits.contains('e') {
        let short = format!("{value:.4}");
        format!("≈ {}", short.trim_end_matches('0').trim_end_matches('.'))
    } else {
        digits.to_owned()
    };
    match unit {
        // "25%" stays without a space, as written.
        Some(unit) if result.ends_with(unit) && !result[..result.len() - unit.len()].ends_with(' ') => {
            format!("{number}{unit}")
        }
        Some(unit) => format!("{number} {unit}"),
        None => number,
    }
}
