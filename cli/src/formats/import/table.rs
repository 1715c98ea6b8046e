//! A table of token ids and when they expire, as CSV with a header line: what `COPY … TO STDOUT CSV HEADER` and its like
//! print of the table in which revoked tokens are kept. Other columns may be there.
//!
//! Times are seconds or milliseconds since 1970, or dates with a time as RFC 3339, ISO 8601 or PostgreSQL write them, such as
//! `2026-09-21 14:13:20+00`. An empty cell leaves the expiry out.

use std::io::{self, BufRead};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use revocable::UnixTime;

use super::super::Tally;
use super::super::cutter::{Cut, Cutter};
use super::super::lines::{Line, Lines};
use super::Target;

/// Which columns to read, and how.
#[derive(Clone, Debug)]
pub struct Columns {
    /// The column of the ids.
    pub id: String,
    /// The column of the expiries; `None` is the one that is named as people name it.
    pub expires: Option<String>,
    /// Whether there need be no column of expiries.
    pub without_expiry: bool,
    /// Whether numbers are milliseconds.
    pub millis: bool,
    /// Whether a date and time without an offset is one of UTC; without it, it is wrong.
    pub utc: bool,
}

/// Gives the line of NDJSON of every row to `take`, in order. Blank lines are skipped. A header that is wrong is the only
/// line reported.
///
/// # Errors
/// The reader's, and those of `take`.
pub fn read(
    input: impl BufRead,
    target: &Target,
    columns: &Columns,
    mut take: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut lines = Lines::new(input);
    let mut cutter = Cutter::new();
    let mut places = None;
    while let Some(Line { number, text }) = lines.next_line()? {
        let cut = match text {
            Ok("") => continue,
            Ok(text) => cutter.cut(text),
            Err(message) => Err(message.to_owned()),
        };
        let Some(places) = &places else {
            match cut.and_then(|names| Places::new(&names, columns)) {
                Ok(found) => places = Some(found),
                Err(message) => {
                    tally.wrong(number, message);
                    return Ok(tally);
                }
            }
            continue;
        };
        let row = cut.and_then(|cells| places.row(&cells, columns));
        let given = match row {
            Ok((id, expires)) => target.give(id, expires, &mut take)?,
            Err(message) => Err(message),
        };
        match given {
            Ok(()) => tally.right(),
            Err(message) => tally.wrong(number, message),
        }
    }
    if places.is_none() {
        tally.wrong(1, "there is no header line, which names the columns");
    }
    Ok(tally)
}

/// Where a row has what.
struct Places {
    count: usize,
    id: usize,
    expires: Option<usize>,
}

impl Places {
    fn new(names: &Cut<'_>, columns: &Columns) -> Result<Self, String> {
        let names = names.as_slice();
        let place = |wanted: &str| {
            let mut found = names.iter().enumerate().filter(|(_, name)| name.trim() == wanted);
            match (found.next(), found.next()) {
                (Some((place, _)), None) => Ok(Some(place)),
                (None, _) => Ok(None),
                (Some(_), Some(_)) => Err(format!("there are two columns `{wanted}`")),
            }
        };
        let named = |wanted: &str| place(wanted)?.ok_or_else(|| format!("there is no column `{wanted}`"));
        let expires = match &columns.expires {
            Some(name) => Some(named(name)?),
            None => {
                let mut found = None;
                for name in EXPIRY_NAMES {
                    let here = place(name)?;
                    if found.is_some() && here.is_some() {
                        return Err("several columns may be that of the expiry: --expires-column says which"
                            .to_owned());
                    }
                    found = found.or(here);
                }
                found
            }
        };
        if expires.is_none() && !columns.without_expiry {
            return Err("no column is known to be that of the expiry: --expires-column names it, and with \
                        --without-expiry entries stay until they are taken back"
                .to_owned());
        }
        Ok(Self { count: names.len(), id: named(&columns.id)?, expires })
    }

    fn row<'a>(&self, cells: &Cut<'a>, columns: &Columns) -> Result<(&'a str, Option<u64>), String> {
        let cells = cells.as_slice();
        if cells.len() != self.count {
            return Err(format!("it has {} cells, and the header has {}", cells.len(), self.count));
        }
        let cell = |place: usize| cells.get(place).copied().unwrap_or_default();
        let id = cell(self.id);
        if id.is_empty() {
            return Err(format!("its `{}` is empty", columns.id));
        }
        match self.expires.map(cell).map(str::trim) {
            None | Some("") => Ok((id, None)),
            Some(text) => expiry(text, columns).map(|expires| (id, Some(expires))),
        }
    }
}

/// In seconds since 1970, rounded up: pruning may come late and never early.
fn expiry(text: &str, columns: &Columns) -> Result<u64, String> {
    match instant(text, columns)? {
        0 => Err("its expiry is the first second of 1970, which may mean never: leave the cell empty for an entry that stays"
            .to_owned()),
        seconds => Ok(seconds),
    }
}

fn instant(text: &str, columns: &Columns) -> Result<u64, String> {
    if let Ok(number) = text.parse::<f64>() {
        let seconds = if columns.millis { number / 1000.0 } else { number };
        let instant = UnixTime::from_numeric_date(seconds).ok_or_else(|| {
            let hint = if columns.millis { "" } else { " (--millis reads milliseconds)" };
            format!("its expiry is not a time since 1970{hint}")
        })?;
        return Ok(instant.plus_millis(999).as_seconds());
    }
    let instant = match text.parse::<Timestamp>() {
        Ok(instant) => instant,
        Err(_) => {
            let local: DateTime =
                text.parse().map_err(|_| "its expiry is neither a number nor a date and time")?;
            if !columns.utc {
                return Err("its expiry has no offset from UTC: --utc reads such as UTC".to_owned());
            }
            TimeZone::UTC.to_timestamp(local).map_err(|_| "its expiry is out of range")?
        }
    };
    let whole = instant
        .round(TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Ceil))
        .map_err(|_| "its expiry is out of range")?;
    Ok(u64::try_from(whole.as_second()).map_err(|_| "its expiry is before 1970")?)
}

/// What people call it: in RFC 7519, in most schemas, in an ORM's.
const EXPIRY_NAMES: [&str; 6] = ["expires", "exp", "expires_at", "expiresAt", "expiry", "expiration"];

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
        Columns { id: "jti".to_owned(), expires: None, without_expiry: false, millis: false, utc: false }
    }

    fn run(text: &str, columns: &Columns) -> (Vec<String>, Tally) {
        let target = Target { issuer: "https://issuer.example".to_owned(), claim: "jti".to_owned() };
        let mut lines = Vec::new();
        let take = |line: &str| {
            lines.push(line.to_owned());
            Ok(())
        };
        let tally = read(text.as_bytes(), &target, columns, take).unwrap();
        (lines, tally)
    }

    #[test]
    fn an_expiry_of_nought_is_no_time_because_it_may_mean_never() {
        for text in ["0", "0.0", "-0", "00", "1970-01-01T00:00:00Z", "1970-01-01 01:00:00+01"] {
            assert!(
                expiry(text, &columns()).is_err_and(|reason| reason.contains("may mean never")),
                "{text}"
            );
        }
        assert_eq!(expiry("1", &columns()), Ok(1));
    }

    #[test]
    fn times_are_read_as_programs_and_databases_write_them_and_rounded_up() {
        for (text, wanted) in [
            ("1790000000", 1_790_000_000),
            ("1790000000.25", 1_790_000_001),
            ("2026-09-21T14:13:20Z", 1_790_000_000),
            ("2026-09-21T16:13:20.5+02:00", 1_790_000_001),
            ("2026-09-21 14:13:20+00", 1_790_000_000),
            ("2026-09-21 14:13:20.000001+00", 1_790_000_001),
        ] {
            assert_eq!(expiry(text, &columns()), Ok(wanted), "{text}");
        }
        let millis = Columns { millis: true, ..columns() };
        assert_eq!(expiry("1790000000001", &millis), Ok(1_790_000_001));
        let utc = Columns { utc: true, ..columns() };
        assert_eq!(expiry("2026-09-21 14:13:20", &utc), Ok(1_790_000_000));
        assert_eq!(expiry("2026-09-21 16:13:20+02", &utc), Ok(1_790_000_000));
        for wrong in [
            "soon",
            "-1",
            "NaN",
            "inf",
            "1790000000000",
            "2026-09-21 14:13:20",
            "1969-01-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
        ] {
            assert!(expiry(wrong, &columns()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn columns_are_found_by_name_and_others_are_left_alone() {
        let (lines, tally) = run("id,jti,exp\n1,a,5\n2,\"b,c\",\n", &columns());
        assert_eq!((tally.read, tally.wrong), (2, 0));
        assert!(
            lines[0].contains(r#""values":["a"]"#) && lines[0].contains(r#""expires":5"#),
            "{}",
            lines[0]
        );
        assert!(lines[1].contains(r#""values":["b,c"]"#) && !lines[1].contains("expires"), "{}", lines[1]);
        let named = Columns { id: "token".to_owned(), expires: Some("until".to_owned()), ..columns() };
        assert_eq!(run("until,token\n5,a\n", &named).0.len(), 1);
        let without = Columns { without_expiry: true, ..columns() };
        assert_eq!(run("jti\na\n", &without).0.len(), 1);
    }

    #[test]
    fn a_wrong_header_is_the_only_line_reported_and_wrong_rows_each_with_their_number() {
        for header in ["", "id,exp", "jti", "jti,jti,exp", "jti,exp,expires_at"] {
            let (lines, tally) = run(&format!("{header}\na,1\n"), &columns());
            assert_eq!((lines.len(), tally.wrong), (0, 1), "{header}");
        }
        let (lines, tally) = run("jti,exp\n,5\na\nb,soon\nc,5\n\"d,5\n", &columns());
        let numbers: Vec<u64> = tally.first_wrong.iter().map(|wrong| wrong.line).collect();
        assert_eq!((lines.len(), numbers), (1, vec![2, 3, 4, 6]));
    }
}
