// What the entries use of their runtimes, so that no runtime's whole set of types is needed to build them.

declare module "node:fs/promises" {
  export function readFile(path: URL): Promise<Uint8Array<ArrayBuffer>>;
  export function open(path: string): Promise<{
    stat(): Promise<{ size: number }>;
    read(into: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
    close(): Promise<void>;
  }>;
}

declare module "node:path" {
  export function join(...parts: string[]): string;
}

declare module "node:url" {
  export function fileURLToPath(url: URL): string;
}

declare module "node:fs" {
  export function readFileSync(path: URL): Uint8Array<ArrayBuffer>;
}

declare module "node:crypto" {
  export function createPublicKey(key: { key: object; format: "jwk" }): object;
  export function verify(hash: string | null, data: Uint8Array, key: { key: object }, signature: Uint8Array): boolean;
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare const WorkerGlobalScope: unknown;
