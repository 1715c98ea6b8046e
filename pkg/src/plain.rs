//! Plain data into JavaScript, member by member: a library that does it for any structure weighs more than all of these.

use js_sys::{Object, Reflect};
use wasm_bindgen::JsValue;

/// Gives an object of our own a member.
pub(crate) fn set(object: &Object, member: &str, value: impl Into<JsValue>) {
    // Fails for objects that are frozen or proxies alone.
    let _ = Reflect::set(object, &member.into(), &value.into());
}
