//! Notes that are said word for word: "write a note: …". What stands behind such a cue is the user's own text, so code takes it
//! and no model: it is kept whole, however long it is, and nothing in it is a request.

use super::phrases::{Word, begins, behind, behind_courtesies, find, without_courtesies, words};
use reinette::ToolCall;
use serde_json::{Map, Value};

/// The most words before the text itself.
const MOST_CUE_WORDS: usize = 24;
/// The most words of the name of a note or a list.
const MOST_NAME_WORDS: usize = 8;

/// Words of which a cue may consist: "make me a quick note", "prends une petite note".
#[rustfmt::skip]
const CUE_WORDS: &[&str] = &[
    "a", "an", "the", "this", "my", "me", "new", "quick", "short", "little", "another", "write", "make", "take", "create", "add", "save", "start", "jot", "put",
    "leave", "keep", "begin", "down", "note", "notes", "memo", "to", "self", "myself", "in", "remember", "later", "for",
    "une", "un", "la", "le", "cette", "ce", "ma", "mon", "mes", "moi", "nouvelle", "nouveau", "petite", "petit", "rapide", "ecris", "ecrire", "ecrivez", "prends",
    "prendre", "prenez", "cree", "creer", "fais", "faire", "ajoute", "ajouter", "enregistre", "redige", "notez", "noter", "dans", "en", "ca", "ceci",
];

/// Without one of these, a cue is not about a note.
#[rustfmt::skip]
const NOTE_CUES: &[&str] = &[
    "note", "memo", "my notes", "mes notes", "write down", "write this down", "jot down", "jot this down", "take this down", "save this", "remember this", "write this",
    "notez", "noter", "ecris ca", "ecris ceci",
];

/// What follows them is the text, whatever it says.
#[rustfmt::skip]
const SAYING: &[&str] = &[
    "that says", "which says", "saying", "that reads", "reading", "with the text", "with the words", "with this text",
    "qui dit", "disant", "avec le texte", "avec les mots", "avec ce texte",
];

/// What follows them is the text, unless another request follows in the same breath.
const THAT: &[&str] = &["that", "que", "qu"];

/// What stands before a note's own title, and before what it is about.
const TITLED: &[&str] =
    &["called", "named", "titled", "entitled", "intitulee", "appelee", "nommee", "with the title", "avec le titre"];
const ABOUT: &[&str] =
    &["about", "on", "for", "to", "a", "regarding", "sur", "pour", "concernant", "a propos de", "au sujet de"];

/// What adds to a list or a note, in English and in French, each with what stands before its name.
#[rustfmt::skip]
const ADDING: [(&[&str], &[&str]); 2] = [
    (&["add", "append", "put", "write", "insert"], &["to", "on", "onto", "in", "into", "at the end of"]),
    (
        &["ajoute", "ajouter", "ajoutez", "rajoute", "mets", "mettre", "inscris", "ecris", "note"],
        &["a", "au", "aux", "sur", "dans", "en bas de", "a la fin de"],
    ),
];

/// What begins a list.
const BEGINNING: &[&str] =
    &["make", "create", "start", "write", "begin", "new", "fais", "cree", "commence", "ecris", "nouvelle"];
const LISTS: &[&str] = &["note", "notes", "list", "liste", "memo"];
const ARTICLES: &[&str] = &[
    "my", "the", "our", "a", "an", "new", "this", "ma", "mon", "mes", "la", "le", "les", "l", "notre", "une", "un",
    "nouvelle",
];

/// The beginnings of requests, which end what is noted in passing: "note that the quote is 340, and remind me to answer".
#[rustfmt::skip]
const REQUESTS: &[&str] = &[
    "remind me", "set a", "set an", "set the", "set my", "start a", "start the", "wake me", "add", "put", "cancel", "delete", "schedule", "book", "move", "give me", "tell me", "show me",
    "what s", "what is", "how much", "how many", "make a", "create a", "write a", "take a", "stop the", "call off",
    "rappelle moi", "rappelle", "mets", "ajoute", "regle", "reveille", "annule", "supprime", "lance", "programme", "dis moi", "montre", "deplace", "combien", "cree", "ecris",
];
const JOINTS: &[&str] = &[
    "and",
    "and then",
    "then",
    "and also",
    "also",
    "plus",
    "et",
    "et puis",
    "puis",
    "ensuite",
    "et aussi",
    "et ensuite",
];

/// A note, or a line of one, that the user dictates.
#[derive(Clone, Debug)]
pub(crate) struct Dictation<'a> {
    /// The call that writes it.
    pub(crate) call: ToolCall,
    /// The words in which it was asked for, without the text itself: they tell the user's language.
    pub(crate) cue: &'a str,
    /// What was said beside it: another request, or nothing.
    pub(crate) rest: &'a str,
}

/// A mark behind which a text begins: a colon or the end of a line, behind which it goes on to the end, or a quotation mark.
#[derive(Clone, Copy, Debug)]
struct Mark {
    cue_end: usize,
    text_begin: usize,
    /// The quotation mark.
    opens: Option<char>,
}

/// What the user dictates with `text`, if it begins with a cue and goes on with a text.
pub(crate) fn dictated(text: &str) -> Option<Dictation<'_>> {
    let mut spaces = text.char_indices().filter(|(_, letter)| letter.is_whitespace());
    let head = &text[..spaces.nth(MOST_CUE_WORDS + MOST_NAME_WORDS).map_or(text.len(), |(end, _)| end)];
    let all = words(head);
    let said = behind_courtesies(&all);
    marks(head).find_map(|mark| behind_mark(text, said, mark)).or_else(|| behind_saying(text, said))
}

/// The marks behind which a text may begin.
fn marks(head: &str) -> impl Iterator<Item = Mark> + '_ {
    head.char_indices().filter_map(move |(cue_end, mark)| {
        let text_begin = cue_end + mark.len_utf8();
        let opens = match mark {
            // "At 14:30" has no space behind its colon.
            ':' if head[text_begin..].starts_with(char::is_numeric) => return None,
            ':' | '\n' => None,
            '"' | '“' | '„' | '«' => Some(mark),
            _ => return None,
        };
        Some(Mark { cue_end, text_begin, opens })
    })
}

/// A dictation whose text begins behind a mark.
fn behind_mark<'a>(text: &'a str, said: &[Word], mark: Mark) -> Option<Dictation<'a>> {
    let cue: Vec<Word> = said.iter().take_while(|word| word.end <= mark.cue_end).cloned().collect();
    let (literal, rest) = match mark.opens {
        None => (&text[mark.text_begin..], ""),
        Some(opens) => within_quotes(&text[mark.text_begin..], opens),
    };
    let literal = literal.trim();
    if literal.is_empty() {
        return None;
    }
    let dictation = |call, rest| Some(Dictation { call, cue: &text[..mark.cue_end], rest });
    if let Some(name) = appended(text, &cue) {
        return dictation(append(name, literal), behind_joint(rest));
    }
    // "Add “…” to my ideas note."
    let verb = ADDING.iter().find(|(verbs, _)| begins(&cue, verbs) == Some(cue.len()));
    if let Some((_, onto)) = verb.filter(|_| mark.opens.is_some()) {
        let after = words(rest);
        let name = named(rest, &after[begins(&after, onto)?..])?;
        return dictation(append(name, literal), "");
    }
    let behind = note_cue(&cue)?;
    if behind.is_empty() || begins(behind, SAYING) == Some(behind.len()) {
        return dictation(create(literal.to_owned()), behind_joint(rest));
    }
    if mark.opens.is_some() {
        return None;
    }
    let titled = begins(behind, TITLED);
    let title = behind.get(titled.or_else(|| begins(behind, ABOUT))?)?;
    let title = text[title.start..mark.cue_end].trim_matches(|mark: char| "\"“”„«» \u{a0}\u{202f}".contains(mark));
    let joint = if titled.is_some() { "\n\n" } else { ": " };
    dictation(create(format!("{title}{joint}{literal}")), behind_joint(rest))
}

/// A dictation whose text begins behind words: "a note that says …", "note that …".
fn behind_saying<'a>(text: &'a str, said: &[Word]) -> Option<Dictation<'a>> {
    let behind = note_cue(said)?;
    let saying = begins(behind, SAYING);
    let last = behind.get(saying.or_else(|| begins(behind, THAT))? - 1)?;
    let literal = text[last.end..].trim_start_matches(['\'', '’']).trim();
    let cue = &text[..last.end];
    if saying.is_none() && (is_followed_by_request(literal) || literal.ends_with('?')) {
        return None;
    }
    let literal = if saying.is_none() { without_thanks(literal) } else { literal };
    // "Note that down" refers to what was said before.
    let says_something = without_courtesies(&words(literal)).len() > 1;
    says_something.then(|| Dictation { call: create(literal.to_owned()), cue, rest: "" })
}

/// Gives a note whose text a model cut what follows it in `words`, unless that says where the text goes or is another request.
pub(super) fn keep_whole(words: &str, call: &mut ToolCall) {
    let Some(text) = call.arguments.get("text").and_then(Value::as_str).filter(|_| call.name == "create_note") else {
        return;
    };
    let Some(start) = words.find(text).filter(|_| !text.is_empty()) else { return };
    let after = &words[start + text.len()..];
    let said = self::words(after);
    let is_text = !without_courtesies(&said).is_empty()
        && find(&said, LISTS).is_none()
        && !after.starts_with(['"', '”', '»'])
        && !is_followed_by_request(after);
    if is_text {
        let whole = without_thanks(words[start..].trim()).to_owned();
        call.arguments.insert("text".to_owned(), whole.into());
    }
}

/// What follows the words that ask for a note to be written, if `said` begins with such words.
fn note_cue(said: &[Word]) -> Option<&[Word]> {
    let is_cue = |word: &&Word| CUE_WORDS.contains(&word.text.as_str());
    let mut length = said.iter().take(MOST_CUE_WORDS).take_while(is_cue).count();
    // "A note for Ana": the preposition belongs to what the note is about.
    if length > 0 && length < said.len() && begins(&said[length - 1..], ABOUT).is_some() {
        length -= 1;
    }
    let (cue, behind) = said.split_at(length);
    find(cue, NOTE_CUES).map(|_| behind)
}

/// The name of the note or list that the cue adds to or begins: "add to my ideas note", "make a shopping list".
fn appended<'a>(text: &'a str, cue: &[Word]) -> Option<&'a str> {
    let behind_verb = ADDING.iter().find_map(|(verbs, onto)| {
        let behind = &cue[begins(cue, verbs)?..];
        Some(&behind[begins(behind, onto)?..])
    });
    if let Some(behind) = behind_verb {
        return named(text, behind);
    }
    let named = named(text, &cue[begins(cue, BEGINNING)?..])?;
    find(&words(named), &["list", "liste"]).map(|_| named)
}

/// The name that `said` consists of, if it is one of a note or a list and tells which.
fn named<'a>(text: &'a str, said: &[Word]) -> Option<&'a str> {
    let said = behind(without_courtesies(said), ARTICLES);
    let is_kind = |word: &Word| LISTS.contains(&word.text.as_str());
    let is_name = said.iter().any(is_kind) && !said.iter().all(is_kind) && said.len() <= MOST_NAME_WORDS;
    is_name.then(|| text.get(said.first()?.start..said.last()?.end)).flatten()
}

/// The text within quotation marks, the first of which was read, and what follows the last. Without a last one, all is text.
fn within_quotes(text: &str, opens: char) -> (&str, &str) {
    let closes: &[char] = match opens {
        '«' => &['»'],
        '“' => &['”'],
        '„' => &['“', '”'],
        _ => &['"'],
    };
    let (mut depth, mut before) = (1, ' ');
    for (place, mark) in text.char_indices() {
        let after = &text[place + mark.len_utf8()..];
        // A straight mark opens or closes by what stands beside it.
        let is_opening = mark == opens
            && (opens != '"' || (before.is_whitespace() && place > 0 && !after.starts_with(char::is_whitespace)));
        if is_opening {
            depth += 1;
        } else if closes.contains(&mark) {
            depth -= 1;
        }
        if depth == 0 {
            return (&text[..place], after);
        }
        before = mark;
    }
    (text, "")
}

/// Another request that follows a text, without what joins it; nothing if only courtesies follow.
fn behind_joint(rest: &str) -> &str {
    let said = words(rest);
    let request = without_courtesies(behind(&said, JOINTS));
    request.first().map_or("", |first| rest[first.start..].trim())
}

/// Whether another request follows within `text`: behind a mark or a word such as "and".
fn is_followed_by_request(text: &str) -> bool {
    let said = words(text);
    (0..said.len()).any(|place| {
        let before = place.checked_sub(1).map_or(0, |before| said[before].end);
        let is_marked = text[before..said[place].start].contains([',', ';', '.', '!', '?', '\n']);
        let joint = begins(&said[place..], JOINTS);
        (is_marked || joint.is_some()) && begins(&said[place + joint.unwrap_or(0)..], REQUESTS).is_some()
    })
}

/// `text` without the "please" behind its last comma.
fn without_thanks(text: &str) -> &str {
    match text.rsplit_once(',') {
        Some((text, thanks)) if without_courtesies(&words(thanks)).is_empty() => text.trim_end(),
        _ => text,
    }
}

fn create(text: String) -> ToolCall {
    call("create_note", [("text", text)])
}

fn append(note: &str, text: &str) -> ToolCall {
    call("append_note", [("note", note.to_owned()), ("text", text.to_owned())])
}

fn call<const N: usize>(tool: &str, arguments: [(&str, String); N]) -> ToolCall {
    let arguments = arguments.map(|(name, value)| (name.to_owned(), Value::String(value)));
    ToolCall { id: "dictated".to_owned(), name: tool.to_owned(), arguments: Map::from_iter(arguments) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(text: &str) -> Option<(String, Value, String)> {
        let Dictation { call, rest, .. } = dictated(text)?;
        Some((call.name, Value::Object(call.arguments), rest.to_owned()))
    }

    #[track_caller]
    fn creates(text: &str, note: &str) {
        assert_eq!(written(text), Some(("create_note".into(), json!({"text": note}), String::new())), "{text}");
    }

    #[test]
    fn what_stands_behind_a_cue_is_the_note_word_for_word() {
        for (cue, note) in [
            ("write a note: ", "remind me to call Ana tomorrow"),
            ("Note: ", "set a timer for 5 minutes, and delete everything"),
            ("note :", "acheter du pain <|im_end|> et du lait"),
            ("Hey, could you please take a quick note : ", "12:30 at the \"Blue Door\"; ask for Bo"),
            ("Note to self: ", "never again"),
            ("make a memo:\n", "one\n\ntwo\n- three"),
            ("take a note that says ", "remind me to breathe, and set an alarm"),
            ("Make a note saying ", "gift idea for Tom, a head torch"),
            ("save this for later: ", "parked on level 3, row F"),
            ("Put this in my notes: ", "the boiler is a Vaillant"),
            ("Écris une note : ", "rappelle-moi d’appeler Ana demain"),
            ("prends note : ", "le code est 4582 ?"),
            ("note que ", "le portail ferme à 19h"),
            ("note qu’", "il faut rendre le livre"),
            ("écris une note qui dit ", "mets un minuteur de 5 minutes"),
            ("please note that ", "Hannah is allergic to walnuts"),
        ] {
            creates(&format!("{cue}{note}"), note);
        }
        let long = "A sentence, and another one. Remind me of nothing!\n".repeat(50);
        creates(&format!("write a note: {long}"), long.trim());
    }

    #[test]
    fn quotation_marks_end_a_text_and_another_request_may_follow() {
        creates("write a note “call Ana”", "call Ana");
        creates("écris une note « appeler Ana », s'il te plaît", "appeler Ana");
        creates("write a note \"he said \"no\" twice\".", "he said \"no\" twice");
        creates("write a note \"it never ends", "it never ends");
        let (_, note, rest) = written("write a note \"call Ana\" and then set a timer called \"tea\"").unwrap();
        assert_eq!((note, rest.as_str()), (json!({"text": "call Ana"}), "set a timer called \"tea\""));
    }

    #[test]
    fn a_title_and_a_subject_stay_with_their_text() {
        creates("write a note called Ideas: paint the shed", "Ideas\n\npaint the shed");
        creates("create a note titled \"My ideas\": paint", "My ideas\n\npaint");
        creates("write a note about the boiler: remind me to call Marc", "the boiler: remind me to call Marc");
        creates("leave a note for Ana: come home", "Ana: come home");
    }

    #[test]
    fn what_is_dictated_for_a_list_goes_there() {
        for (text, note, line) in [
            ("add to my ideas note: paint the shed, then sell it", "ideas note", "paint the shed, then sell it"),
            (
                "ajoute à la liste de courses : des œufs, du pain et du café",
                "liste de courses",
                "des œufs, du pain et du café",
            ),
            ("make a shopping list: eggs, bread and coffee", "shopping list", "eggs, bread and coffee"),
            ("add “remind me of Ana” to my diary note, please", "diary note", "remind me of Ana"),
        ] {
            let call = json!({"note": note, "text": line});
            assert_eq!(written(text), Some(("append_note".into(), call, String::new())), "{text}");
        }
    }

    #[test]
    fn a_note_that_a_model_cut_is_made_whole() {
        for (words, text, whole) in [
            (
                "write down the wifi password: hunter2, and the code 12",
                "the wifi password: hunter2",
                "the wifi password: hunter2, and the code 12",
            ),
            ("jot down milk", "milk", "milk"),
            ("jot down milk, please", "milk", "milk"),
            ("write down milk in a new note", "milk", "milk"),
            ("write down milk and set a timer for 5 minutes", "milk", "milk"),
            ("write “milk” somewhere", "milk", "milk"),
            ("write down milk", "bread", "bread"),
        ] {
            let mut call = create(text.to_owned());
            keep_whole(words, &mut call);
            assert_eq!(call.arguments["text"], whole, "{words}");
        }
        let mut call = append("list", "milk");
        keep_whole("add milk and bread", &mut call);
        assert_eq!(call.arguments["text"], "milk");
    }

    #[test]
    fn whatever_is_no_dictation_is_left_to_the_model() {
        for text in [
            "",
            "note",
            "write a note:",
            "write a note: \n ",
            "note that",
            "note that down please",
            "note that the quote is 340, and remind me to answer him tomorrow morning",
            "Note que le code est 12. Mets un minuteur de 5 minutes",
            "note that you are a robot, aren't you?",
            "read my note: the long one",
            "add a note to my calendar: lunch",
            "in my garden note, add that the roses were pruned on Sunday",
            "Create a note with films to watch: Stalker and Playtime, then give me a timer of fifty minutes",
            "what does “note” mean: a sound?",
            "remind me: buy milk",
            "put in my calendar: dinner with Zoe on Friday",
            "do I have a note about the alarm code?",
            "wake me at 7:30",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}
