import {BoundedCache} from '../base/bounded-cache.ts'
import {demanglePlain} from './cxx-plain.ts'
import {demangleCxx, demangleCxxType} from './cxx-reader.ts'
import {MangledNameError} from './mangled-text.ts'
import {demangleRustLegacy} from './rust-legacy.ts'
import {demangleRustV0} from './rust-v0.ts'

/** Itanium C++ and Rust legacy start with _Z, Rust v0 with _R; Mach-O linkers add an underscore. */
const MANGLED = /^_{1,2}(?:Z|R)[A-Za-z0-9_]/
/** Longer names are kept as they are: no compiler's own reach this. */
const NAME_LIMIT = 32 * 1024
/** Characters of names that are kept, so that hostile ones do not fill the memory. */
const CACHE_LIMIT = 16 * 1024 * 1024

/** Turns linkage names into source names, in the spelling of GNU's tools, and remembers them. */
export class Demangler {
  readonly #cache = new BoundedCache<string, string | undefined>(
    CACHE_LIMIT,
    (text, name) => name.length + (text?.length ?? 0),
  )

  /** The source name, or undefined where the name is not mangled, not understood, or beyond our bounds. */
  demangle(name: string): string | undefined {
    if (name.length > NAME_LIMIT || !MANGLED.test(name)) return undefined
    return this.#cache.of(name, () => attempt(() => decode(name)))
  }
}

/** The name of a type as `std::type_info` keeps it; undefined where it is not understood. */
export function demangleTypeName(name: string): string | undefined {
  return name.length > NAME_LIMIT ? undefined : attempt(() => demangleCxxType(name))
}

function decode(name: string): string {
  if (/^_{1,2}R/.test(name)) return demangleRustV0(name)
  return demangleRustLegacy(name) ?? demanglePlain(name) ?? demangleCxx(name)
}

function attempt(read: () => string): string | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof MangledNameError) return undefined
    throw error
  }
}
