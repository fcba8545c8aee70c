declare module 'gecko-profiler-demangle/index_bg.js' {
  export function __wbg_set_wasm(exports: WebAssembly.Exports): void
  export function demangle_any(name: string): string
}

/** The part of the WebAssembly interface that is used: TypeScript declares it for browsers alone. */
declare namespace WebAssembly {
  type Exports = Readonly<Record<string, unknown>>
  class CompileError extends Error {}
  class Module {
    constructor(bytes: Uint8Array)
  }
  class Instance {
    constructor(module: Module, imports: Record<string, unknown>)
    readonly exports: Exports
  }
}
