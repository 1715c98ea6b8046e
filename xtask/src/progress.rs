//! Says what is being done, shows that it is still alive, and how long it took.
//!
//! Everything goes to standard error, so that a task's own result is all there is on standard output. A terminal gets
//! one line that is rewritten; anything else, such as a CI log, gets plain lines without control codes.

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How a task reports to whoever started it.
pub(crate) struct Progress {
    verbose: bool,
    terminal: bool,
}

/// What a finished command left behind.
pub(crate) struct Outcome {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Both its streams, in the order in which the lines came.
    pub(crate) output: String,
    /// How long it ran.
    pub(crate) took: Duration,
}

impl Progress {
    /// Reports to standard error; `verbose` shows every tool's output as it comes.
    pub(crate) fn new(verbose: bool) -> Self {
        Self { verbose, terminal: io::stderr().is_terminal() }
    }

    /// One line for the reader.
    pub(crate) fn say(&self, text: &str) {
        eprintln!("{text}");
    }

    /// Runs a command that has to succeed. Its output is shown only if it does not.
    pub(crate) fn run(&self, title: &str, command: &mut Command) -> Result<String> {
        let outcome = self.watch(title, command)?;
        if outcome.status.success() {
            return Ok(outcome.output);
        }
        bail!("{title}: {} ended with {}", command.get_program().display(), outcome.status)
    }

    /// Runs a command to its end, whatever that is. The output of one that failed is shown.
    pub(crate) fn watch(&self, title: &str, command: &mut Command) -> Result<Outcome> {
        let outcome = self.attempt(title, command)?;
        if !outcome.status.success() {
            self.show_failure(title, &outcome);
        }
        Ok(outcome)
    }

    /// Runs a command to its end. If it fails, nothing is said: there may be another way, and the caller knows.
    pub(crate) fn attempt(&self, title: &str, command: &mut Command) -> Result<Outcome> {
        let outcome = self.follow(title, command)?;
        if outcome.status.success() {
            self.say(&format!("ok   {title} ({:.1} s)", outcome.took.as_secs_f64()));
        }
        Ok(outcome)
    }

    /// Shows what a command that failed has said, and that it failed.
    pub(crate) fn show_failure(&self, title: &str, outcome: &Outcome) {
        if !self.verbose {
            eprint!("{}", outcome.output);
        }
        self.say(&format!("FAIL {title} ({:.1} s)", outcome.took.as_secs_f64()));
    }

    /// Collects both streams of a running command and keeps the reader posted.
    fn follow(&self, title: &str, command: &mut Command) -> Result<Outcome> {
        if self.verbose || !self.terminal {
            self.say(&format!("...  {title}"));
        }
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let (sender, lines) = mpsc::channel();
        forward(child.stdout.take(), sender.clone());
        forward(child.stderr.take(), sender);

        let mut output = String::new();
        let mut last = String::new();
        let mut next_sign = ALIVE_AFTER;
        loop {
            match lines.recv_timeout(TICK) {
                Ok(line) => {
                    if self.verbose {
                        eprint!("{line}");
                    }
                    output.push_str(&line);
                    last = line;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if !self.verbose && started.elapsed() >= next_sign {
                self.show_alive(title, started.elapsed(), &last);
                next_sign = started.elapsed().saturating_add(if self.terminal { TICK } else { PLAIN_EVERY });
            }
        }
        let status = child.wait().with_context(|| format!("cannot wait for {title}"))?;
        if self.terminal && !self.verbose {
            eprint!("{CLEAR_LINE}");
        }
        Ok(Outcome { status, output, took: started.elapsed() })
    }

    fn show_alive(&self, title: &str, elapsed: Duration, last: &str) {
        let detail: String = last.trim().chars().filter(|c| !c.is_control()).take(DETAIL_WIDTH).collect();
        let seconds = elapsed.as_secs();
        if self.terminal {
            eprint!("{CLEAR_LINE}...  {title} ({seconds} s) {detail}");
            // A terminal that cannot be flushed only costs this one sign of life.
            let _ = io::stderr().flush();
        } else {
            eprintln!("     {title}: {seconds} s so far; {detail}");
        }
    }
}

/// Sends a stream's lines, so that two streams can be read in the order in which they come.
fn forward(stream: Option<impl Read + Send + 'static>, sender: Sender<String>) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
}

/// A command that runs longer than this shows that it is alive.
const ALIVE_AFTER: Duration = Duration::from_secs(2);
/// How often the line in a terminal is rewritten.
const TICK: Duration = Duration::from_millis(200);
/// How often a log that is not a terminal gets a line.
const PLAIN_EVERY: Duration = Duration::from_secs(15);
/// As much of a tool's latest line as fits beside our own.
const DETAIL_WIDTH: usize = 60;
/// To the first column, then erase to the end of the line.
const CLEAR_LINE: &str = "\r\x1b[K";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_is_an_error_that_names_its_step() {
        let error = Progress::new(false).run("the step", &mut Command::new("false")).unwrap_err();
        assert!(error.to_string().starts_with("the step: false ended with"), "{error}");
    }

    #[test]
    fn both_streams_of_a_command_are_collected() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let outcome = Progress::new(false).watch("both", &mut command).unwrap();
        assert_eq!(outcome.status.code(), Some(3));
        assert!(outcome.output.contains("out\n") && outcome.output.contains("err\n"));
    }
}
