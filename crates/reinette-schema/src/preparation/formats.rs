//! Formats of strings: some are held to exactly, and those that the standard does not define are annotations.

/// The calendar's days, leap years included, for years from 0000 to 9999.
macro_rules! date {
    () => {
        concat!(
            r"(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)",
            r"|02-(?:0[1-9]|1[0-9]|2[0-8]))",
            r"|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
        )
    };
}

/// Hours, minutes and seconds (no leap seconds) with an offset.
macro_rules! time {
    () => {
        r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
    };
}

/// A byte in decimal.
macro_rules! byte {
    () => {
        "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    };
}

/// A host's name (RFC 1123), shorter than is allowed; its last label begins with a letter, so that it is no number.
macro_rules! host {
    () => {
        "(?:[A-Za-z0-9]{1,20}(?:-[A-Za-z0-9]{1,20}){0,2}[.]){0,3}[A-Za-z][A-Za-z0-9]{0,20}"
    };
}

/// A mailbox without quotes (RFC 5321), shorter than is allowed, at a host with two labels or more.
macro_rules! email {
    () => {
        concat!(
            "[A-Za-z0-9]{1,20}(?:[._+-][A-Za-z0-9]{1,20}){0,2}@",
            "(?:[A-Za-z0-9]{1,20}(?:-[A-Za-z0-9]{1,20}){0,2}[.]){1,3}[A-Za-z]{2,20}"
        )
    };
}

/// What the parts of an address on the web are made of (RFC 3986).
macro_rules! web {
    ($more:literal) => {
        concat!("(?:[A-Za-z0-9._~", $more, "-]|%[0-9A-Fa-f]{2})*")
    };
}

/// Formats of the standard for which there is no pattern here; a validator may hold to them.
const WITHOUT_PATTERN: [&str; 5] = ["json-pointer", "regex", "relative-json-pointer", "uri-template", "iri-template"];

/// Whether a format says which strings there are.
pub(super) fn is_held_to(format: &str) -> bool {
    pattern(format).is_some() || WITHOUT_PATTERN.contains(&format)
}

/// The pattern of a format, if every string that matches it has the format.
pub(super) fn pattern(format: &str) -> Option<&'static str> {
    Some(match format {
        "date" => concat!("^", date!(), "$"),
        "time" => concat!("^", time!(), "$"),
        "date-time" => concat!("^", date!(), "T", time!(), "$"),
        "duration" => {
            "^P(?:[0-9]{1,4}W|[0-9]{1,4}D(?:T[0-9]{1,4}H(?:[0-9]{1,4}M)?|T[0-9]{1,4}M)?|T(?:[0-9]{1,4}H(?:[0-9]{1,4}M)?|[0-9]{1,4}[MS]))$"
        }
        "hostname" | "idn-hostname" => concat!("^", host!(), "$"),
        "email" | "idn-email" => concat!("^", email!(), "$"),
        "uri" | "uri-reference" | "iri" | "iri-reference" => concat!(
            "^https?://",
            host!(),
            "(?::[0-9]{1,4})?(?:/",
            web!("@:"),
            ")*(?:[?]",
            web!("=&+/"),
            ")?(?:#",
            web!("/"),
            ")?$"
        ),
        "ipv6" => "^(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$",
        "uuid" => "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        "ipv4" => concat!("^(?:", byte!(), r"\.){3}", byte!(), "$"),
        _ => return None,
    })
}
