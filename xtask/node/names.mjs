// The names that the demo's parties go by, and where the project's files are.
import { fileURLToPath } from "node:url";

/** The project's root folder. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Who signs the tokens. A name; its keys are fetched from where the demo issuer listens. */
export const ISSUER = "https://issuer.example";

/** Who signs the revocation list. */
export const AUTHORITY = "https://authority.example";

/** Whom the tokens are for. */
export const AUDIENCE = "api";

/** How soon a gate looks for a newer manifest, in seconds. Short, so that nobody waits in front of the demo. */
export const TTL = 1;
