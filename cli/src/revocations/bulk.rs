//! Many revocations, from a file of lines.
//!
//! The file is read to its end before anything is sent, into a temporary file of the lines that are sound, so that standard
//! input may be of any size and a wrong line changes nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Lines as TextLines, Seek, Write};
use std::path::Path;

use revocable::publish::Revocation;
use revocable_cli::formats::lines::{Line, Lines};
use revocable_cli::formats::{Tally, WrongLine};
use serde_json::{Value, json};

use super::client::{Ask, Client, Refusal, shown};
use crate::input;
use crate::output::{self, Exit, Failure, Ui};
use crate::progress::Progress;

/// What is to be sent.
pub(super) struct Bulk<'a> {
    pub(super) path: &'a Path,
    pub(super) partial: bool,
    pub(super) reason: Option<&'a str>,
    /// Each part's is made of it.
    pub(super) key: &'a str,
}

/// Lines that are sent together, and where in the input each was.
#[derive(Default)]
struct Part {
    body: Vec<u8>,
    numbers: Vec<u64>,
}

/// What has become of it so far.
#[derive(Default)]
struct Sum {
    seq: Option<u64>,
    recorded: u64,
    refused: u64,
    results: BTreeMap<String, u64>,
    first_wrong: Vec<WrongLine>,
}

impl Bulk<'_> {
    pub(super) fn run(&self, client: &Client, ui: Ui) -> Result<Exit, Failure> {
        let progress = Progress::begin("reading revocations", ui);
        let (spool, tally) = self.read(&progress)?;
        let mut sum = Sum::default();
        let read = tally.read;
        if self.partial {
            sum.refused = tally.wrong;
            sum.first_wrong = tally.first_wrong;
        } else if let Some(failure) = Failure::of_lines(tally) {
            let message = failure.message.replace("nothing was written", "nothing was sent");
            return Err(Failure { message, ..failure });
        }
        progress.stage_of("sending", read);
        let mut parts = Parts { lines: BufReader::new(spool).lines(), left: None };
        let mut number: u64 = 0;
        while let Some(part) = parts.next()? {
            number = number.saturating_add(1);
            self.send(client, &part, number, &mut sum)?;
            progress.advance_by(count(part.numbers.len()));
        }
        drop(progress);
        sum.say(ui)?;
        let Some(failure) = sum.refusals() else { return Ok(Exit::Ok) };
        Err(failure)
    }

    /// The sound lines, each after its number and a space.
    fn read(&self, progress: &Progress) -> Result<(File, Tally), Failure> {
        let reading = |error| Failure::reading(self.path.display(), &error);
        let writing = |error| Failure::writing("a temporary file", &error);
        let lines = progress.watch(input::open(self.path).map_err(reading)?, input::size(self.path));
        let mut lines = Lines::new(BufReader::with_capacity(INPUT_BUFFER, lines));
        let mut spool = BufWriter::new(tempfile::tempfile().map_err(writing)?);
        let mut tally = Tally::default();
        while let Some(Line { number, text }) = lines.next_line().map_err(reading)? {
            match text.map(str::trim) {
                Ok("") => continue,
                Ok(text) => match self.sound(text) {
                    Ok(text) => {
                        writeln!(spool, "{number} {text}").map_err(writing)?;
                        tally.right();
                    }
                    Err(message) => tally.wrong(number, message),
                },
                Err(message) => tally.wrong(number, message),
            }
            progress.advance();
        }
        let mut spool = spool.into_inner().map_err(|error| writing(error.into_error()))?;
        spool.rewind().map_err(writing)?;
        Ok((spool, tally))
    }

    /// A line as it is sent; or what is wrong with it.
    fn sound(&self, text: &str) -> Result<String, String> {
        let Some(mut line) = revocable::read_object(text.as_bytes()) else {
            // The library's words for what is no object, where it has any.
            let error = Revocation::from_json(text).err().map(|error| error.to_string());
            return Err(error.unwrap_or_else(|| "it is no JSON object, or names a member twice".to_owned()));
        };
        let reason = line.remove("reason");
        if reason.as_ref().is_some_and(|reason| !reason.is_string()) {
            return Err("`reason` is no string".to_owned());
        }
        Revocation::from_value(Value::Object(line.clone())).map_err(|error| error.to_string())?;
        match reason.or_else(|| self.reason.map(Value::from)) {
            Some(reason) => {
                line.insert("reason".to_owned(), reason);
                Ok(Value::Object(line).to_string())
            }
            None => Ok(text.to_owned()),
        }
    }

    fn send(&self, client: &Client, part: &Part, number: u64, sum: &mut Sum) -> Result<(), Failure> {
        let path = if self.partial { "admin/revocations?partial" } else { "admin/revocations" };
        let key = format!("{}-{number}", self.key);
        let body = Some(("application/x-ndjson", part.body.as_slice()));
        let ask = Ask { method: "POST", path, body, idempotency_key: Some(&key) };
        match client.ask(&ask) {
            Ok(answer) => {
                sum.take(&answer, part);
                Ok(())
            }
            Err(Refusal { failure, body }) => {
                let (wrong_lines, lines) = body.as_ref().map_or((0, Vec::new()), |body| wrong(body, part));
                let before = match sum.recorded {
                    0 => String::new(),
                    recorded => format!("; {recorded} lines before were recorded"),
                };
                let message = format!("{}{before}", failure.message);
                Err(Failure { message, wrong_lines, lines, ..failure })
            }
        }
    }
}

/// Parts of as many lines as the authority takes at a time.
struct Parts {
    lines: TextLines<BufReader<File>>,
    /// A line for which the part before had no room.
    left: Option<String>,
}

impl Parts {
    fn next(&mut self) -> Result<Option<Part>, Failure> {
        let mut part = Part::default();
        while part.numbers.len() < MOST_LINES {
            let line = self.left.take().map_or_else(|| self.lines.next().transpose(), |line| Ok(Some(line)));
            let line = line.map_err(|error| Failure::reading("a temporary file", &error))?;
            let Some(line) = line else { break };
            let Some((number, text)) = line.split_once(' ') else { continue };
            let room = MOST_BYTES.saturating_sub(part.body.len());
            if text.len() >= room && !part.numbers.is_empty() {
                self.left = Some(line);
                break;
            }
            part.numbers.push(number.parse().unwrap_or(0));
            part.body.extend_from_slice(text.as_bytes());
            part.body.push(b'\n');
        }
        Ok((!part.numbers.is_empty()).then_some(part))
    }
}

impl Sum {
    fn take(&mut self, answer: &Value, part: &Part) {
        let number = |name: &str| answer.get(name).and_then(Value::as_u64);
        self.seq = number("seq").or(self.seq);
        let outcomes = answer.get("outcomes").and_then(Value::as_array);
        let listed = outcomes.map_or(0, |outcomes| count(outcomes.len()));
        self.recorded = self.recorded.saturating_add(number("recorded").unwrap_or(listed));
        for outcome in outcomes.into_iter().flatten() {
            if let Some(result) = outcome.get("result").and_then(Value::as_str) {
                let results = self.results.entry(shown(result)).or_default();
                *results = results.saturating_add(1);
            }
        }
        let (refused, lines) = wrong(answer, part);
        self.refused = self.refused.saturating_add(refused);
        let room = MOST_SHOWN.saturating_sub(self.first_wrong.len());
        self.first_wrong.extend(lines.into_iter().take(room));
    }

    fn say(&self, ui: Ui) -> Result<(), Failure> {
        let Self { seq, recorded, refused, results, .. } = self;
        if ui.json {
            return output::print_json(
                &json!({ "seq": seq, "recorded": recorded, "refused": refused, "results": results }),
            );
        }
        let results: Vec<String> =
            results.iter().map(|(result, times)| format!("{times} {result}")).collect();
        let in_force = seq.map(|seq| format!(", in force with list number {seq}")).unwrap_or_default();
        output::print(&format!(
            "recorded  {recorded}{in_force}\nresults   {}\nrefused   {refused}",
            results.join(", ")
        ))
    }

    /// What is wrong with lines that were left out.
    fn refusals(self) -> Option<Failure> {
        let message = match self.refused {
            0 => return None,
            1 => "1 line was refused; the others are recorded".to_owned(),
            refused => format!("{refused} lines were refused; the others are recorded"),
        };
        let failure = Failure::new(revocable::Code::RevocationInvalid.as_str(), message);
        Some(Failure { wrong_lines: self.refused, lines: self.first_wrong, ..failure })
    }
}

/// How many lines the authority refuses, and the first of them, by their places in the input.
fn wrong(answer: &Value, part: &Part) -> (u64, Vec<WrongLine>) {
    let errors = answer.get("errors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let refused = answer.get("refused").and_then(Value::as_u64).unwrap_or_else(|| count(errors.len()));
    let lines = errors.iter().take(MOST_SHOWN).map(|error| {
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(shown);
        let place = error.get("line").and_then(Value::as_u64).and_then(|line| line.checked_sub(1));
        let line = place.and_then(|place| part.numbers.get(usize::try_from(place).ok()?));
        let reason = text("reason").unwrap_or_else(|| "it is refused".to_owned());
        let message = match text("field") {
            Some(field) if !reason.contains(&format!("`{field}`")) => format!("`{field}`: {reason}"),
            _ => reason,
        };
        WrongLine { line: line.copied().unwrap_or(0), message }
    });
    (refused, lines.collect())
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// What the authority takes in one request, with some room for what is between.
const MOST_LINES: usize = 10_000;
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// As many as a wrong file shows.
const MOST_SHOWN: usize = 10;
const INPUT_BUFFER: usize = 256 * 1024;
