//! Signatures that JavaScript is asked about, and where their tokens wait meanwhile.

use std::cell::RefCell;
use std::collections::BTreeMap;

use js_sys::Uint8Array;
use revocable::{Algorithm, Answer, Asking, Question};
use serde::Serialize;
use wasm_bindgen::prelude::*;

/// How many tokens wait at most. A Worker's request may end without coming back for its own; the one that has waited
/// longest goes first.
const MOST_WAITING: usize = 4096;

/// A question in numbers and bytes.
pub(crate) struct Asked<'a> {
    pub(crate) ticket: u32,
    pub(crate) key: u32,
    pub(crate) algorithm: u32,
    pub(crate) signature: &'a [u8],
    pub(crate) signing_input: &'a [u8],
}

/// Tokens by their tickets, which grow.
#[derive(Default)]
struct Waiting {
    next: u32,
    tokens: BTreeMap<u32, Token>,
}

/// A token that waits for its answer.
enum Token {
    /// One that a verifier will go on with.
    OfVerifier(Box<Asking>),
    /// One that a check of `jwtVerify` will.
    OfCheck(Box<Question>),
}

impl Token {
    fn question(&self) -> &Question {
        match self {
            Self::OfVerifier(asking) => asking.question(),
            Self::OfCheck(question) => question,
        }
    }
}

thread_local! {
    static WAITING: RefCell<Waiting> = RefCell::new(Waiting::default());
}

/// The names of the algorithms, which questions know by their index here.
#[wasm_bindgen]
#[must_use]
pub fn algorithms() -> Vec<String> {
    Algorithm::ALL.iter().map(|algorithm| algorithm.name().to_owned()).collect()
}

/// The public key, as JWK, that a waiting token is to be verified with.
#[wasm_bindgen(js_name = questionJwk)]
#[must_use]
pub fn question_jwk(ticket: u32) -> Option<String> {
    WAITING.with_borrow(|waiting| {
        let question = waiting.tokens.get(&ticket)?.question();
        Some(question.key()?.jwk().to_owned())
    })
}

/// Lets a token of a verifier wait and hands `put` its question.
pub(crate) fn ask(asking: Box<Asking>, put: impl FnOnce(&Asked<'_>) -> u32) -> u32 {
    wait(Token::OfVerifier(asking), put)
}

/// Lets a token of a check wait and hands `put` its question.
pub(crate) fn ask_for_check(question: Question, put: impl FnOnce(&Asked<'_>) -> u32) -> u32 {
    wait(Token::OfCheck(Box::new(question)), put)
}

fn wait(token: Token, put: impl FnOnce(&Asked<'_>) -> u32) -> u32 {
    WAITING.with_borrow_mut(|waiting| {
        if waiting.tokens.len() >= MOST_WAITING {
            waiting.tokens.pop_first();
        }
        let ticket = waiting.next;
        waiting.next = ticket.wrapping_add(1);
        let token = waiting.tokens.entry(ticket).insert_entry(token).into_mut();
        put(&in_numbers(ticket, token.question()))
    })
}

/// The token of a verifier that waits under this ticket, once.
pub(crate) fn take(ticket: u32) -> Option<Asking> {
    match WAITING.with_borrow_mut(|waiting| waiting.tokens.remove(&ticket))? {
        Token::OfVerifier(asking) => Some(*asking),
        Token::OfCheck(_) => None,
    }
}

/// The token of a check that waits under this ticket, once.
pub(crate) fn take_of_check(ticket: u32) -> Option<Question> {
    match WAITING.with_borrow_mut(|waiting| waiting.tokens.remove(&ticket))? {
        Token::OfCheck(question) => Some(*question),
        Token::OfVerifier(_) => None,
    }
}

/// JavaScript's answer. Whatever is none of the five is a refusal.
pub(crate) fn answer(number: u32) -> Answer {
    match number {
        0 => Answer::Fits,
        2 => Answer::KeyUnusable,
        3 => Answer::UnknownAlgorithm,
        4 => Answer::Unavailable,
        _ => Answer::DoesNotFit,
    }
}

/// A question as plain data, for where speed does not matter: a `PlainQuestion` of `pkg/ts/core.ts`.
pub(crate) fn plain(question: &Question) -> Result<JsValue, JsValue> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Plain<'a> {
        key_number: u32,
        algorithm: &'static str,
        jwk: &'a str,
        #[serde(with = "serde_wasm_bindgen::preserve")]
        signing_input: JsValue,
        #[serde(with = "serde_wasm_bindgen::preserve")]
        signature: JsValue,
    }
    let Some(key) = question.key() else { return Ok(JsValue::UNDEFINED) };
    Ok(serde_wasm_bindgen::to_value(&Plain {
        key_number: key.number(),
        algorithm: key.algorithm().name(),
        jwk: key.jwk(),
        signing_input: Uint8Array::from(question.signing_input()).into(),
        signature: Uint8Array::from(question.signature()).into(),
    })?)
}

fn in_numbers(ticket: u32, question: &Question) -> Asked<'_> {
    let key = question.key();
    let index = key.and_then(|key| Algorithm::ALL.iter().position(|known| *known == key.algorithm()));
    Asked {
        ticket,
        key: key.map_or(u32::MAX, |key| key.number()),
        algorithm: index.and_then(|index| u32::try_from(index).ok()).unwrap_or(u32::MAX),
        signature: question.signature(),
        signing_input: question.signing_input(),
    }
}
