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
//! | `/_revocable/admin/revocations` | where it is an authority: revocations are added and taken back (POST), and listed (GET) |
//! | `/_revocable/admin/revocations/<seq>` | one is taken back (DELETE) |
//! | `/_revocable/admin/log` | everything that happened, undoings included |
//! | `/_revocable/metrics` | what this isolate and the ledger count, for Prometheus |
//! | `/_revocable/revoke` | a client takes back a token that was issued to it (RFC 7009) |
//! | `/_revocable/introspect` | what a token says, and whether it stands, as the ledger knows it now (RFC 7662) |
//! | `/_revocable/feed` | every change, as it is published: WebSocket or server-sent events |
//! | `/_revocable/logout` | the presented token is taken back, and its session; with `?everywhere` all of its user's |
//! | `/_revocable/events` | a security event: a password was changed, an account disabled, a session ended (RFC 8935) |
//! | `/_revocable/` | the playground, from the `ASSETS` binding |
//! | everything else | gated, and forwarded to `ORIGIN` |
//!
//! Where state lives: in the isolate, one [`revocable::Gate`] with its keys and its snapshot; in KV, or in a folder that is
//! read over HTTP, the manifest and the segments, which this Worker only reads. Nothing is written.
//!
//! No security decision is made here. The library says which token a request carries, what becomes of it, what is to be
//! read and what is answered; this crate moves the bytes. A promise of one request is never awaited by another, because
//! the runtime ends it with its own request.

mod admin;
mod admin_fetch;
mod assets_fetch;
mod authority;
mod confirm_fetch;
mod counters;
mod doors;
mod events_fetch;
mod feed_fetch;
mod flight;
mod follow;
mod gate_fetch;
mod head_fetch;
mod healthz_fetch;
mod host;
mod introspect_fetch;
mod lacking;
mod ledger;
mod log;
mod logout_fetch;
mod metrics_fetch;
mod origin;
mod rate;
mod readers;
mod refresh;
mod reply;
mod revoke_fetch;
mod signature;
mod snapshot_fetch;
mod source;
mod state;
mod verify;

use revocable::Error;
use worker::{Context, Env, Request, Response, ScheduleContext, ScheduledEvent, event};

const NAMESPACE: &str = "/_revocable/";
const ENTRIES: &str = "admin/revocations/";

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
        None => gate_fetch::gate(request, &env, &context).await,
        Some(path) => {
            let answer = endpoint(&request, &env, &context, path).await;
            drain(&request).await;
            answer
        }
    };
    // What is left are faults of the platform, such as a binding of another type. They are told to the log alone.
    answer.or_else(|fault| {
        log::fault(&fault);
        reply::refusal(&Error::SourceUnavailable, origin.as_deref())
    })
}

/// Answers what is asked of this Worker itself.
async fn endpoint(request: &Request, env: &Env, context: &Context, path: &str) -> worker::Result<Response> {
    match path {
        "manifest" | "manifest.jwt" => snapshot_fetch::manifest(request, env, context).await,
        "head" => head_fetch::head(request, env).await,
        "confirm" => confirm_fetch::confirm(request, env, context).await,
        "admin/revocations" => admin_fetch::revocations(request, env).await,
        "admin/log" => admin_fetch::log(request, env).await,
        "metrics" => metrics_fetch::page(request, env).await,
        path if path.starts_with(ENTRIES) => {
            admin_fetch::entry(request, env, path.strip_prefix(ENTRIES).unwrap_or_default()).await
        }
        "revoke" => revoke_fetch::revoke(request, env, context).await,
        "introspect" => introspect_fetch::introspect(request, env, context).await,
        "feed" => feed_fetch::feed(request, env).await,
        "logout" => logout_fetch::logout(request, env, context).await,
        "events" => events_fetch::events(request, env, context).await,
        path => match path.strip_prefix("segments/") {
            Some(name) => snapshot_fetch::segment(request, env, context, name).await,
            None => match path.strip_prefix("manifests/") {
                Some(name) => head_fetch::manifest(request, env, context, name).await,
                None => assets_fetch::asset(request, env, path).await,
            },
        },
    }
}

/// Reads what is left of a body that nobody wanted, if it is short: a connection on which some is left is closed, and the
/// request that comes next on it is lost.
async fn drain(request: &Request) {
    if !request.inner().body_used()
        && let Some(body) = request.inner().body()
    {
        let _ = host::read_body(&body, 0).await;
    }
}

/// The safety net of the ledger's alarm.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    if state::configure(&env).is_ok() && state::with(|gate| gate.authority().is_some()) == Some(true) {
        // What is wrong, the log says.
        let _ = authority::tick(&env).await;
    }
}
