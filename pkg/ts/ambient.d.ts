// What the entries use of their runtimes, so that no runtime's whole set of types is needed to build them.

declare module "node:fs/promises" {
  export function readFile(path: URL): Promise<Uint8Array<ArrayBuffer>>;
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare const WorkerGlobalScope: unknown;
