//! A reader that keeps up with an authority, against a model of what it may know: random interleavings of publishes, undoings,
//! half-visible stores, outages, clocks that jump, rollbacks, snapshots larger than what may be held, segments read on demand
//! and confirmations.
//!
//! Whatever happens, the reader never goes back, never lets a token pass that is revoked in the newest snapshot it has
//! accepted, refuses none that is not, holds no more than it may, and is well again once its source is. A failing input is
//! kept in `tests/model.regressions`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::{Value as Json, json};

use revocable::publish::{Built, Publisher, Record, Revocation, TableKey, Update, sign_head};
use revocable::{
    Confirmation, Decision, Entry, Error, Heard, Id, Incoming, Jwks, Kind, Lack, Offer, OfferedHead, Policy,
    Remedy, Revocations, Rule, Secrets, SegmentName, UnixTime, Unknown, Urgency, Value, Verifier,
};

use common::*;

/// Bytes of segments that the reader may hold: less than a full build has, and more than one token asks for.
const LIMIT: u64 = 160 * 1024;
/// Tokens nobody asks about, so that there is something to let go of.
const BULK: usize = 30_000;
/// The most that one update adds of them: it is folded.
const BULK_STEP: usize = 2100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// `["jti"]`, outright.
    Token,
    /// `["sub"]`, a cutoff.
    Since,
    /// `["sub"]`, a minimum of `pwd_ver`.
    Version,
}

#[derive(Clone, Debug)]
struct Change {
    what: What,
    /// Which of four targets.
    target: usize,
    /// `None` takes it back.
    value: Option<i64>,
    /// Seconds after the authority's clock.
    expires: Option<u64>,
}

#[derive(Clone, Debug)]
enum Action {
    /// The snapshot after the last: in full, with the exponent of its error and the number of windows, or as what changed.
    Publish { full: Option<(u8, u8)>, changes: Vec<Change>, bulk: bool },
    /// The authority forgets its last snapshot and publishes another under its number.
    Fork(Vec<Change>),
    /// From now on the source has this manifest, counted from the newest, whatever it had before.
    Serve(usize),
    /// From now on the source lacks one in so many segments.
    Hide(Option<u8>),
    /// Whether the source answers.
    Outage(bool),
    /// The reader's clock is so many seconds ahead of the authority's.
    Skew(i64),
    /// Both clocks go on.
    Wait(u64),
    /// Reads the manifest and all segments, and puts them in force.
    Refresh,
    /// Reads the manifest, and keeps what it wants for later.
    Begin,
    /// Reads some of the segments that are wanted, and puts them in force if that is all.
    Go(usize),
    /// Hears the head of a manifest, counted from the newest, as somebody has kept it since it was the newest; where it names a
    /// newer one, has that read, all of it or nothing, and hears it again.
    Head(usize),
    /// Asks about a token until it is decided or its segments are not to be had, with or without the ledger.
    Ask { token: usize, confirm: bool, exact: bool },
    /// Offers what is no good: bytes changed, another's key, a segment that is another.
    Attack(u8),
}

fn what() -> impl Strategy<Value = What> {
    prop::sample::select(vec![What::Token, What::Since, What::Version])
}

fn change() -> impl Strategy<Value = Change> {
    (what(), 0_usize..4, option::weighted(0.7, 0_usize..3), option::weighted(0.3, 10_u64..2000)).prop_map(
        |(what, target, value, expires)| {
            let value = value.map(|nth| match what {
                What::Token => 0,
                What::Since => (SINCE[nth] * 1000).cast_signed(),
                What::Version => [2, 4, 6][nth],
            });
            Change { what, target, value, expires: expires.filter(|_| value.is_some()) }
        },
    )
}

/// Between the instants at which tokens were issued.
const SINCE: [u64; 3] = [SECONDS - 50_000, SECONDS - 60, SECONDS - 20];
const ISSUED: [u64; 3] = [SECONDS - 100_000, SECONDS - 100, SECONDS - 40];

fn action() -> impl Strategy<Value = Action> {
    let full = (prop::sample::select(vec![12_u8, 30, 50, 50]), prop::sample::select(vec![1_u8, 1, 4]));
    prop_oneof![
        4 => (option::weighted(0.25, full), vec(change(), 0..6), prop::bool::weighted(0.2))
            .prop_map(|(full, changes, bulk)| Action::Publish { full, changes, bulk }),
        1 => vec(change(), 1..4).prop_map(Action::Fork),
        2 => (0_usize..4).prop_map(Action::Serve),
        1 => option::of(1_u8..4).prop_map(Action::Hide),
        1 => any::<bool>().prop_map(Action::Outage),
        1 => (0_i64..4000).prop_map(Action::Skew),
        2 => (1_u64..900).prop_map(Action::Wait),
        5 => Just(Action::Refresh),
        3 => Just(Action::Begin),
        3 => (0_usize..9).prop_map(Action::Go),
        4 => prop::sample::select(vec![0_usize, 0, 0, 1, 2]).prop_map(Action::Head),
        6 => (0_usize..TOKENS, any::<bool>(), any::<bool>())
            .prop_map(|(token, confirm, exact)| Action::Ask { token, confirm, exact }),
        2 => (0_u8..5).prop_map(Action::Attack),
    ]
}

/// What stands after all that was said.
#[derive(Clone, Debug, Default)]
struct State {
    said: BTreeMap<(What, usize), Said>,
    /// How many of the bulk are revoked.
    bulk: usize,
}

#[derive(Clone, Copy, Debug)]
struct Said {
    value: i64,
    expires: Option<UnixTime>,
}

/// A manifest that the authority signed.
struct Published {
    built: Built,
    state: State,
    at: UnixTime,
}

struct World {
    now: UnixTime,
    skew: i64,
    state: State,
    published: Vec<Published>,
    /// Every segment that was ever stored.
    store: HashMap<SegmentName, Vec<u8>>,
    served: usize,
    hidden: Option<u8>,
    outage: bool,
    reader: Verifier,
    incoming: Option<(Box<Incoming>, BTreeSet<SegmentName>)>,
    newest_seq: u64,
    /// Since the clock was last set: whether the list was compared with a head then, and by when that had been asked for.
    heard: Option<UnixTime>,
}

impl World {
    fn new() -> Self {
        let mut reader = build(&config_with(json!({ "requireClaims": [] }))).unwrap();
        let lists = reader.revocations_mut().unwrap();
        *lists = std::mem::replace(lists, Revocations::new(Vec::new())).resident_limit(LIMIT);
        let mut world = Self {
            now: NOW,
            skew: 0,
            state: State { bulk: BULK, ..State::default() },
            published: Vec::new(),
            store: HashMap::new(),
            served: 0,
            hidden: None,
            outage: false,
            reader,
            incoming: None,
            newest_seq: 0,
            heard: None,
        };
        let first = publisher(&[]).seq(1);
        world.full(first, (50, 1));
        world
    }

    fn reader_now(&self) -> UnixTime {
        UnixTime::from_millis(self.now.as_millis().saturating_add_signed(self.skew * 1000))
    }

    fn lists(&mut self) -> &mut Revocations {
        self.reader.revocations_mut().unwrap()
    }

    fn say(&mut self, changes: &[Change]) {
        for Change { what, target, value, expires } in changes {
            match value {
                None => self.state.said.remove(&(*what, *target)),
                Some(value) => {
                    let expires = expires.map(|seconds| self.now.plus_seconds(seconds));
                    self.state.said.insert((*what, *target), Said { value: *value, expires })
                }
            };
        }
    }

    fn full(&mut self, publisher: Publisher, (bits, windows): (u8, u8)) {
        let mut publisher = publisher
            .epsilon(format!("2^-{bits}").parse().unwrap())
            .valid_for(3000)
            // Coarse ones large enough to be ribbons.
            .terms(|terms| terms.max_segment(if bits < 30 { 1 << 16 } else { 4096 }).expiry_windows(windows));
        for ((what, target), said) in &self.state.said {
            publisher.add(&line(*what, *target, Some((said.value, said.expires))));
        }
        publisher.add_records(table(What::Token), bulk()[..self.state.bulk].iter().copied());
        self.publish(publisher.finish(&authority_key()).unwrap());
    }

    fn publish(&mut self, built: Built) {
        self.store.extend(built.segments.iter().cloned());
        self.published.push(Published { built, state: self.state.clone(), at: self.now });
        self.served = self.published.len() - 1;
    }

    /// The snapshot after the last; in full where it has to be.
    fn next(&mut self, full: Option<(u8, u8)>, changes: &[Change], more: bool) {
        self.say(changes);
        let before = self.state.bulk;
        if more {
            self.state.bulk = bulk().len().min(before + BULK_STEP);
        }
        let previous = self.published.last().unwrap().built.manifest.clone();
        let following = || Publisher::following(previous.as_bytes(), &authority_key(), AUTHORITY, self.now);
        // One token asks for every layer, and all of them have to fit.
        let full = full.or((more && self.layers() > 2).then_some((50, 1)));
        if let Some(full) = full {
            let publisher = following().unwrap();
            return self.full(publisher, full);
        }
        let keys = Jwks::parse(authority_key().to_public_jwk().as_bytes(), Secrets::Ignore).unwrap();
        let mut update = Update::following(previous.as_bytes(), &keys, AUTHORITY, self.now)
            .unwrap()
            .terms(|terms| terms.valid_for(3000));
        for Change { what, target, value, expires } in changes {
            let expires = expires.map(|seconds| self.now.plus_seconds(seconds));
            update.add(&line(*what, *target, value.map(|value| (value, expires)))).unwrap();
        }
        for record in &bulk()[before..self.state.bulk] {
            update.add_record(&table(What::Token), record).unwrap();
        }
        match update.finish(&authority_key(), |name| self.store.get(name).cloned()) {
            Ok((signed, segments)) => {
                let mut built = self.published.last().unwrap().built.clone();
                (built.manifest, built.segments, built.seq) = (signed.manifest, segments, signed.seq);
                self.publish(built);
            }
            Err(Error::RevocationInvalid(reason)) if reason.contains("full build") => {
                let publisher = following().unwrap();
                self.full(publisher, (50, 1));
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// How many times the tokens' operations were folded since the last full build.
    fn layers(&self) -> usize {
        let manifest = self.published.last().unwrap().built.manifest.as_bytes();
        let keys = Jwks::parse(authority_key().to_public_jwk().as_bytes(), Secrets::Ignore).unwrap();
        let manifest = revocable::Manifest::inspect(manifest, &keys).unwrap();
        let of_tokens =
            manifest.segments().iter().filter(|one| manifest.tables()[one.table].kind == Kind::Outright);
        of_tokens.filter(|one| one.range.bits == 0).count()
    }

    /// What the source has of a segment now.
    fn read(&self, name: &SegmentName) -> Option<Vec<u8>> {
        let hidden = self.hidden.is_some_and(|nth| name.as_bytes()[0].is_multiple_of(nth + 1));
        if self.outage || hidden { None } else { self.store.get(name).cloned() }
    }

    fn begin(&mut self) -> Result<(), Error> {
        if self.outage {
            let now = self.reader_now();
            self.reader.fail(Remedy::Snapshot, now);
            return Ok(());
        }
        let manifest = self.published[self.served].built.manifest.clone();
        let now = self.reader_now();
        self.reader.begin(Remedy::Snapshot, now);
        let held: BTreeSet<SegmentName> = self.held().into_keys().collect();
        match self.lists().offer(manifest.as_bytes(), now)? {
            Offer::Unchanged => {}
            Offer::Newer(incoming) => {
                let names = incoming.manifest().segments().iter();
                let names = names.flat_map(|one| [Some(one.name), one.exact.map(|exact| exact.name)]);
                let shared = names.flatten().filter(|name| held.contains(name)).collect();
                self.incoming = Some((incoming, shared));
            }
        }
        Ok(())
    }

    fn head(&mut self, back: usize) {
        let newest = self.published.len() - 1;
        let nth = newest.saturating_sub(back);
        let built = self.published[nth].built.clone();
        let manifest = built.manifest.as_bytes();
        // When it was the newest for the last time.
        let asked = if nth == newest { self.now } else { self.published[nth + 1].at };
        let hash = *SegmentName::of(manifest).as_bytes();
        let head = sign_head(&authority_key(), AUTHORITY, built.seq, hash, asked);
        let OfferedHead::Authentic(head) = self.lists().start_head(head.as_bytes()).unwrap() else {
            panic!("the engine is at hand")
        };
        let (now, skew) = (self.reader_now(), self.skew * 1000);
        let asked_at = UnixTime::from_millis(asked.as_millis().saturating_add_signed(skew));
        let Ok(head) = head.read(now) else { return };
        let before = self.lists().info(now).map_or(0, |info| info.seq);
        let mut heard = self.lists().heard(&head, asked_at, now);
        if let Ok(Heard::Newer(wanted)) = heard {
            assert!(wanted.seq == built.seq && wanted.seq > before);
            wanted.admit(manifest).unwrap();
            self.served = nth;
            if self.begin().is_err() {
                return;
            }
            self.go(usize::MAX);
            heard = self.lists().heard(&head, asked_at, now);
        }
        match heard {
            Ok(Heard::Current) => {
                assert_eq!(self.lists().snapshot().unwrap().manifest().text(), manifest);
                self.heard = self.heard.max(Some(asked_at));
            }
            Ok(Heard::Older) => assert!(self.lists().info(now).unwrap().seq > built.seq),
            Ok(Heard::Newer(_)) | Err(Error::ManifestConflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }

    /// Nothing passes by a list that has not been compared since; and of what was published before that, all is known.
    fn check_heard(&mut self) {
        let now = self.reader_now();
        let Some(since) = self.heard else { return };
        if self.lists().wanted(now) == Urgency::Now {
            return;
        }
        let seq = self.lists().info(now).unwrap().seq;
        let before =
            |one: &&Published| one.at.as_millis().saturating_add_signed(self.skew * 1000) < since.as_millis();
        assert!(self.published.iter().filter(before).all(|one| one.built.seq <= seq));
        let text = tokens()[0].text(now);
        let under = |since: UnixTime| {
            let policy = Policy::default().heard_since(since);
            let decision = self.reader.verify_under(&policy, &text, now);
            (
                outcome(&decision),
                self.reader.remedy_under(&policy, &text, &decision, now) == Some(Remedy::Head),
            )
        };
        let (known, late) = (outcome(&self.reader.verify(&text, now)), under(since.plus_millis(1)));
        assert_eq!(under(since), (known.clone(), false), "it has been compared since");
        assert!(late.1, "it has not, and should be");
        assert!(late.0 != "allow" && (known == "allow" || late.0 == known), "{late:?}: {known}");
    }

    fn go(&mut self, most: usize) {
        let Some((mut incoming, mut gathered)) = self.incoming.take() else { return };
        for name in incoming.missing().into_iter().take(most) {
            if let Some(bytes) = self.read(&name) {
                incoming.supply(bytes).unwrap();
                gathered.insert(name);
            }
        }
        if !incoming.missing().is_empty() {
            self.incoming = Some((incoming, gathered));
            return;
        }
        let now = self.reader_now();
        let seq = incoming.manifest().seq();
        match self.lists().accept(*incoming, now) {
            Ok(()) => assert!(seq >= self.newest_seq),
            Err(
                Error::ManifestRollback { .. } | Error::ManifestConflict { .. } | Error::ManifestInvalid(_),
            ) => {}
            Err(other) => panic!("{other}"),
        }
    }

    /// Asks; gives what is lacking, as far as it is to be had; and asks again.
    fn ask(&mut self, token: usize, confirm: bool, exact: bool) -> Decision {
        let text = tokens()[token].text(self.reader_now());
        for _ in 0..8 {
            let now = self.reader_now();
            let decision = self.reader.verify(&text, now);
            if self.reader.remedy(&text, &decision, now) != Some(Remedy::Lacking) {
                return decision;
            }
            let mut given = false;
            for lack in decision.lacking() {
                given |= match lack {
                    Lack::Segment { name, .. } => self.supply(name),
                    Lack::Confirmation(hit) => match hit.exact.filter(|_| exact) {
                        Some(exact) => self.supply(&exact.name),
                        None if confirm => {
                            self.confirm(hit);
                            true
                        }
                        None => false,
                    },
                };
            }
            if !given {
                return decision;
            }
        }
        panic!("what is lacking was given eight times, and the token is not decided");
    }

    fn supply(&mut self, name: &SegmentName) -> bool {
        let Some(bytes) = self.read(name) else { return false };
        let digest = SegmentName::of(&bytes);
        self.lists().supply(*name, digest, bytes).unwrap();
        self.bounds();
        true
    }

    /// As the ledger would, of the snapshot that is in force.
    fn confirm(&mut self, hit: &Confirmation) {
        let Some((state, _)) = self.accepted() else { panic!("a hit of no snapshot") };
        let manifest = self.reader.revocations().unwrap().snapshot().unwrap().manifest();
        let target = manifest.target(hit).unwrap();
        let what = match target.kind {
            Kind::Cutoff => What::Since,
            Kind::Minimum => What::Version,
            _ => What::Token,
        };
        let said = (0..4).filter_map(|nth| Some((id_of(what, nth), state.said.get(&(what, nth))?)));
        let mut answer =
            said.filter(|(id, _)| *id == target.id).map(|(_, said)| entry(what, said.value)).next();
        if what == What::Token && bulk()[..state.bulk].iter().any(|record| record.id() == target.id) {
            answer = Some(Entry::Outright);
        }
        self.lists().confirm(hit, answer);
    }

    fn attack(&mut self, how: u8) {
        let now = self.reader_now();
        let published = &self.published[self.served];
        let manifest = published.built.manifest.clone();
        match how {
            0 => {
                let mut changed = manifest.into_bytes();
                let at = changed.len() / 2;
                changed[at] ^= 1;
                assert!(self.lists().offer(&changed, now).is_err());
            }
            1 => {
                let theirs = publisher(&[]).seq(1 << 40);
                let theirs = theirs.finish(&revocable::publish::SigningKey::from_seed([8; 32])).unwrap();
                assert!(matches!(offer(self.lists(), &theirs, now), Err(Error::ManifestUntrusted(_))));
            }
            2 => {
                // One that has expired.
                let old = Publisher::new(AUTHORITY, SALT, NOW.minus_seconds(9000)).cover(ISSUER).seq(1 << 40);
                let old = old.valid_for(60).finish(&authority_key()).unwrap();
                assert!(matches!(offer(self.lists(), &old, now), Err(Error::ManifestInvalid(_))));
            }
            3 => {
                let names: Vec<SegmentName> = self.store.keys().copied().collect();
                let other = vec![0; 64];
                let (wanted, digest) = (names[0], SegmentName::of(&other));
                assert_eq!(self.lists().supply(wanted, digest, other), Err(Error::SegmentHashMismatch));
            }
            _ => {
                if let Some((incoming, _)) = &mut self.incoming {
                    assert_eq!(incoming.supply(vec![7; 100]), Err(Error::SegmentHashMismatch));
                }
            }
        }
    }

    /// The state that the snapshot in force was made of, and when.
    fn accepted(&self) -> Option<(State, UnixTime)> {
        let text = self.reader.revocations().unwrap().snapshot()?.manifest().text().to_vec();
        let published = self.published.iter().find(|one| one.built.manifest.as_bytes() == text).unwrap();
        Some((published.state.clone(), published.at))
    }

    fn held(&self) -> BTreeMap<SegmentName, u64> {
        let Some(snapshot) = self.reader.revocations().unwrap().snapshot() else { return BTreeMap::new() };
        let held = self.store.keys().filter_map(|name| Some((*name, snapshot.segment(name)?.len() as u64)));
        held.collect()
    }

    /// Never back, and no more than may be held.
    fn bounds(&mut self) {
        let now = self.reader_now();
        let seq = self.reader.revocations().unwrap().info(now).map_or(0, |info| info.seq);
        assert!(seq >= self.newest_seq, "{seq} after {}", self.newest_seq);
        self.newest_seq = seq;
        let mut held = self.held();
        let mut limit = LIMIT;
        if let Some((incoming, gathered)) = &self.incoming {
            limit += LIMIT / 4;
            held.extend(gathered.iter().map(|name| (*name, self.store[name].len() as u64)));
            // Room is made for all that is wanted before it comes.
            held.extend(incoming.missing().into_iter().map(|name| (name, incoming.length(&name).unwrap())));
        }
        let bytes: u64 = held.values().sum();
        assert!(bytes <= limit, "{bytes} of {limit} bytes are held");
    }

    fn check(&mut self) {
        self.check_heard();
        self.bounds();
        let now = self.reader_now();
        let urgency = self.reader.revocations().unwrap().wanted(now);
        let Some((state, at)) = self.accepted() else {
            assert_eq!(urgency, Urgency::Now);
            let decision = self.reader.verify(&tokens()[0].text(now), now);
            assert_eq!(decision.error(), Some(&Error::RevocationUnavailable(Unknown::NoSnapshot)));
            return;
        };
        let has_expired = now >= at.plus_seconds(3000);
        assert_eq!(urgency == Urgency::Now, has_expired);
        for token in tokens() {
            let decision = self.reader.verify(&token.text(now), now);
            token.holds(&decision, &state, at, has_expired);
        }
    }

    /// The source is well, the clocks are right, and the authority has published what it has to say.
    fn heal(&mut self) {
        (self.skew, self.hidden, self.outage, self.incoming) = (0, None, false, None);
        // Two, because a reader that has seen a number that the authority forgot takes no other that follows it.
        self.next(None, &[], false);
        self.now = self.now.plus_seconds(30);
        self.next(None, &[], false);
        self.now = self.now.plus_seconds(30);
        self.begin().unwrap();
        self.go(usize::MAX);
        assert_eq!(self.reader.revocations().unwrap().wanted(self.now), Urgency::No);
        self.heard = None;
        self.head(0);
        assert_eq!(self.heard, Some(self.now));
        let newest = self.published.last().unwrap().built.manifest.clone();
        assert_eq!(
            self.reader.revocations().unwrap().snapshot().unwrap().manifest().text(),
            newest.as_bytes()
        );
        for (nth, token) in tokens().iter().enumerate() {
            let decision = self.ask(nth, nth % 2 == 0, nth % 3 != 0);
            let (state, at) = self.accepted().unwrap();
            token.holds(&decision, &state, at, false);
            if nth % 2 == 0 || nth % 3 != 0 {
                assert!(decision.lacking().is_empty(), "{decision:?}");
            }
        }
        self.check();
    }
}

/// A token that is good but for the lists.
struct Token {
    jti: usize,
    sub: usize,
    iat: u64,
    version: Option<i64>,
}

const TOKENS: usize = 12;

fn tokens() -> &'static [Token] {
    static KEPT: OnceLock<Vec<Token>> = OnceLock::new();
    KEPT.get_or_init(|| {
        let of = |nth: usize| Token {
            jti: nth % 4,
            sub: nth / 3,
            iat: ISSUED[nth % 3],
            version: [None, Some(1), Some(3), Some(5), Some(7)][nth % 5],
        };
        (0..TOKENS).map(of).collect()
    })
}

impl Token {
    fn text(&self, now: UnixTime) -> String {
        let mut claims = json!({
            "iss": ISSUER, "jti": format!("j-{}", self.jti), "sub": format!("u-{}", self.sub), "iat": self.iat,
            "exp": now.as_seconds() + 600,
        });
        if let Some(version) = self.version {
            claims["pwd_ver"] = json!(version);
        }
        hs256(claims)
    }

    /// Whether it is revoked by what stands, and whether that must be known at the time of publishing.
    fn revoked(&self, state: &State, at: UnixTime) -> (bool, bool) {
        let applies = |(what, target): (&What, usize), said: &Said| match what {
            What::Token => target == self.jti,
            What::Since => target == self.sub && ((self.iat * 1000).cast_signed()) < said.value,
            What::Version => target == self.sub && self.version.is_none_or(|version| version < said.value),
        };
        let hits = || state.said.iter().filter(|((what, target), said)| applies((what, *target), said));
        let lives = |said: &Said| said.expires.is_none_or(|expires| at < expires.plus_seconds(300));
        (hits().next().is_some(), hits().any(|(_, said)| lives(said)))
    }

    fn holds(&self, decision: &Decision, state: &State, at: UnixTime, has_expired: bool) {
        let (may, must) = self.revoked(state, at);
        let context = || format!("{:?} of {state:?}", (self.jti, self.sub, self.iat, self.version));
        match decision {
            Decision::Allow(_) => assert!(!must && !has_expired, "passes: {}", context()),
            Decision::Deny(refused) => {
                assert!(matches!(refused.error, Error::Revoked { .. }), "{}", refused.error);
                assert!(may && !has_expired, "refused: {}", context());
            }
            Decision::Unavailable(refused) => {
                let Error::RevocationUnavailable(why) = refused.error else { panic!("{}", refused.error) };
                assert_eq!(why == Unknown::TooOld, has_expired, "{why}");
                let is_partial = matches!(why, Unknown::SegmentMissing | Unknown::NeedsConfirmation);
                assert_eq!(is_partial, !refused.lacking.is_empty(), "{why}: {}", context());
            }
        }
    }
}

fn table(what: What) -> TableKey {
    let (member, kind, claim) = match what {
        What::Token => ("jti", Kind::Outright, None),
        What::Since => ("sub", Kind::Cutoff, None),
        What::Version => ("sub", Kind::Minimum, Some("pwd_ver".to_owned())),
    };
    TableKey::new(Rule::new([member]).unwrap(), kind, claim).unwrap()
}

fn line(what: What, target: usize, said: Option<(i64, Option<UnixTime>)>) -> Revocation {
    let mut line = match what {
        What::Token => outright(&["jti"], json!([format!("j-{target}")])),
        _ => outright(&["sub"], json!([format!("u-{target}")])),
    };
    let set = |line: &mut Json, name: &str, value: Json| line[name] = value;
    match (what, said) {
        (What::Token, Some(_)) => {}
        (What::Since, Some((value, _))) => set(&mut line, "before", json!(value / 1000)),
        (What::Version, Some((value, _))) => set(&mut line, "minimum", json!(value)),
        (what, None) => {
            set(&mut line, "undo", json!(true));
            set(&mut line, "kind", json!(table(what).kind().name()));
        }
    }
    if what == What::Version {
        set(&mut line, "claim", json!("pwd_ver"));
    }
    if let Some((_, Some(expires))) = said {
        set(&mut line, "expires", json!(expires.as_seconds()));
    }
    Revocation::from_json(&line.to_string()).unwrap()
}

fn id_of(what: What, target: usize) -> Id {
    line(what, target, Some((1000, None))).id(SALT)
}

fn entry(what: What, value: i64) -> Entry {
    match what {
        What::Token => Entry::Outright,
        What::Since => Entry::Cutoff(revocable::Cutoff::from_millis(value.cast_unsigned()).unwrap()),
        What::Version => Entry::Minimum(value),
    }
}

fn bulk() -> &'static [Record] {
    static KEPT: OnceLock<Vec<Record>> = OnceLock::new();
    KEPT.get_or_init(|| {
        let prefix = revocable::IdPrefix::new(SALT, &Rule::new(["jti"]).unwrap(), ISSUER);
        let id = |n: usize| prefix.id([Value::Text(&format!("bulk-{n}"))]);
        (0..BULK + 9 * BULK_STEP).map(|n| Record::entry(id(n), 0, None)).collect()
    })
}

fn run(actions: &[Action]) {
    let mut world = World::new();
    for action in actions {
        match action {
            Action::Publish { full, changes, bulk } => world.next(*full, changes, *bulk),
            Action::Fork(changes) => {
                if world.published.len() > 1 {
                    // The next follows the one before the last.
                    let last = world.published.pop().unwrap();
                    world.state = world.published.last().unwrap().state.clone();
                    world.next(None, changes, false);
                    let fork = world.published.pop().unwrap();
                    world.published.extend([last, fork]);
                    world.served = world.published.len() - 1;
                }
            }
            Action::Serve(back) => world.served = (world.published.len() - 1).saturating_sub(*back),
            Action::Hide(hidden) => world.hidden = *hidden,
            Action::Outage(outage) => world.outage = *outage,
            Action::Skew(skew) => {
                if world.skew != *skew {
                    // What was heard by another clock is no measure: nothing is said of it until the next.
                    (world.skew, world.heard) = (*skew, None);
                }
            }
            Action::Wait(seconds) => world.now = world.now.plus_seconds(*seconds),
            Action::Begin => {
                let _ = world.begin();
            }
            Action::Refresh => {
                if world.begin().is_ok() {
                    world.go(usize::MAX);
                }
            }
            Action::Go(most) => world.go(*most),
            Action::Head(back) => world.head(*back),
            Action::Ask { token, confirm, exact } => {
                let decision = world.ask(*token, *confirm, *exact);
                if let Some((state, at)) = world.accepted() {
                    let has_expired = world.reader_now() >= at.plus_seconds(3000);
                    tokens()[*token].holds(&decision, &state, at, has_expired);
                }
            }
            Action::Attack(how) => world.attack(*how),
        }
        world.check();
    }
    world.heal();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/model.regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_a_reader_never_goes_back_lets_nothing_revoked_pass_and_heals(
        actions in vec(action(), 1..40),
    ) {
        run(&actions);
    }
}

#[test]
fn the_snapshots_of_the_model_are_larger_than_what_the_reader_may_hold() {
    let mut world = World::new();
    let bytes: u64 = world.store.values().map(|bytes| bytes.len() as u64).sum();
    assert!(bytes > LIMIT && world.store.len() > 16, "{bytes} in {}", world.store.len());
    world.begin().unwrap();
    world.go(usize::MAX);
    assert!(world.held().is_empty(), "nothing was asked for yet");
    for n in 0..400 {
        let name = format!("bulk-{n}");
        let token = hs256(json!({ "iss": ISSUER, "jti": name, "exp": SECONDS + 600 }));
        let mut decision = world.reader.verify(&token, NOW);
        for lack in decision.lacking() {
            let Lack::Segment { name, .. } = lack else { panic!("{lack:?}") };
            world.supply(name);
        }
        decision = world.reader.verify(&token, NOW);
        assert_eq!(outcome(&decision), "deny ERR_JWT_REVOKED");
    }
    let held: u64 = world.held().values().sum();
    assert!(held > LIMIT - 8192 && held <= LIMIT, "{held}");
    // A full build of other bytes: what is in use is read again, within what may be held.
    world.next(Some((50, 4)), &[], true);
    world.begin().unwrap();
    let (incoming, _) = world.incoming.as_ref().unwrap();
    assert!(incoming.missing().len() > 8);
    world.check();
    world.go(usize::MAX);
    world.check();
    assert!(!world.held().is_empty());
}
