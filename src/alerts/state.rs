//! From what stands now and what stood before to what stands, begins and is over. Pure.
//!
//! An alert is over when it was not seen for a while, so that one that comes and goes begins once;
//! the more often it comes back, the longer that while.

use std::time::Duration;

use time::OffsetDateTime;

use super::Trouble;
use crate::store::AlertRow;

/// An alert that comes back within this is the same trouble again.
const AGAIN: Duration = Duration::from_hours(1);

/// However often it comes back, it is over after so long, or after `calm` where that is longer.
const LONGEST: Duration = Duration::from_hours(1);

/// A row that did not change is written again after so long, so that `seen_at` keeps telling.
const REFRESH: Duration = Duration::from_secs(20);

/// The alerts that are other than before.
pub(super) fn step(
    rows: &[AlertRow],
    troubles: &[Trouble],
    now: OffsetDateTime,
    calm: Duration,
) -> Vec<AlertRow> {
    let row_of = |trouble: &&Trouble| {
        rows.iter().find(|row| row.what == trouble.kind.as_str() && row.about == trouble.about)
    };
    let stands = |row: &&AlertRow| {
        !troubles.iter().any(|it| row.what == it.kind.as_str() && row.about == it.about)
    };
    let on = troubles.iter().filter_map(|trouble| match row_of(&trouble) {
        Some(row) => goes_on(row, trouble, now),
        None => Some(begun(trouble, now, 0)),
    });
    let gone = rows.iter().filter(stands).filter_map(|row| over(row, now, calm));
    on.chain(gone).collect()
}

fn begun(trouble: &Trouble, now: OffsetDateTime, again: i64) -> AlertRow {
    AlertRow {
        what: trouble.kind.as_str().to_owned(),
        about: trouble.about.clone(),
        since: now,
        seen_at: now,
        count: trouble.count,
        detail: trouble.detail.clone(),
        told_at: None,
        ended_at: None,
        end_told_at: None,
        again,
    }
}

/// It is seen (again).
fn goes_on(row: &AlertRow, trouble: &Trouble, now: OffsetDateTime) -> Option<AlertRow> {
    let same = AlertRow {
        seen_at: now,
        count: trouble.count,
        detail: trouble.detail.clone(),
        ..row.clone()
    };
    match (row.ended_at, row.end_told_at) {
        (Some(ended), Some(_)) => {
            let is_again = now - ended < AGAIN;
            Some(begun(trouble, now, if is_again { row.again + 1 } else { 0 }))
        }
        // Its end was not told yet: it goes on.
        (Some(_), None) => Some(AlertRow { ended_at: None, again: row.again + 1, ..same }),
        (None, _) => {
            let changed = row.detail != same.detail || row.count != same.count;
            (changed || now - row.seen_at > REFRESH).then_some(same)
        }
    }
}

/// It is not seen any more: over, when that lasts.
fn over(row: &AlertRow, now: OffsetDateTime, calm: Duration) -> Option<AlertRow> {
    if row.ended_at.is_some() {
        return None;
    }
    let times = 1_u32 << row.again.clamp(0, 10);
    let while_gone = (calm * times).min(LONGEST.max(calm));
    (now - row.seen_at >= while_gone).then(|| AlertRow { ended_at: Some(now), ..row.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sights::Kind;

    const CALM: Duration = Duration::from_mins(5);

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_780_000_000 + seconds).unwrap()
    }

    fn trouble() -> Vec<Trouble> {
        vec![Trouble::new(Kind::BreakerOpen, "action/a".to_owned(), 0, "")]
    }

    fn told(mut row: AlertRow) -> AlertRow {
        row.told_at = Some(row.since);
        row.end_told_at = row.ended_at;
        row
    }

    #[test]
    fn what_comes_and_goes_begins_once_and_ends_once() {
        let mut row = told(step(&[], &trouble(), at(0), CALM).remove(0));
        for minute in 1..60 {
            let seen = if minute % 4 == 0 { trouble() } else { Vec::new() };
            if let Some(next) = step(&[row.clone()], &seen, at(minute * 60), CALM).pop() {
                assert_eq!((next.since, next.ended_at), (at(0), None), "minute {minute}");
                row = next;
            }
        }
        let ended = step(&[row], &[], at(3600 + 300), CALM).remove(0);
        assert_eq!(ended.ended_at, Some(at(3900)));
    }

    #[test]
    fn the_more_often_it_comes_back_the_longer_it_must_be_gone() {
        let mut row = told(step(&[], &trouble(), at(0), CALM).remove(0));
        let mut now = 0;
        for while_gone in [300, 600, 1200, 2400, 3600, 3600] {
            assert!(step(&[row.clone()], &[], at(now + while_gone - 1), CALM).is_empty());
            let ended = told(step(&[row], &[], at(now + while_gone), CALM).remove(0));
            now += while_gone + 60;
            row = told(step(&[ended], &trouble(), at(now), CALM).remove(0));
            assert_eq!(row.since, at(now));
        }
        let ended = told(step(&[row], &[], at(now + 3600), CALM).remove(0));
        let later = step(&[ended], &trouble(), at(now + 3600 + 3600), CALM).remove(0);
        assert_eq!(later.again, 0, "an hour later it is another one");
    }

    #[test]
    fn an_end_that_was_not_told_is_taken_back() {
        let row = told(step(&[], &trouble(), at(0), CALM).remove(0));
        let ended = step(&[row], &[], at(300), CALM).remove(0);
        let on = step(&[ended], &trouble(), at(301), CALM).remove(0);
        assert_eq!((on.since, on.ended_at, on.told_at), (at(0), None, Some(at(0))));
    }
}
