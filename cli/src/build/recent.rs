//! What has changed since the snapshot before.

use revocable::publish::{SigningKey, Terms, Update};
use revocable::{Jwks, Manifest, UnixTime};

use crate::folder::{Folder, sized_names};
use crate::outgoing::Outgoing;
use crate::output::Failure;
use crate::progress::Progress;

use super::gather::Gather;
use super::{Args, INVALID, Made, Previous};

pub(super) fn make(
    args: &Args,
    previous: &Previous,
    (key, keys): (&SigningKey, &Jwks),
    now: UnixTime,
    outgoing: &mut Outgoing<'_>,
    progress: &Progress,
) -> Result<Made, Failure> {
    let Previous { path, text } = previous;
    let about = |error| Failure::about(path.display(), &error);
    let manifest = Manifest::inspect(text, keys).map_err(about)?;
    let mut update = Update::following(text, keys, &args.issuer, now).map_err(about)?;
    args.refuse_to_go_back(keys, Some(&manifest))?;

    let mut gather = Gather::new(manifest.salt());
    let revocations = super::read(args, progress, |item| {
        let (table, record) = gather.record(item)?;
        if let Some(table) = gather.tables.get(table) {
            update.add_record(table, &record)?;
        }
        if update.operations() > MOST_OPERATIONS {
            return Err(Failure::new(
                INVALID,
                "so much has changed that a full build is due: leave out --recent",
            ));
        }
        Ok(())
    })?;
    progress.stage("making segments");
    let update = update.terms(|terms| args.terms(gather.covers.into_iter().fold(terms, Terms::cover)));
    // Where --out is another folder, it gets the segments from before as well.
    let folder = Folder::new(args.previous.as_deref().unwrap_or(&args.out));
    let mut fault = None;
    let finished = update.finish(key, |name| {
        let read = folder.segment(name);
        read.map_err(|failure| fault = Some(failure)).ok()
    });
    let (signed, stored) = match (finished, fault) {
        (Err(_), Some(failure)) => return Err(failure),
        (finished, _) => finished.map_err(due)?,
    };
    let own = Jwks::parse(key.to_public_jwk().as_bytes(), revocable::Secrets::Ignore)?;
    let next = Manifest::inspect(signed.manifest.as_bytes(), &own)?;
    for (name, bytes) in &stored {
        outgoing.segment(*name, bytes)?;
    }
    let is_new = |name| stored.iter().any(|(new, _)| *new == name);
    for (name, length) in sized_names(&next).filter(|(name, _)| !is_new(*name)) {
        if !outgoing.keep(name, length) {
            outgoing.segment(name, &folder.segment(&name)?)?;
        }
        progress.advance();
    }
    Ok(Made { manifest: signed.manifest, revocations, entries: signed.entries, expired: signed.expired })
}

/// What to do about it, where that can be told.
fn due(error: revocable::Error) -> Failure {
    let failure = Failure::from(error);
    if failure.code != INVALID {
        return failure;
    }
    let message = format!("{}; leave out --recent to build the whole list", failure.message);
    Failure { message, ..failure }
}

/// More than a segment may hold.
const MOST_OPERATIONS: usize = 4_000_000;
