//! Signatures that JavaScript is asked about, and where their tokens wait meanwhile.

use std::cell::RefCell;

use js_sys::{Object, Uint8Array};
use revocable::{Algorithm, Answer, Asking, Question};
use wasm_bindgen::prelude::*;

use crate::plain::set;

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

/// Tokens by their tickets, in the order in which they came, which is nearly the one in which they are taken.
#[derive(Default)]
struct Waiting {
    next: u32,
    tokens: Vec<(u32, Token)>,
}

impl Waiting {
    fn take(&mut self, ticket: u32) -> Option<Token> {
        let (_, token) = self.tokens.remove(self.position(ticket)?);
        Some(token)
    }

    fn position(&self, ticket: u32) -> Option<usize> {
        self.tokens.iter().position(|(waiting, _)| *waiting == ticket)
    }
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
        let (_, token) = waiting.tokens.get(waiting.position(ticket)?)?;
        Some(token.question().key()?.jwk().to_owned())
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
            waiting.tokens.remove(0);
        }
        let ticket = waiting.next;
        waiting.next = ticket.wrapping_add(1);
        let outcome = put(&in_numbers(ticket, token.question()));
        waiting.tokens.push((ticket, token));
        outcome
    })
}

/// The token of a verifier that waits under this ticket, once.
pub(crate) fn take(ticket: u32) -> Option<Asking> {
    match WAITING.with_borrow_mut(|waiting| waiting.take(ticket))? {
        Token::OfVerifier(asking) => Some(*asking),
        Token::OfCheck(_) => None,
    }
}

/// The token of a check that waits under this ticket, once.
pub(crate) fn take_of_check(ticket: u32) -> Option<Question> {
    match WAITING.with_borrow_mut(|waiting| waiting.take(ticket))? {
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
pub(crate) fn plain(question: &Question) -> JsValue {
    let Some(key) = question.key() else { return JsValue::UNDEFINED };
    let plain = Object::new();
    set(&plain, "keyNumber", key.number());
    set(&plain, "algorithm", key.algorithm().name());
    set(&plain, "jwk", key.jwk());
    set(&plain, "signingInput", Uint8Array::from(question.signing_input()));
    set(&plain, "signature", Uint8Array::from(question.signature()));
    plain.into()
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
