//! A dump of Redis keys with their times to live, a key on a line, white space, and what Redis answered:
//!
//! ```text
//! revoked:4f9e0c7a 3599
//! revoked:81d2b6f0 -1
//! ```
//!
//! The key is everything before the last white space, without the prefix. `-1`, Redis's word for a key that stays, leaves
//! the expiry out, and a line with `-2`, its word for a key that has gone meanwhile, is skipped. `(integer) `, which
//! `redis-cli` puts before numbers on a terminal, may be there.

use std::io::{self, BufRead};

use revocable::UnixTime;

use super::super::Tally;
use super::super::lines::{Line, Lines};
use super::Target;

/// Which command's answers the dump holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `TTL`: seconds from when the dump was made, to the nearest.
    Ttl,
    /// `PTTL`: milliseconds from when the dump was made.
    Pttl,
    /// `EXPIRETIME`: seconds since 1970.
    ExpireTime,
    /// `PEXPIRETIME`: milliseconds since 1970.
    PexpireTime,
}

/// Gives the line of NDJSON of every key to `take`, in order. Blank lines are skipped. `made_by` says, after each
/// line was read, by when it had been made, or later: an entry that stays too long does no harm, and one that goes too early lets
/// a revoked token pass.
///
/// # Errors
/// The reader's, and those of `take`.
pub fn read(
    input: impl BufRead,
    target: &Target,
    prefix: &str,
    answer: Answer,
    mut made_by: impl FnMut() -> UnixTime,
    mut take: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut lines = Lines::new(input);
    while let Some(Line { number, text }) = lines.next_line()? {
        let parsed = match text.map(str::trim_end) {
            Ok("") => continue,
            Ok(text) => parse(text, prefix),
            Err(message) => Err(message),
        };
        match parsed {
            Ok((_, GONE)) => tally.skipped(),
            Ok((jti, left)) => match target.give(jti, expires(left, answer, made_by()), &mut take)? {
                Ok(()) => tally.right(),
                Err(message) => tally.wrong(number, message),
            },
            Err(message) => tally.wrong(number, message),
        }
    }
    Ok(tally)
}

/// The value that the key holds, and Redis's number.
fn parse<'a>(text: &'a str, prefix: &str) -> Result<(&'a str, i64), &'static str> {
    let cut = text.rsplit_once([' ', '\t']);
    let (key, number) = cut.ok_or("it is not a key, a space and a time to live")?;
    let number: i64 = number.parse().map_err(|_| "what stands after its last space is not a time to live")?;
    let key = key.trim_end_matches([' ', '\t']);
    let key = key.strip_suffix("(integer)").map_or(key, |key| key.trim_end_matches([' ', '\t']));
    let value = key.strip_prefix(prefix).ok_or("its key does not begin with the prefix")?;
    if value.is_empty() {
        return Err("its key is nothing but the prefix");
    }
    if number < GONE {
        return Err("no time to live is less than -2");
    }
    Ok((value, number))
}

/// In seconds, rounded up: pruning may come late and never early.
fn expires(number: i64, answer: Answer, made_at: UnixTime) -> Option<u64> {
    let number = u64::try_from(number).ok()?;
    let up = |instant: UnixTime| instant.plus_millis(999).as_seconds();
    Some(match answer {
        // To the nearest second is half a second early at most.
        Answer::Ttl => up(made_at.plus_seconds(number).plus_millis(500)),
        Answer::Pttl => up(made_at.plus_millis(number)),
        Answer::ExpireTime => UnixTime::from_seconds(number).as_seconds(),
        Answer::PexpireTime => up(UnixTime::from_millis(number)),
    })
}

/// What Redis answers of a key that is not there.
const GONE: i64 = -2;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);

    fn run(text: &str, answer: Answer) -> (Vec<String>, Tally) {
        let target = Target { issuer: "https://issuer.example".to_owned(), claim: "jti".to_owned() };
        let mut lines = Vec::new();
        let take = |line: &str| {
            lines.push(line.to_owned());
            Ok(())
        };
        let tally = read(text.as_bytes(), &target, "revoked:", answer, || NOW, take).unwrap();
        (lines, tally)
    }

    fn expiry(answer: Answer, number: &str) -> Option<u64> {
        let (lines, tally) = run(&format!("revoked:a {number}\n"), answer);
        assert_eq!((lines.len(), tally.wrong), (1, 0));
        serde_json::from_str::<serde_json::Value>(&lines[0]).unwrap()["expires"].as_u64()
    }

    #[test]
    fn every_answer_becomes_an_expiry_that_is_never_too_early() {
        assert_eq!(expiry(Answer::Ttl, "60"), Some(1_790_000_061));
        assert_eq!(expiry(Answer::Pttl, "60000"), Some(1_790_000_060));
        assert_eq!(expiry(Answer::Pttl, "60001"), Some(1_790_000_061));
        assert_eq!(expiry(Answer::ExpireTime, "1800000000"), Some(1_800_000_000));
        assert_eq!(expiry(Answer::PexpireTime, "1800000000001"), Some(1_800_000_001));
        assert_eq!(expiry(Answer::PexpireTime, "9223372036854775807"), Some(253_402_300_799));
        for answer in [Answer::Ttl, Answer::Pttl, Answer::ExpireTime, Answer::PexpireTime] {
            assert_eq!(expiry(answer, "-1"), None);
        }
    }

    #[test]
    fn the_key_is_what_stands_before_the_last_space_and_keys_that_have_gone_are_skipped() {
        let (lines, tally) = run("revoked:a b\t5\nrevoked:c -2\n\nrevoked:d (integer) 7\r\n", Answer::Ttl);
        assert_eq!((tally.read, tally.skipped, tally.wrong), (2, 1, 0));
        assert!(lines[0].contains(r#""values":["a b"]"#), "{}", lines[0]);
        assert!(lines[1].contains(r#""values":["d"]"#), "{}", lines[1]);
    }

    #[test]
    fn a_wrong_line_is_counted_with_its_number() {
        let wrong = [
            "revoked:a",
            "5",
            "revoked:a five",
            "revoked: 5",
            "session:a 5",
            "revoked:a -3",
            "revoked:a 1.5",
            "(error) ERR unknown command 'TLL'",
        ];
        let (lines, tally) = run(&format!("revoked:x 1\n{}\n", wrong.join("\n")), Answer::Ttl);
        assert_eq!((lines.len(), tally.wrong), (1, 8));
        let numbers: Vec<u64> = tally.first_wrong.iter().map(|wrong| wrong.line).collect();
        assert_eq!(numbers, [2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn what_redis_answers_later_counts_from_later() {
        let target = Target { issuer: "https://issuer.example".to_owned(), claim: "jti".to_owned() };
        let (mut lines, mut seconds) = (Vec::new(), 0);
        let take = |line: &str| {
            lines.push(line.to_owned());
            Ok(())
        };
        let clock = || {
            seconds += 100;
            NOW.plus_seconds(seconds)
        };
        read(b"a 10000\nb 10000\n".as_slice(), &target, "", Answer::Pttl, clock, take).unwrap();
        assert!(lines[0].contains("1790000110") && lines[1].contains("1790000210"), "{lines:?}");
    }
}
