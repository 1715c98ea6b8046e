// What programs that use `jose` for verifying look like to the compiler; package.test.mjs has it checked with the import
// changed, too. It is never run.
import * as library from "jose";
import { createLocalJWKSet, createRemoteJWKSet, customFetch, decodeJwt, decodeProtectedHeader, errors, importJWK, importSPKI, importX509, jwksCache, jwtVerify } from "jose";
import type { CompactJWSHeaderParameters, CryptoKey, ExportedJWKSCache, FetchImplementation, FlattenedJWSInput, GetKeyFunction, JSONWebKeySet, JWK, JWKSCacheInput, JWSHeaderParameters, JWTClaimVerificationOptions, JWTHeaderParameters, JWTPayload, JWTVerifyGetKey, JWTVerifyOptions, JWTVerifyResult, KeyImportOptions, KeyObject, LocalJWKSet, ProtectedHeaderParameters, RemoteJWKSet, RemoteJWKSetOptions, ResolvedKey } from "jose";

interface Tenant extends JWTPayload {
  tenant: string;
  roles?: string[];
}
type Session = { user: string; expires: number | undefined };

const claims: JWTClaimVerificationOptions = { issuer: "a", audience: ["b"], clockTolerance: "5 s", maxTokenAge: 60, requiredClaims: ["sub"] };
const options: JWTVerifyOptions = { ...claims, algorithms: ["ES256"], currentDate: new Date(), typ: "at+jwt", crit: { x: true } };
const importOptions: KeyImportOptions = { extractable: false };
const jwk: JWK = { kty: "EC", crv: "P-256", x: "", y: "", kid: "k", alg: "ES256", use: "sig", key_ops: ["verify"] };
const jwks: JSONWebKeySet = { keys: [jwk, { kty: "RSA", n: "", e: "AQAB" }] };

const local: LocalJWKSet = createLocalJWKSet(jwks);
const fetching: FetchImplementation = async (url, { headers, signal, method, redirect }) => fetch(url, { headers, signal, method, redirect });
const kept: JWKSCacheInput = {};
const remoteOptions: RemoteJWKSetOptions = { cacheMaxAge: 60_000, cooldownDuration: 30_000, timeoutDuration: 1000, headers: { a: "b" }, [customFetch]: fetching, [jwksCache]: kept };
const remote: RemoteJWKSet = createRemoteJWKSet(new URL("https://a.example/"), remoteOptions);
const saved: ExportedJWKSCache = { jwks, uat: Date.now() };
console.log(remote.coolingDown, remote.fresh, remote.reloading, remote.jwks()?.keys[0]?.kid, local.jwks().keys.length, saved.uat, kept.uat);
await remote.reload();

export async function session(token: string, key: CryptoKey | Uint8Array): Promise<Session> {
  const { payload, protectedHeader }: JWTVerifyResult = await jwtVerify(token, key, options);
  const header: JWTHeaderParameters = protectedHeader;
  const audiences: string[] = typeof payload.aud === "string" ? [payload.aud] : (payload.aud ?? []);
  console.log(header.alg.length, header.kid?.length, header.crit?.join(), audiences, payload.iss?.length, payload.jti?.length, payload.nbf, payload.iat);
  const role = payload["role"];
  if (typeof role === "string") console.log(role);
  return { user: payload.sub ?? "", expires: payload.exp };
}

const choose: JWTVerifyGetKey = async (header: CompactJWSHeaderParameters, token: FlattenedJWSInput) => (header.kid === "k" ? local(header, token) : remote(header, token));
const chooses: GetKeyFunction<CompactJWSHeaderParameters, FlattenedJWSInput, CryptoKey> = (header, token) => local(header, token);
const either: JWTVerifyGetKey = Math.random() < 0.5 ? local : remote;
const text: string | undefined = (await jwtVerify("a", choose)).payload.sub;
const verified: JWTVerifyResult<Tenant> & ResolvedKey = await jwtVerify<Tenant>("a", remote, options);
const tenant: string = verified.payload.tenant;
const { payload: plain, key } = await jwtVerify<{ tenant: string }>("a", local);
console.log(text, tenant, plain.tenant.length, plain.exp?.toFixed(), plain.sub?.length, key instanceof Uint8Array, await jwtVerify("a", chooses), await jwtVerify("a", either));
const anyKey: CryptoKey | KeyObject | JWK | Uint8Array | undefined = verified.key;
console.log(anyKey, await jwtVerify(new Uint8Array(), new TextEncoder().encode("secret")), await jwtVerify("a", jwk));
const inferred: JWTVerifyResult<Tenant> = await jwtVerify("a", await importSPKI("", "ES256", importOptions));
console.log(inferred.payload.roles?.join());
const keys: CryptoKey[] = [await importX509("", "RS256"), await importSPKI("", "RS256")];
const imported: CryptoKey | Uint8Array = await importJWK(jwk, "ES256");
const secret: Uint8Array = await importJWK({ kty: "oct", k: "" }, "HS256");
const point: CryptoKey = await importJWK({ kty: "OKP", crv: "Ed25519", x: "" }, "EdDSA");
console.log(keys, await jwtVerify("a", imported), secret, point.usages, await library.jwtVerify("a", secret));

const subject: string | undefined = decodeJwt("a").sub;
const decoded: Tenant = decodeJwt<Tenant>("a");
const unverified: ProtectedHeaderParameters = decodeProtectedHeader("a");
const parts: JWSHeaderParameters = unverified;
console.log(subject, decoded.roles, unverified.alg, unverified.kid, parts.typ);

try {
  await jwtVerify("a", local);
} catch (error) {
  if (error instanceof errors.JWTExpired) console.log(error.claim, error.reason, error.payload.sub, error.code);
  else if (error instanceof errors.JWTClaimValidationFailed) console.log(error.claim, error.payload.iss);
  else if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) console.log(error.code);
  else if (error instanceof errors.JWKSMultipleMatchingKeys) for await (const key of error) console.log(key);
  else if (error instanceof errors.JOSEError) console.log(error.message, error.code, errors.JWTInvalid.code);
  const { code } = error as errors.JOSEError;
  console.log(code.length);
}
