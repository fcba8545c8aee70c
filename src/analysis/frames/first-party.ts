import {type Address, toAddress} from '../../base/address.ts'
import {packageLength} from '../../gosym/func-name.ts'
import type {CoreReport, FrameReport} from '../../report/core-report.ts'
import {cPlumbing, goPlumbing} from './irrelevant-frames.ts'

/** Libraries of C, C++ and Rust, and what every process has, wherever they lie. */
const LANGUAGE_LIBRARIES =
  /(?:^|\/)(?:libc|libm|libpthread|libdl|librt|ld-linux-x86-64|ld-musl-x86_64|libstdc\+\+|libc\+\+|libc\+\+abi|libgcc_s|libunwind|libglib-2\.0)[-.\d]*\.so[.\d]*$|^\[vdso\]$/
/** Where a distribution puts libraries. What a package manager of a site installs (`/opt`, `/usr/local`) is its own. */
const SYSTEM_FOLDERS = /^\/(?:usr\/)?lib(?:32|64|x32)?\/|^\/(?:nix|gnu)\/store\//
/** Sources of the libraries of C++ and Rust, of which parts are compiled into each program. */
const LANGUAGE_SOURCES = /\/include\/c\+\+\/|^\/rustc\/[0-9a-f]+\/|\/rust\/library\//
/** Types of Rust without a path are the language's own, or stand for any: what they do is of its library. */
const LANGUAGE_NAMES =
  /^(?:[\w:*&<> ]+ )?<?(?:std|core|alloc|__gnu_cxx|__cxxabiv1)::|^<[^:]+ as (?:std|core|alloc)::|^_{2,}longjmp|^__cxa_|boost::(?:throw_exception|[\w:]*::throw_)|^OPENSSL_die$/

/**
 * Whether a function belongs to the library of C, C++ or Rust: by its file, by its name where that is linked into the
 * program or inlined. A file without a line (DWARF 5, 6.2.2: line 0) is that of code which the compiler had merged from
 * several places, not that of the function.
 */
export function isOfLanguage({
  function: name,
  module,
  file,
  line,
}: Pick<FrameReport, 'function' | 'module' | 'file' | 'line'>): boolean {
  if (module !== null && LANGUAGE_LIBRARIES.test(module)) return true
  const isByFile = file !== null && line !== null && LANGUAGE_SOURCES.test(file)
  return isByFile || (name !== null && LANGUAGE_NAMES.test(name))
}

/** The insides of a C library that is linked into the program, and what others call it for. */
const LIBC_NAMES =
  /^(__GI_|_int_(malloc|free|realloc)|_IO_|tcache_|__libc_|malloc_|unlink_chunk|__[a-z]+_chk$|__v?[a-z]*printf_chk)|^(free|cfree|malloc|realloc|calloc)$/

/**
 * Names that a program must not use, for they are the implementation's (C11, 7.1.3), and C++'s own allocation; a file
 * in the source says that it is the program's all the same.
 */
const RESERVED_NAMES = /^(?:_[_A-Z]|operator (?:new|delete)\b)/

export function isInsideLibc({function: name, file}: Pick<FrameReport, 'function' | 'file'>): boolean {
  return name !== null && (LIBC_NAMES.test(name) || (file === null && RESERVED_NAMES.test(name)))
}

/** How far a frame is from what the authors of the program wrote; the less the better. */
const DISTANCE = {ownCode: 0, library: 1, language: 2, nameless: 3, plumbing: 4} as const
type Distance = (typeof DISTANCE)[keyof typeof DISTANCE]

/** Where the Go part of a thread begins. */
const STARTS: ReadonlySet<string> = new Set(['runtime.mstart', 'runtime.rt0_go'])

export interface Program {
  readonly executable: string | null
  readonly go: Pick<CoreReport['go'], 'main' | 'modules'>
  /** Whether code without a name is proven to be of Go's runtime. */
  readonly isRuntimeCode: (pc: Address) => boolean
}

/** The frame of a kind that is nearest to the program's own code, the innermost of several. */
export function findOwnFrame(
  frames: readonly FrameReport[],
  kind: 'go' | 'c',
  program: Program,
): {frame: FrameReport; isOwn: boolean; isPlumbing: boolean} | undefined {
  let best: {frame: FrameReport; distance: Distance} | undefined
  for (const frame of frames) {
    // What had started the thread tells nothing of what it did.
    if (frame.kind === 'go' && STARTS.has(frame.function ?? '')) break
    if (frame.kind !== kind) continue
    const distance = kind === 'go' ? distanceOfGo(frame, program) : distanceOfC(frame, program.executable)
    if (!best || distance < best.distance) best = {frame, distance}
    if (distance === DISTANCE.ownCode) break
  }
  if (!best) return undefined
  const {frame, distance} = best
  return {frame, isOwn: distance === DISTANCE.ownCode, isPlumbing: distance >= DISTANCE.nameless}
}

/** Whether the authors of the program, or of a library that it uses, may have written the function of a frame. */
export function isWritten(frame: FrameReport): boolean {
  const {kind, function: name} = frame
  if (name === null || (kind !== 'go' && kind !== 'c')) return false
  if (kind === 'go') return goPlumbing(name) === undefined
  return cPlumbing(name) === undefined && !isOfLanguage(frame) && !isInsideLibc(frame)
}

/** The package of a Go function where it is of the standard library. */
export function standardPackage({function: name}: FrameReport, go: Program['go']): string | undefined {
  const path = packageOf(name ?? '')
  return path !== '' && isStandardLibrary(path, go) ? path : undefined
}

function distanceOfC(frame: FrameReport, executable: string | null): Distance {
  const {function: name, module} = frame
  if (name !== null && cPlumbing(name) !== undefined) return DISTANCE.plumbing
  if (isOfLanguage(frame) || isInsideLibc(frame)) return DISTANCE.language
  if (module === null || module === executable) return DISTANCE.ownCode
  return SYSTEM_FOLDERS.test(module) ? DISTANCE.library : DISTANCE.ownCode
}

function distanceOfGo({function: name, pc}: FrameReport, {go, isRuntimeCode}: Program): Distance {
  if (name === null) return pc !== null && isRuntimeCode(toAddress(Number(pc))) ? DISTANCE.plumbing : DISTANCE.nameless
  if (goPlumbing(name) !== undefined) return DISTANCE.plumbing
  return isStandardLibrary(packageOf(name), go) ? DISTANCE.language : DISTANCE.ownCode
}

/** `net/http` of `net/http.(*conn).serve`; types between brackets have paths of their own. */
export function packageOf(name: string): string {
  const [plain = ''] = name.split('[')
  return plain.slice(0, packageLength(plain))
}

/** Go's own rule: the first element of a path that is not of the standard library has a dot (`go help importpath`). */
function isStandardLibrary(path: string, {main, modules}: Program['go']): boolean {
  const [first = ''] = path.split('/')
  if (first === 'main' || first === 'command-line-arguments' || first.includes('.')) return false
  const own = [...(main === null ? [] : [main]), ...modules.map(module => module.path)]
  return !own.some(module => path === module || path.startsWith(`${module}/`))
}
