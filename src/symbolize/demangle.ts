import {createRequire} from 'node:module'
import * as bindings from 'gecko-profiler-demangle/index_bg.js'
import {FileSource} from '../base/byte-source.ts'
import {GotraceError} from '../base/errors.ts'

/** Itanium C++ and Rust legacy start with _Z, Rust v0 with _R; Mach-O linkers add an underscore. */
const MANGLED = /^_{1,2}(?:Z|R)[A-Za-z0-9_]/
/** Longer names are kept as they are: no compiler's own reach this, and a hostile one must not cost seconds. */
const NAME_LIMIT = 64 * 1024
const CACHE_LIMIT = 1 << 16

/** Turns linkage names into source names. The decoder is loaded at the first mangled name: most Go programs hold none. */
export class Demangler {
  readonly #cache = new Map<string, string>()
  /** null: it could not be loaded, and names stay mangled. */
  #decode: ((name: string) => string) | null | undefined

  /** The source name, or undefined where the name is not mangled or not understood. */
  demangle(name: string): string | undefined {
    if (!MANGLED.test(name) || name.length > NAME_LIMIT) return undefined
    let text = this.#cache.get(name)
    if (text === undefined) {
      if (this.#cache.size >= CACHE_LIMIT) this.#cache.clear()
      text = this.#decodeName(name)
      this.#cache.set(name, text)
    }
    return text === name ? undefined : text
  }

  #decodeName(name: string): string {
    if (this.#decode === undefined) this.#decode = loadDecoder()
    const text = this.#decode?.(name) ?? name
    // what it does not understand it gives back without the first underscore
    return text === '' || text === name.slice(1) ? name : text
  }
}

/**
 * The package's own entry imports a .wasm file, which Node 20 does not do: its parts are put together by hand.
 * null where the file is missing or WebAssembly is switched off.
 */
function loadDecoder(): ((name: string) => string) | null {
  try {
    const path = createRequire(import.meta.url).resolve('gecko-profiler-demangle/index_bg.wasm')
    const file = FileSource.open(path)
    const module = new WebAssembly.Module(Uint8Array.from(file.read(0, file.size)))
    file.close()
    const {exports} = new WebAssembly.Instance(module, {'./index_bg.js': bindings})
    bindings.__wbg_set_wasm(exports)
    const start = exports.__wbindgen_start
    if (typeof start === 'function') start()
    return bindings.demangle_any
  } catch (error) {
    if (isLoadFailure(error)) return null
    throw error
  }
}

function isLoadFailure(error: unknown): boolean {
  if (error instanceof GotraceError || error instanceof WebAssembly.CompileError) return true
  return error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND'
}
