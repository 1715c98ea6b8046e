//! The fields of a configuration's objects, read strictly: by name, each of one type, and no others.
//!
//! By hand and for one type of document, because that is a tenth of the Wasm that code derived for every structure is.

use serde_json::Value;

use crate::error::Error;
use crate::json::Object;

use super::wrong;

/// The fields of one object. What is said of a wrong one names the field and what was expected, and never repeats what was
/// found: a secret may have been pasted into the wrong place.
pub(super) struct Fields<'a> {
    object: &'a Object,
    /// Where the object is; empty for the document itself.
    path: String,
}

impl<'a> Fields<'a> {
    /// The fields of an object that has no others than `known`.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] when it is something else, or has a field that is unknown.
    pub(super) fn of(value: &'a Value, path: String, known: &[&str]) -> Result<Self, Error> {
        match value {
            Value::Object(object) => Self::of_object(object, path, known),
            _ => Err(wrong(path, "expected an object")),
        }
    }

    /// [`Fields::of`] what is known to be an object.
    pub(super) fn of_object(object: &'a Object, path: String, known: &[&str]) -> Result<Self, Error> {
        let fields = Self { object, path };
        match object.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(fields),
            Some(name) => {
                let expected = known.join("`, `");
                let reason = ["unknown field `", name, "`, expected one of `", &expected, "`"].concat();
                Err(fields.wrong(name, &reason))
            }
        }
    }

    /// Where a field is.
    pub(super) fn path(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { [&self.path, ".", field].concat() }
    }

    /// An error about a field.
    pub(super) fn wrong(&self, field: &str, reason: &str) -> Error {
        wrong(self.path(field), reason)
    }

    /// A field that may be left out. One that is `null` is there: nobody can tell what that was to mean.
    pub(super) fn value(&self, field: &str) -> Option<&'a Value> {
        self.object.get(field)
    }

    /// A field that must be there.
    pub(super) fn required(&self, field: &str) -> Result<&'a Value, Error> {
        self.value(field).ok_or_else(|| wrong(self.path.as_str(), &["missing field `", field, "`"].concat()))
    }

    /// A text that must be there.
    pub(super) fn text(&self, field: &str) -> Result<String, Error> {
        self.required(field)?;
        Ok(self.text_if_any(field)?.unwrap_or_default())
    }

    /// A text.
    pub(super) fn text_if_any(&self, field: &str) -> Result<Option<String>, Error> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(field, "expected a string")),
        }
    }

    /// A list of texts that must be there.
    pub(super) fn texts(&self, field: &str) -> Result<Vec<String>, Error> {
        self.required(field)?;
        Ok(self.texts_if_any(field)?.unwrap_or_default())
    }

    /// A list of texts.
    pub(super) fn texts_if_any(&self, field: &str) -> Result<Option<Vec<String>>, Error> {
        if self.value(field).is_none() {
            return Ok(None);
        }
        let elements = self.list(field)?;
        let mut texts = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            match element {
                Value::String(text) => texts.push(text.clone()),
                _ => return Err(wrong(self.element(field, index), "expected a string")),
            }
        }
        Ok(Some(texts))
    }

    /// A text, or a list of at least one: an empty one would not be looked at, which leaving the field out says more
    /// clearly.
    pub(super) fn one_or_many(&self, field: &str) -> Result<Vec<String>, Error> {
        match self.value(field) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(elements)) if elements.is_empty() => {
                Err(self.wrong(field, "expected a string or a list of at least one"))
            }
            Some(Value::Array(elements)) if elements.iter().all(Value::is_string) => self.texts(field),
            Some(_) => Err(self.wrong(field, "expected a string or a list of strings")),
        }
    }

    /// A whole number of seconds.
    pub(super) fn seconds(&self, field: &str) -> Result<Option<u64>, Error> {
        match self.value(field) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(seconds) => Ok(Some(seconds)),
                None => Err(self.wrong(field, "expected a whole number of seconds")),
            },
        }
    }

    /// Whether something holds; what is assumed where nothing is said.
    pub(super) fn flag(&self, field: &str, default: bool) -> Result<bool, Error> {
        match self.value(field) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(field, "expected a boolean")),
        }
    }

    /// An object whose members are not fields of ours.
    pub(super) fn object(&self, field: &str) -> Result<Option<Object>, Error> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object.clone())),
            Some(_) => Err(self.wrong(field, "expected an object")),
        }
    }

    /// A list that must be there.
    pub(super) fn list(&self, field: &str) -> Result<&'a [Value], Error> {
        match self.required(field)? {
            Value::Array(elements) => Ok(elements),
            _ => Err(self.wrong(field, "expected a list")),
        }
    }

    /// Where an element of a list is.
    pub(super) fn element(&self, field: &str, index: usize) -> String {
        super::element(&self.path(field), index)
    }
}
