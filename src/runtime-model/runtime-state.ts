import {type Address, NULL_ADDRESS, toAddress} from '../base/address.ts'
import type {Finding} from '../base/finding.ts'
import {type MemoryReader, readAddress, readU8, readU32, readWord} from '../base/memory-reader.ts'
import {PROF_HZ} from './global-recipes.ts'
import type {GlobalName, RuntimeGlobals} from './runtime-globals.ts'

/** The setting of GOTRACEBACK as the runtime keeps it (traceback_cache, src/runtime/runtime1.go). */
export interface TracebackSetting {
  /** 0 none, 1 single, 2 system; a number that the user gave. */
  readonly level: number
  readonly all: boolean
  readonly crash: boolean
}

const TRACEBACK_CRASH = 1
const TRACEBACK_ALL = 2
const TRACEBACK_LEVEL = 4
/** fingStatus of 1.20+: the finalizer goroutine runs a finalizer (fingRunningFinalizer, src/runtime/mfinal.go). */
const FING_RUNNING_FINALIZER = 2

/**
 * The runtime's own variables, read as they are asked for; undefined where the variable is not found or not in the
 * core.
 */
export class RuntimeState {
  readonly #memory: MemoryReader
  readonly #globals: RuntimeGlobals

  constructor(memory: MemoryReader, globals: RuntimeGlobals) {
    this.#memory = memory
    this.#globals = globals
  }

  #u8(name: GlobalName): number | undefined {
    const at = this.#globals.address(name)
    return at === undefined ? undefined : readU8(this.#memory, at)
  }

  #u32(name: GlobalName): number | undefined {
    const at = this.#globals.address(name)
    return at === undefined ? undefined : readU32(this.#memory, at)
  }

  get iscgo(): boolean | undefined {
    const value = this.#u8('runtime.iscgo')
    return value === undefined ? undefined : value !== 0
  }

  /** Number of Ms that are dying. */
  get panicking(): number | undefined {
    return this.#u32('runtime.panicking')
  }

  /** Whether the other goroutines have been printed. */
  get didothers(): boolean | undefined {
    const value = this.#u8('runtime.didothers')
    return value === undefined ? undefined : value !== 0
  }

  /** Samples a second that the CPU profiler takes; 0 while it is off. */
  get profileRate(): number | undefined {
    const at = this.#globals.address('runtime.prof')
    return at === undefined ? undefined : readU32(this.#memory, toAddress(at + PROF_HZ))
  }

  get traceback(): TracebackSetting | undefined {
    const cache = this.#u32('runtime.traceback_cache')
    if (cache === undefined) return undefined
    return {
      level: Math.floor(cache / TRACEBACK_LEVEL),
      all: cache % (2 * TRACEBACK_ALL) >= TRACEBACK_ALL,
      crash: cache % (2 * TRACEBACK_CRASH) >= TRACEBACK_CRASH,
    }
  }

  /** Bytes that a goroutine's stack may grow to (debug.SetMaxStack). */
  get maxStackSize(): bigint | undefined {
    const at = this.#globals.address('runtime.maxstacksize')
    return at === undefined ? undefined : readWord(this.#memory, at)
  }

  /**
   * GODEBUG tracebacklabels (1.26+). In a binary with symbols this loads a disassembler: ask only when a goroutine has
   * labels.
   */
  get tracebackLabels(): boolean | undefined {
    const at = this.#globals.tracebackLabels()
    const value = at === undefined ? undefined : readU32(this.#memory, at)
    return value === undefined ? undefined : value === 1
  }

  /** A function that SetCgoTraceback was given: null where there is none, undefined where that is not known. */
  #hook(name: GlobalName): Finding<Address> {
    const at = this.#globals.address(name)
    const value = at === undefined ? undefined : readAddress(this.#memory, at)
    if (value !== undefined) return value === NULL_ADDRESS ? null : value
    const isUnset = this.#globals.isDropped(name) || this.#globals.hasFunction('runtime.SetCgoTraceback') === false
    return at === undefined && isUnset ? null : undefined
  }

  get cgoTraceback(): Finding<Address> {
    return this.#hook('runtime.cgoTraceback')
  }

  get cgoContext(): Finding<Address> {
    return this.#hook('runtime.cgoContext')
  }

  get cgoSymbolizer(): Finding<Address> {
    return this.#hook('runtime.cgoSymbolizer')
  }

  /**
   * x_cgo_callers of runtime/cgo, which the signal handler calls to collect a C traceback; null where that is not
   * linked in.
   */
  get cgoCallers(): Finding<Address> {
    return this.#hook('_cgo_callers')
  }

  get finalizerRunning(): boolean {
    const status = this.#u32('runtime.fingStatus')
    if (status !== undefined) return status % (2 * FING_RUNNING_FINALIZER) >= FING_RUNNING_FINALIZER
    return (this.#u8('runtime.fingRunning') ?? 0) !== 0
  }
}
