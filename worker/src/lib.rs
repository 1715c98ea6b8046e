//! The gate as a Cloudflare Worker.
//!
//! | path | what |
//! |---|---|
//! | `/_revocable/healthz` | whether it is configured, and how current its snapshot is; always 200 |
//! | `/_revocable/manifest`, `/_revocable/manifest.jwt` | the manifest in force, with ETag |
//! | `/_revocable/segments/<64 hex>` | a segment that it names, cacheable for ever |
//! | `/_revocable/head` | the authority's newest manifest, by number and hash, signed |
//! | `/_revocable/manifests/<seq>` | a manifest by its number, cacheable for ever |
//! | `/_revocable/confirm` | whether targets are revoked, by id: exact answers for readers of a coarse list |
//! | `/_revocable/` | the playground, from the `ASSETS` binding |
//! | everything else | gated, and forwarded to `ORIGIN` |
//!
//! Where state lives: in the isolate, one [`revocable::Gate`] with its keys and its snapshot; in KV, or in a folder that is
//! read over HTTP, the manifest and the segments, which this Worker only reads. Nothing is written.
//!
//! No security decision is made here. The library says which token a request carries, what becomes of it, what is to be
//! read and what is answered; this crate moves the bytes. A promise of one request is never awaited by another, because
//! the runtime ends it with its own request.

mod assets_fetch;
mod authority;
mod confirm_fetch;
mod flight;
mod follow;
mod gate_fetch;
mod head_fetch;
mod healthz_fetch;
mod host;
mod lacking;
mod ledger;
mod log;
mod origin;
mod readers;
mod refresh;
mod reply;
mod signature;
mod snapshot_fetch;
mod source;
mod state;

use revocable::Error;
use worker::{Context, Env, Request, Response, ScheduleContext, ScheduledEvent, event};

const NAMESPACE: &str = "/_revocable/";

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    let path = request.path();
    let origin = request.headers().get("origin")?;
    let ours = path.strip_prefix(NAMESPACE);
    if ours == Some("healthz") {
        return healthz_fetch::healthz(&request, &env);
    }
    if let Err(error) = state::configure(&env) {
        return reply::unconfigured(&error);
    }
    let answer = match ours {
        Some("manifest" | "manifest.jwt") => snapshot_fetch::manifest(&request, &env, &context).await,
        Some("head") => head_fetch::head(&request, &env).await,
        Some("confirm") => confirm_fetch::confirm(&request, &env, &context).await,
        Some(path) => match path.strip_prefix("segments/") {
            Some(name) => snapshot_fetch::segment(&request, &env, &context, name).await,
            None => match path.strip_prefix("manifests/") {
                Some(name) => head_fetch::manifest(&request, &env, &context, name).await,
                None => assets_fetch::asset(&request, &env, path).await,
            },
        },
        None => gate_fetch::gate(request, &env, &context).await,
    };
    // What is left are faults of the platform, such as a binding of another type. They are told to the log alone.
    answer.or_else(|fault| {
        log::fault(&fault);
        reply::refusal(&Error::SourceUnavailable, origin.as_deref())
    })
}

/// The safety net of the ledger's alarm.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    if state::configure(&env).is_ok() && state::with(|gate| gate.authority().is_some()) == Some(true) {
        // What is wrong, the log says.
        let _ = authority::tick(&env).await;
    }
}
