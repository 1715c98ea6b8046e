//! The fields of a configuration's objects, read strictly: by name, each of one type, and no others.
//!
//! By hand and for one type of document, because that is a tenth of the Wasm that code derived for every structure is.

use std::cell::Cell;

use serde_json::Value;

#[cfg(doc)]
use crate::error::Error;
use crate::json::Object;

use super::{Wrong, element, member, wrong};

/// The fields of one object. What is said of a wrong one names the field and what was expected, and never repeats what was
/// found: a secret may have been pasted into the wrong place.
pub(crate) struct Fields<'a> {
    object: &'a Object,
    /// Where the object is; empty for the document itself.
    path: String,
    /// The first. What is asked for after it is given as if it had been left out.
    fault: Cell<Option<Wrong>>,
}

impl<'a> Fields<'a> {
    /// What `read` makes of the fields of an object that has no others than `known`.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] when it is something else, has a field that is unknown, or `read` met one that is missing or
    /// wrong.
    pub(crate) fn read<T>(
        value: &'a Value,
        path: String,
        known: &[&str],
        read: impl FnOnce(&Self) -> T,
    ) -> Result<T, Wrong> {
        let Value::Object(object) = value else { return Err(wrong(path, "expected an object")) };
        Self::read_object(object, path, known, read)
    }

    /// [`Fields::read`] for what is known to be an object.
    pub(crate) fn read_object<T>(
        object: &'a Object,
        path: String,
        known: &[&str],
        read: impl FnOnce(&Self) -> T,
    ) -> Result<T, Wrong> {
        let fields = Self { object, path, fault: Cell::new(None) };
        fields.refuse_others_than(known);
        let all = read(&fields);
        match fields.fault.into_inner() {
            None => Ok(all),
            Some(fault) => Err(fault),
        }
    }

    fn refuse_others_than(&self, known: &[&str]) {
        if let Some(name) = self.object.keys().find(|name| !known.contains(&name.as_str())) {
            let known = known.join("`, `");
            self.refuse(name, &["unknown field `", name, "`, expected one of `", &known, "`"].concat());
        }
    }

    /// Says that a field is wrong.
    pub(crate) fn refuse(&self, field: &str, reason: &str) {
        self.fault(wrong(self.path(field), reason));
    }

    fn fault(&self, fault: Wrong) {
        let first = self.fault.take();
        self.fault.set(first.or(Some(fault)));
    }

    /// Where a field is.
    pub(crate) fn path(&self, field: &str) -> String {
        member(&self.path, field)
    }

    /// A field that may be left out. One that is `null` is there: nobody can tell what that was to mean.
    pub(crate) fn value(&self, field: &str) -> Option<&'a Value> {
        self.object.get(field)
    }

    /// A field that must be there.
    pub(crate) fn required(&self, field: &str) -> Option<&'a Value> {
        let value = self.value(field);
        if value.is_none() {
            self.fault(wrong(self.path.as_str(), &["missing field `", field, "`"].concat()));
        }
        value
    }

    /// A text that must be there.
    pub(crate) fn text(&self, field: &str) -> String {
        self.required(field);
        self.text_if_any(field).unwrap_or_default()
    }

    /// A text.
    pub(crate) fn text_if_any(&self, field: &str) -> Option<String> {
        let value = self.value(field)?;
        if !value.is_string() {
            self.refuse(field, "expected a string");
        }
        value.as_str().map(str::to_owned)
    }

    /// A list of texts that must be there.
    pub(crate) fn texts(&self, field: &str) -> Vec<String> {
        self.list(field, |value, path| match value {
            Value::String(text) => Ok(text.clone()),
            _ => Err(wrong(path, "expected a string")),
        })
    }

    /// A list of texts.
    pub(crate) fn texts_if_any(&self, field: &str) -> Option<Vec<String>> {
        self.value(field).map(|_| self.texts(field))
    }

    /// A text, or a list of at least one: an empty one would not be looked at, which leaving the field out says more
    /// clearly.
    pub(crate) fn one_or_many(&self, field: &str) -> Vec<String> {
        match self.value(field) {
            None => Vec::new(),
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(elements)) if !elements.is_empty() && elements.iter().all(Value::is_string) => {
                self.texts(field)
            }
            Some(_) => {
                self.refuse(field, "expected a string or a list of at least one");
                Vec::new()
            }
        }
    }

    /// A whole number of seconds.
    pub(crate) fn seconds(&self, field: &str) -> Option<u64> {
        let value = self.value(field)?;
        if !value.is_u64() {
            self.refuse(field, "expected a whole number of seconds");
        }
        value.as_u64()
    }

    /// A whole number.
    pub(crate) fn whole_number(&self, field: &str) -> Option<u64> {
        let value = self.value(field)?;
        if !value.is_u64() {
            self.refuse(field, "expected a whole number");
        }
        value.as_u64()
    }

    /// Whether something holds; what is assumed where nothing is said.
    pub(crate) fn flag(&self, field: &str, default: bool) -> bool {
        let Some(value) = self.value(field) else { return default };
        if !value.is_boolean() {
            self.refuse(field, "expected a boolean");
        }
        value.as_bool().unwrap_or(default)
    }

    /// An object that must be there, whose members are not fields of ours.
    pub(crate) fn object(&self, field: &str) -> Object {
        self.required(field);
        self.object_if_any(field).unwrap_or_default()
    }

    /// An object whose members are not fields of ours.
    pub(crate) fn object_if_any(&self, field: &str) -> Option<Object> {
        let value = self.value(field)?;
        if !value.is_object() {
            self.refuse(field, "expected an object");
        }
        value.as_object().cloned()
    }

    /// A field for which `read` is told the place.
    pub(crate) fn nested<T>(
        &self,
        field: &str,
        read: impl FnOnce(&'a Value, String) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.keep(read(self.value(field)?, self.path(field)))
    }

    /// A list that must be there, for each of whose elements `read` is told the place.
    pub(crate) fn list<T>(
        &self,
        field: &str,
        read: impl Fn(&'a Value, String) -> Result<T, Wrong>,
    ) -> Vec<T> {
        let Some(value) = self.required(field) else { return Vec::new() };
        if !value.is_array() {
            self.refuse(field, "expected a list");
        }
        let (mut all, path) = (Vec::new(), self.path(field));
        for (index, value) in value.as_array().into_iter().flatten().enumerate() {
            all.extend(self.keep(read(value, element(&path, index))));
        }
        all
    }

    fn keep<T>(&self, read: Result<T, Wrong>) -> Option<T> {
        read.map_err(|fault| self.fault(fault)).ok()
    }
}
