//! Revocations as CSV (RFC 4180), a header line first, one revocation on a line.
//!
//! | column | what |
//! |---|---|
//! | `issuer` | the token issuer; where there is no such column or its cell is empty, the one given beside the file |
//! | `before`, `expires`, `claim`, `minimum`, `undo`, `kind` | as in [`Revocation::from_json`]; an empty cell leaves it out |
//! | any other | a member of the rule, which all lines have in common: text, or after `:integer` and `:boolean` that. `:string` makes a member of a name that means something else, such as `issuer:string` |
//!
//! A line is a line: a quoted cell may hold commas and quotes, and no line break.

use std::io::{self, BufRead};

use revocable::limits::{MAX_RULE_MEMBERS, MAX_SAFE_INTEGER, MAX_TARGET_VALUE_BYTES, MAX_UNIX_SECONDS};
use revocable::publish::Revocation;
use revocable::{Cutoff, Rule, UnixTime, Value};
use serde_json::{Map, Number, Value as Json};

use super::cutter::{Cut, Cutter};
use super::lines::{Line, Lines};
use super::{Item, Tally, reason};

/// Gives every revocation to `take`, in order. Blank lines are skipped. A header that is wrong is the only line reported.
///
/// # Errors
/// The reader's, and those of `take`.
pub fn read(
    input: impl BufRead,
    token_issuer: Option<&str>,
    mut take: impl FnMut(Item<'_>) -> io::Result<()>,
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut lines = Lines::new(input);
    let mut cutter = Cutter::new();
    let Some(columns) = header(&mut lines, &mut cutter, token_issuer, &mut tally)? else { return Ok(tally) };
    while let Some(Line { number, text }) = lines.next_line()? {
        let cut = match text {
            Ok("") => continue,
            Ok(text) => cutter.cut(text),
            Err(message) => Err(message.to_owned()),
        };
        let mut values = [Value::Boolean(false); MAX_RULE_MEMBERS];
        match cut.and_then(|cut| columns.item(&cut, &mut values)) {
            Ok(item) => {
                take(item)?;
                tally.right();
            }
            Err(message) => tally.wrong(number, message),
        }
    }
    Ok(tally)
}

fn header(
    lines: &mut Lines<impl BufRead>,
    cutter: &mut Cutter,
    token_issuer: Option<&str>,
    tally: &mut Tally,
) -> io::Result<Option<Columns>> {
    while let Some(Line { number, text }) = lines.next_line()? {
        let columns = match text {
            Ok("") => continue,
            Ok(text) => cutter.cut(text).and_then(|names| Columns::new(names.as_slice(), token_issuer)),
            Err(message) => Err(message.to_owned()),
        };
        return Ok(columns.map_err(|message| tally.wrong(number, message)).ok());
    }
    tally.wrong(1, "there is no header line, which names the columns");
    Ok(None)
}

/// What the header says.
struct Columns {
    columns: Vec<Column>,
    rule: Rule,
    /// The rule's members as the header has them.
    members: Vec<String>,
    token_issuer: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Issuer,
    Before,
    Expires,
    Claim,
    Minimum,
    Undo,
    Kind,
    /// A member of the rule: where among the rule's members it is, and what type its values have.
    Member(usize, Type),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    String,
    Integer,
    Boolean,
}

/// The cells of one line.
#[derive(Default)]
struct Cells<'a> {
    issuer: &'a str,
    before: &'a str,
    expires: &'a str,
    /// Those that few files have.
    rare: [(&'static str, &'a str); 4],
}

impl Columns {
    fn new(names: &[&str], token_issuer: Option<&str>) -> Result<Self, String> {
        let mut columns = Vec::with_capacity(names.len());
        let mut members = Vec::new();
        for name in names {
            if name.is_empty() || name.trim() != *name {
                return Err("a column has no name, or one that begins or ends with a space".to_owned());
            }
            let column = match Column::reserved(name) {
                Some(column) => column,
                None => {
                    let (member, kind) = Type::of(name);
                    if members.iter().any(|earlier| earlier == member) {
                        return Err(format!("there are two columns `{member}`"));
                    }
                    members.push(member.to_owned());
                    Column::Member(members.len().saturating_sub(1), kind)
                }
            };
            if columns.contains(&column) {
                // A reserved one.
                return Err(format!("there are two columns `{name}`"));
            }
            columns.push(column);
        }
        if token_issuer.is_none() && !columns.contains(&Column::Issuer) {
            return Err("there is no column `issuer`, and --token-issuer names none".to_owned());
        }
        let rule = Rule::new(members.iter().cloned()).map_err(reason)?;
        for column in &mut columns {
            if let Column::Member(place, _) = column {
                let name = members.get(*place).map(String::as_str);
                let sorted = rule.members().iter().position(|member| Some(member.as_str()) == name);
                *place = sorted.unwrap_or(usize::MAX);
            }
        }
        Ok(Self { columns, rule, members, token_issuer: token_issuer.map(str::to_owned) })
    }

    /// The revocation in these cells. `values` holds its values where it is a plain one.
    fn item<'a>(
        &'a self,
        cut: &Cut<'a>,
        values: &'a mut [Value<'a>; MAX_RULE_MEMBERS],
    ) -> Result<Item<'a>, String> {
        let cells = cut.as_slice();
        if cells.len() != self.columns.len() {
            return Err(format!("it has {} cells, and the header has {}", cells.len(), self.columns.len()));
        }
        let mut read = Cells { issuer: self.token_issuer.as_deref().unwrap_or_default(), ..Cells::default() };
        for (column, cell) in self.columns.iter().zip(cells) {
            match column {
                Column::Issuer if cell.is_empty() => {}
                Column::Issuer => read.issuer = cell,
                Column::Before => read.before = cell,
                Column::Expires => read.expires = cell,
                Column::Claim => read.rare[0] = ("claim", cell),
                Column::Minimum => read.rare[1] = ("minimum", cell),
                Column::Undo => read.rare[2] = ("undo", cell),
                Column::Kind => read.rare[3] = ("kind", cell),
                Column::Member(place, kind) => {
                    let value = kind.read(cell);
                    let value = value.map_err(|what| format!("its `{}` {what}", self.name(*place)))?;
                    if let Some(slot) = values.get_mut(*place) {
                        *slot = value;
                    }
                }
            }
        }
        let values = values.get(..self.members.len()).unwrap_or_default();
        match self.plain(&read, values) {
            Some(item) => Ok(item),
            None => self.whole(&read, values).map(Item::Whole),
        }
    }

    /// What nearly every line is. Anything that is out of the ordinary is for the library to read.
    fn plain<'a>(&'a self, cells: &Cells<'a>, values: &'a [Value<'a>]) -> Option<Item<'a>> {
        let Cells { issuer, before, expires, rare } = cells;
        if rare.iter().any(|(_, cell)| !cell.is_empty())
            || issuer.is_empty()
            || issuer.len() > MAX_TARGET_VALUE_BYTES
            || (self.rule.names_key() && !before.is_empty())
        {
            return None;
        }
        let before = match before.is_empty() {
            true => None,
            false => Some(Cutoff::from_millis(whole_seconds(before)?.checked_mul(1000)?)?),
        };
        let expires = match expires.is_empty() {
            true => None,
            false => Some(UnixTime::from_seconds(whole_seconds(expires)?)),
        };
        Some(Item::Plain { rule: &self.rule, issuer, values, before, expires })
    }

    fn whole(&self, cells: &Cells<'_>, values: &[Value<'_>]) -> Result<Revocation, String> {
        let mut object = Map::new();
        let members = self.rule.members().iter().map(|member| Json::from(member.as_str()));
        object.insert("rule".to_owned(), members.collect());
        object.insert("issuer".to_owned(), cells.issuer.into());
        let values = values.iter().map(|value| match value {
            Value::Text(text) => Json::from(*text),
            Value::Integer(integer) => Json::from(*integer),
            Value::Boolean(boolean) => Json::from(*boolean),
        });
        object.insert("values".to_owned(), values.collect());
        let [claim, minimum, undo, kind] = cells.rare;
        for (name, cell) in [("before", cells.before), ("expires", cells.expires), minimum] {
            if !cell.is_empty() {
                let number: Result<Number, _> = serde_json::from_str(cell);
                let number = number.map_err(|_| format!("its `{name}` is not a number"))?;
                object.insert(name.to_owned(), number.into());
            }
        }
        for (name, cell) in [claim, kind] {
            if !cell.is_empty() {
                object.insert(name.to_owned(), cell.into());
            }
        }
        match undo.1 {
            "" | "false" => {}
            "true" => drop(object.insert("undo".to_owned(), true.into())),
            _ => return Err("its `undo` is not `true`, `false` or empty".to_owned()),
        }
        Revocation::from_json(&Json::Object(object).to_string()).map_err(reason)
    }

    fn name(&self, place: usize) -> &str {
        self.rule.members().get(place).map_or("", revocable::Member::as_str)
    }
}

impl Column {
    fn reserved(name: &str) -> Option<Self> {
        Some(match name {
            "issuer" => Self::Issuer,
            "before" => Self::Before,
            "expires" => Self::Expires,
            "claim" => Self::Claim,
            "minimum" => Self::Minimum,
            "undo" => Self::Undo,
            "kind" => Self::Kind,
            _ => return None,
        })
    }
}

impl Type {
    fn of(name: &str) -> (&str, Self) {
        match name.rsplit_once(':') {
            Some((member, "integer")) => (member, Self::Integer),
            Some((member, "boolean")) => (member, Self::Boolean),
            Some((member, "string")) => (member, Self::String),
            _ => (name, Self::String),
        }
    }

    fn read(self, cell: &str) -> Result<Value<'_>, &'static str> {
        match self {
            _ if cell.is_empty() => Err("is empty"),
            Self::String if cell.len() > MAX_TARGET_VALUE_BYTES => Err("is too long"),
            Self::String => Ok(Value::Text(cell)),
            Self::Integer => integer(cell).map(Value::Integer).ok_or("is not an integer below 2^53"),
            Self::Boolean => cell.parse().map(Value::Boolean).map_err(|_| "is not `true` or `false`"),
        }
    }
}

/// An integer as JSON has it.
fn integer(cell: &str) -> Option<i64> {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    if cell.starts_with('+') || (digits.starts_with('0') && cell != "0") {
        return None;
    }
    cell.parse().ok().filter(|integer| (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(integer))
}

/// A time in whole seconds, as nearly every file has it.
fn whole_seconds(cell: &str) -> Option<u64> {
    let seconds = cell.bytes().try_fold(0_u64, |sum, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(digit.into())
    })?;
    let leading_zero = cell.starts_with('0') && cell.len() > 1;
    (seconds <= MAX_UNIX_SECONDS && !leading_zero).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://issuer.example";

    /// Every revocation as it was read, and the wrong lines.
    fn read_all(text: &str) -> (Vec<String>, Vec<String>) {
        let mut items = Vec::new();
        let take = |item: Item<'_>| {
            items.push(match item {
                Item::Plain { rule, issuer, values, before, expires } => {
                    let before = before.map(Cutoff::as_millis);
                    let expires = expires.map(UnixTime::as_millis);
                    format!("{rule} {issuer} {values:?} {before:?} {expires:?}")
                }
                Item::Whole(revocation) => format!("{revocation:?}"),
            });
            Ok(())
        };
        let tally = read(text.as_bytes(), Some(ISSUER), take).unwrap();
        assert_eq!(usize::try_from(tally.read).unwrap(), items.len());
        let wrong = tally.first_wrong.iter().map(|wrong| format!("{}: {}", wrong.line, wrong.message));
        (items, wrong.collect())
    }

    #[test]
    fn plain_lines_are_read_in_parts_whatever_the_order_of_the_columns() {
        let (items, wrong) =
            read_all("sub,expires,azp,before\nalice,1800000000,\"a,\"\"1\"\"\",\n\nbob,,b,5\n");
        assert_eq!(wrong, [""; 0]);
        assert_eq!(
            items,
            [
                r#"["azp","sub"] https://issuer.example [Text("a,\"1\""), Text("alice")] None Some(1800000000000)"#,
                r#"["azp","sub"] https://issuer.example [Text("b"), Text("bob")] Some(5000) None"#,
            ]
        );
    }

    #[test]
    fn members_have_the_types_that_the_header_gives_and_reserved_names_can_be_members() {
        let (items, wrong) =
            read_all("issuer,issuer:string,n:integer,b:boolean\n,x,-7,true\nhttps://o.example,y,0,false\n");
        assert_eq!(wrong, [""; 0]);
        assert!(
            items[0].ends_with(r#"issuer.example [Boolean(true), Text("x"), Integer(-7)] None None"#),
            "{}",
            items[0]
        );
        assert!(items[1].contains("https://o.example"), "{}", items[1]);
    }

    #[test]
    fn a_wrong_line_is_counted_with_its_number_and_the_next_is_read() {
        let cases = [
            ("a,1", "2 cells, and the header has 3"),
            ("\"a,1,", "does not end on its line"),
            (",1,", "`jti` is empty"),
            ("a,07,", "`n` is not an integer"),
            ("a,+7,", "`n` is not an integer"),
            ("a,9007199254740992,", "`n` is not an integer"),
            ("a,1,soon", "`expires` is not a number"),
            ("a,1,-1", "`expires`"),
            ("a,1,253402300800", "`expires`"),
        ];
        for (line, reason) in cases {
            let (items, wrong) = read_all(&format!("jti,n:integer,expires\n{line}\nb,1,1.5\n"));
            assert_eq!((items.len(), wrong.len()), (1, 1), "{line}");
            assert!(wrong[0].starts_with("2: ") && wrong[0].contains(reason), "{line}: {}", wrong[0]);
        }
    }

    #[test]
    fn a_wrong_header_is_the_only_line_reported() {
        for (text, reason) in [
            ("", "1: there is no header"),
            ("\n\n", "1: there is no header"),
            ("jti,jti\nx\ny\n", "1: there are two columns `jti`"),
            ("jti, expires\nx\n", "1: a column has no name"),
            ("jti,\nx\n", "1: a column has no name"),
            ("\n@kid\nx\n", "2: a rule's member begins with `@`"),
            ("jti,jti:integer\nx\n", "1: there are two columns `jti"),
            ("1,2,3,4,5,6,7,8,9\nx\n", "1: a rule has too many members"),
            ("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\nx\n", "1: it has more than 15 cells"),
        ] {
            let (items, wrong) = read_all(text);
            assert!(items.is_empty() && wrong.len() == 1, "{text}: {wrong:?}");
            assert!(wrong[0].starts_with(reason), "{text}: {}", wrong[0]);
        }
    }
}
