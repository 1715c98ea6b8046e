//! What is revoked, as arguments.

use std::str::FromStr;

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgAction, ArgMatches};
use jiff::Timestamp;
use revocable::UnixTime;
use serde_json::Value;

use crate::output::Failure;

/// Members, separated by commas.
#[derive(Clone, Debug)]
pub(super) struct Members(pub(super) Vec<String>);

impl FromStr for Members {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let members = if text.is_empty() { Vec::new() } else { text.split(',').map(str::to_owned).collect() };
        Ok(Self(members))
    }
}

/// Which tokens: a rule, an issuer and values.
#[derive(clap::Args)]
pub(super) struct Target {
    /// The members that name the target, separated by commas, such as `jti` or `sub,azp`; empty for all of an issuer's tokens
    #[arg(long, value_name = "MEMBER,…")]
    pub(super) rule: Option<Members>,
    /// The token issuer: `iss`, byte for byte
    #[arg(long, value_name = "ISSUER", requires = "rule", value_parser = NonEmptyStringValueParser::new())]
    pub(super) issuer: Option<String>,
    #[command(flatten)]
    pub(super) values: Values,
    /// The claim that must not be lower, of a minimum
    #[arg(long, value_name = "CLAIM", requires = "rule", value_parser = NonEmptyStringValueParser::new())]
    pub(super) claim: Option<String>,
}

/// A target's parts: rule, issuer and values.
pub(super) type Parts = (Vec<String>, String, Vec<Value>);

impl Target {
    /// Whether nothing of it was given but what goes with something else.
    pub(super) fn is_empty(&self) -> bool {
        self.rule.is_none() && self.values.0.is_empty() && self.claim.is_none()
    }

    pub(super) fn parts(&self) -> Result<Parts, Failure> {
        match (&self.rule, &self.issuer) {
            (Some(rule), Some(issuer)) => Ok((rule.0.clone(), issuer.clone(), self.values.0.clone())),
            _ => Err(Failure::usage("--rule and --issuer say which tokens")),
        }
    }
}

/// One value for each member, in the order in which they were typed, whichever of the two options each came by.
#[derive(Clone, Debug, Default)]
pub(super) struct Values(pub(super) Vec<Value>);

impl clap::FromArgMatches for Values {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut found: Vec<(usize, Value)> = Vec::new();
        for option in [VALUE, VALUE_JSON] {
            let indices = matches.indices_of(option).into_iter().flatten();
            let values = matches.get_many::<Value>(option).into_iter().flatten();
            found.extend(indices.zip(values.cloned()));
        }
        found.sort_by_key(|(index, _)| *index);
        Ok(Self(found.into_iter().map(|(_, value)| value).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Values {
    fn augment_args(command: clap::Command) -> clap::Command {
        command
            .arg(
                Arg::new(VALUE)
                    .long("value")
                    .value_name("VALUE")
                    .action(ArgAction::Append)
                    .allow_hyphen_values(true)
                    .value_parser(string)
                    .help("A value, as text; one for each member of --rule, in its order"),
            )
            .arg(
                Arg::new(VALUE_JSON)
                    .long("value-json")
                    .value_name("JSON")
                    .action(ArgAction::Append)
                    .allow_hyphen_values(true)
                    .value_parser(json)
                    .help("A value that is no text: an integer, `true` or `false`"),
            )
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

fn string(text: &str) -> Result<Value, std::convert::Infallible> {
    Ok(Value::from(text))
}

fn json(text: &str) -> Result<Value, &'static str> {
    let value = serde_json::from_str(text).ok();
    value
        .filter(|value: &Value| value.is_i64() || value.is_boolean() || value.is_string())
        .ok_or("expected an integer, `true`, `false` or a JSON string")
}

/// Reads an instant: seconds since 1970, or a date and time with its offset (RFC 3339).
pub(super) fn time(text: &str) -> Result<UnixTime, &'static str> {
    let seconds = text.parse().ok().and_then(UnixTime::from_numeric_date);
    let date =
        || u64::try_from(text.parse::<Timestamp>().ok()?.as_millisecond()).ok().map(UnixTime::from_millis);
    seconds.or_else(date).ok_or("expected seconds since 1970, or a time such as 2026-09-21T14:13:20Z")
}

/// An instant, or the clock's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    Now,
    At(UnixTime),
}

/// Reads an instant, or `now`.
pub(super) fn moment(text: &str) -> Result<Moment, &'static str> {
    if text == "now" { Ok(Moment::Now) } else { time(text).map(Moment::At) }
}

/// Seconds since 1970 as people read them; whatever is none stays as it is.
pub(super) fn date(seconds: &Value) -> String {
    let whole = seconds.as_f64().map(|seconds| seconds.floor());
    let parsed = whole.and_then(|seconds| format!("{seconds}").parse().ok());
    parsed
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map_or_else(|| seconds.to_string(), |instant| instant.to_string())
}

const VALUE: &str = "value";
const VALUE_JSON: &str = "value_json";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        target: Target,
    }

    fn parts(arguments: &[&str]) -> Parts {
        let command = Command::try_parse_from([&["test"], arguments].concat());
        command.unwrap_or_else(|error| panic!("{error}")).target.parts().unwrap()
    }

    #[test]
    fn values_of_both_kinds_keep_the_order_in_which_they_were_typed() {
        let arguments = [
            "--rule",
            "a,b,c,d",
            "--issuer",
            "i",
            "--value-json",
            "-7",
            "--value",
            "7",
            "--value-json",
            "true",
            "--value",
            "-x",
        ];
        let (rule, issuer, values) = parts(&arguments);
        assert_eq!((rule.len(), issuer.as_str()), (4, "i"));
        assert_eq!(values, [json!(-7), json!("7"), json!(true), json!("-x")]);
        assert_eq!(parts(&["--rule", "", "--issuer", "i"]), (vec![], "i".to_owned(), vec![]));
    }

    #[test]
    fn what_names_no_target_is_refused() {
        for wrong in [
            vec!["--issuer", "i"],
            vec!["--rule", "a", "--issuer", ""],
            vec!["--rule", "a", "--issuer", "i", "--value-json", "1.5"],
            vec!["--rule", "a", "--issuer", "i", "--value-json", "null"],
            vec!["--rule", "a", "--issuer", "i", "--value-json", "alice"],
        ] {
            assert!(Command::try_parse_from([vec!["test"], wrong.clone()].concat()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn times_are_seconds_or_dates_with_an_offset() {
        for (text, millis) in [
            ("1790000000", 1_790_000_000_000),
            ("1790000000.5", 1_790_000_000_500),
            ("2026-09-21T14:13:20Z", 1_790_000_000_000),
            ("2026-09-21T16:13:20+02:00", 1_790_000_000_000),
        ] {
            assert_eq!(time(text).map(UnixTime::as_millis), Ok(millis), "{text}");
        }
        for wrong in
            ["", "now", "yesterday", "2026-09-21", "2026-09-21T14:13:20", "-1", "1960-01-01T00:00:00Z", "NaN"]
        {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert!(matches!(moment("now"), Ok(Moment::Now)));
        assert_eq!(date(&json!(1_790_000_000.75)), "2026-09-21T14:13:20Z");
        assert_eq!(date(&json!("soon")), "\"soon\"");
    }
}
