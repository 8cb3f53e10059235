//! Tells the next event.

use super::find::detailed;
use super::{Upcoming, read};
use crate::data::items;
use crate::icalendar::Series;
use crate::sentences::{MAX_LISTED, Wording};
use crate::{Answer, AppError, Plan, World};
use jiff::Timestamp;

/// How many occurrences of one series may have begun and not ended.
const MAX_UNDER_WAY: usize = 100;

/// What begins next; everything that begins then.
pub(super) fn next(world: &World) -> Result<Plan, AppError> {
    let language = world.language;
    let vdir = read(world)?;
    let mut ahead: Vec<_> = vdir.series().filter_map(|series| ahead(series, world)).collect();
    ahead.sort_by_key(|(starts, _)| *starts);
    let first = ahead.first().map(|(starts, _)| *starts);
    ahead.retain(|(starts, _)| Some(*starts) == first);
    ahead.truncate(MAX_LISTED);
    let mut text = match ahead.len() {
        0 => language.pick("Nothing ahead in your calendar.", "Rien à venir dans votre agenda.").to_owned(),
        _ => ahead.iter().map(|(_, event)| detailed(event, world)).collect::<Vec<_>>().join("\n"),
    };
    text.push_str(&language.broken_files(&vdir.broken));
    let told: Vec<_> = ahead.iter().map(|(_, event)| event.item(world)).collect();
    Ok(Plan::Answer(Answer { text, data: items("events", &told) }))
}

/// The first occurrence that has not begun, and when it does.
fn ahead<'a>(series: Series<'a>, world: &World) -> Option<(Timestamp, Upcoming<'a>)> {
    let (now, zone) = (&world.clock.now, world.clock.now.time_zone());
    let mut occurrence = series.next(now)?;
    for _ in 0..MAX_UNDER_WAY {
        let starts = occurrence.start.instant(zone)?;
        if starts >= *now {
            return Some((starts.timestamp(), Upcoming { series, occurrence, is_over: false }));
        }
        occurrence = series.after(&occurrence)?;
    }
    None
}
