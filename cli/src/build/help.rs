//! What `revocable build --help` says beside the options.

pub(super) const AFTER_HELP: &str = "\
Examples:
  revocable build --input revoked.ndjson --key list.jwk --issuer https://authority.example --out snapshot
  revocable build --input revoked.csv --token-issuer https://issuer.example --key list.jwk \\
      --issuer https://authority.example --previous snapshot --out snapshot
  revocable build --recent --input since.ndjson --key list.jwk --issuer https://authority.example \\
      --previous snapshot --out snapshot

Exit codes:
  0   done
  1   failed, and the snapshot in --out is the one before
  64  the command line is wrong

--help tells how lines are written.";

pub(super) const AFTER_LONG_HELP: &str = "\
Lines of the input, as NDJSON:
  {\"rule\":[\"jti\"],\"issuer\":\"https://issuer.example\",\"values\":[\"t-1\"],\"expires\":1800000000}
      one token, until it expires anyway (an entry without `expires` stays)
  {\"rule\":[\"sub\"],\"issuer\":\"https://issuer.example\",\"values\":[\"alice\"],\"before\":1790000000.5}
      a user's tokens issued before an instant; without `before`, all of them
  {\"rule\":[\"sub\"],\"issuer\":\"https://issuer.example\",\"values\":[\"alice\"],\"claim\":\"pwd_ver\",\"minimum\":7}
      a user's tokens whose `pwd_ver` is lower than 7, missing or no integer
  {\"rule\":[\"sub\",\"azp\"],\"issuer\":\"https://issuer.example\",\"values\":[\"alice\",\"app-1\"]}
      one app of a user
  {\"rule\":[\"@key\"],\"issuer\":\"https://issuer.example\",\"values\":[\"<RFC 7638 SHA-256 thumbprint, base64url>\"]}
      everything that one key signed; takes no `before` and no `minimum`
  {\"rule\":[\"sub\"],\"issuer\":\"https://issuer.example\",\"values\":[\"alice\"],\"undo\":true,\"kind\":\"cutoff\"}
      takes back what was said of that target in that way: `kind` is `outright` (the default), `cutoff`, or `minimum` with
      its `claim`

As CSV, the first line names the columns:
  jti,expires
  t-1,1800000000
      `issuer`, `before`, `expires`, `claim`, `minimum`, `undo` and `kind` are what they are above, and an empty cell leaves
      them out; --token-issuer is the issuer of lines that have none
      every other column is a member of the rule, and holds text, or what `tenant:integer`, `admin:boolean` says; a member
      whose name is one of those above is written `issuer:string`

  The input is the whole list: what is left out of it is no longer revoked. Of two lines that name the same target in the
  same way, the later stands; otherwise the order of lines does not matter. With --recent, the input is what has changed
  since --previous instead: at most 2,048 changes travel in the manifest itself, more become a layer of segments beside
  those before, and when no layer is left, the error says that a full build is due.

The folder:
  The same input, key, --now, --salt and other options make the same bytes. Segments that are there already are left as
  they are, and segments that the new manifest does not name stay: readers of the manifest before still need them. Delete
  them once they have been unreferenced for longer than --valid-for.
  Readers refuse a manifest older than one they have seen. So --out is never taken back to a smaller number, nor to
  another snapshot of the same number, unless --force is given.

Memory:
  The input may be of any size. What is more than --memory goes through a file in --temp-dir that only its owner can read
  and that is gone when the program ends. Beside --memory, some 2 % of the input's entries are held at a time.

Examples:
  revocable build --input revoked.ndjson --key list.jwk --issuer https://authority.example --out snapshot
  revocable build --input revoked.csv --token-issuer https://issuer.example --key list.jwk \\
      --issuer https://authority.example --previous snapshot --out snapshot
  revocable build --recent --input since.ndjson --key list.jwk --issuer https://authority.example \\
      --previous snapshot --out snapshot
  revocable build --input /dev/null --key list.jwk --issuer https://authority.example \\
      --covers https://issuer.example --out snapshot
  revocable build --input revoked.ndjson --key new.jwk --previous-keys list.pub.jwk \\
      --issuer https://authority.example --previous snapshot --out snapshot

Exit codes:
  0   done
  1   failed, and the snapshot in --out is the one before
  64  the command line is wrong";
