import {createRequire} from 'node:module'
import {FileSource} from '../base/byte-source.ts'
import {GotraceError} from '../base/errors.ts'

/** Itanium C++ and Rust legacy start with _Z, Rust v0 with _R; Mach-O linkers add an underscore. */
const MANGLED = /^_{1,2}(?:Z|R)[A-Za-z0-9_]/
/** Marks of a compiler's clones, which no demangler knows: `.cold`, `.constprop.0`, `.isra.1`. */
const CLONES = /(?:\.[a-z_]+(?:\.\d+)*)+$/
/** Longer names are kept as they are: no compiler's own reach this, and a hostile one must not cost seconds. */
const NAME_LIMIT = 16 * 1024
const CACHE_LIMIT = 2 ** 16

/** Turns linkage names into source names. The decoder is loaded at the first mangled name: most Go programs hold none. */
export class Demangler {
  readonly #cache = new Map<string, string | undefined>()
  /** null: it could not be loaded, and names stay mangled. */
  #decoder: Decoder | null | undefined

  /** The source name, or undefined where the name is not mangled or not understood. */
  demangle(name: string): string | undefined {
    if (!MANGLED.test(name) || name.length > NAME_LIMIT) return undefined
    let text = this.#cache.get(name)
    if (text === undefined && !this.#cache.has(name)) {
      if (this.#cache.size >= CACHE_LIMIT) this.#cache.clear()
      text = this.#decode(name)
      this.#cache.set(name, text)
    }
    return text
  }

  #decode(name: string): string | undefined {
    const clones = CLONES.exec(name)?.[0] ?? ''
    const mangled = clones === '' ? name : name.slice(0, -clones.length)
    if (this.#decoder === undefined) this.#decoder = loadDecoder()
    const text = this.#decodeWhole(mangled)
    // What it does not understand it gives back, without the first underscore.
    if (text === undefined || text === '' || text === mangled || text === mangled.slice(1)) return undefined
    const marks = clones.match(/\.[a-z_]+(?:\.\d+)*/g) ?? []
    return `${text}${marks.map(mark => ` [clone ${mark}]`).join('')}`
  }

  #decodeWhole(mangled: string): string | undefined {
    try {
      return this.#decoder?.(mangled)
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error
      // It died of the name; its memory cannot be trusted any more.
      this.#decoder = undefined
      return undefined
    }
  }
}

type Decoder = (name: string) => string

/** What gecko-profiler-demangle's WebAssembly exports (wasm-bindgen's calling convention). */
interface DecoderExports {
  memory: WebAssembly.Memory
  __wbindgen_malloc(size: number, alignment: number): number
  __wbindgen_free(address: number, size: number, alignment: number): void
  __wbindgen_start?(): void
  demangle_any(address: number, size: number): [address: number, size: number]
}

/**
 * Node 20 cannot import the package's own entry, and its glue keeps one instance for the whole process: ours makes one each.
 * null where the file is missing or WebAssembly is switched off.
 */
function loadDecoder(): Decoder | null {
  let exports: DecoderExports
  try {
    const path = createRequire(import.meta.url).resolve('gecko-profiler-demangle/index_bg.wasm')
    const file = FileSource.open(path)
    const module = new WebAssembly.Module(Uint8Array.from(file.read(0, file.size)))
    file.close()
    const imports = {'./index_bg.js': {__wbindgen_init_externref_table: () => undefined}}
    exports = new WebAssembly.Instance(module, imports).exports as unknown as DecoderExports
    exports.__wbindgen_start?.()
  } catch (error) {
    if (isLoadFailure(error)) return null
    throw error
  }
  return name => callDecoder(exports, name)
}

function callDecoder(exports: DecoderExports, name: string): string {
  const bytes = new TextEncoder().encode(name)
  const argument = exports.__wbindgen_malloc(bytes.length, 1)
  new Uint8Array(exports.memory.buffer).set(bytes, argument)
  const [address, size] = exports.demangle_any(argument, bytes.length)
  const text = new TextDecoder().decode(new Uint8Array(exports.memory.buffer).subarray(address, address + size))
  exports.__wbindgen_free(address, size, 1)
  return text
}

function isLoadFailure(error: unknown): boolean {
  if (error instanceof GotraceError || error instanceof WebAssembly.CompileError) return true
  return error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND'
}
