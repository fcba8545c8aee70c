import {type Address, NULL_ADDRESS} from '../base/address.ts'
import type {Goroutine} from './goroutine.ts'
import {RemoteStruct} from './remote-struct.ts'
import type {RuntimeAccess} from './runtime-access.ts'

/**
 * An M of the dead process (a thread, as the runtime sees it): one copied runtime.m. Fields a release lacks are 0 or
 * false.
 */
export class Machine {
  readonly address: Address
  readonly id: number
  /** Linux thread id; 0 for a spare extra M, stale (up to 1.20) for one whose C thread has gone. Not unique. */
  readonly procid: number
  readonly #m: RemoteStruct<'m'>

  private constructor(m: RemoteStruct<'m'>) {
    this.address = m.address
    this.#m = m
    this.id = m.i32('id')
    this.procid = m.number('procid')
  }

  static read(access: RuntimeAccess, address: Address): Machine | undefined {
    const m = RemoteStruct.read(access.memory, address, access.layouts.m)
    return m && new Machine(m)
  }

  get g0(): Address {
    return this.#m.pointer('g0')
  }

  get gsignal(): Address {
    return this.#m.pointer('gsignal')
  }

  get curg(): Address {
    return this.#m.pointer('curg')
  }

  /** The goroutine that was running when a fatal signal came. */
  get caughtsig(): Address {
    return this.#m.pointer('caughtsig')
  }

  /** Up to 1.18: 1 for a throw, -1 for one without full stacks. 1.19+: 1 for `fatal`, 2 for a throw or fatal signal. */
  get throwing(): number {
    return this.#m.i32('throwing')
  }

  get dying(): number {
    return this.#m.i32('dying')
  }

  /** May be left true with ncgo 0 after a thread has gone back to C. */
  get incgo(): boolean {
    return this.#m.flag('incgo')
  }

  get isExtra(): boolean {
    return this.#m.flag('isextra')
  }

  /** Whether the release keeps isExtra at all (1.20+). */
  get knowsExtra(): boolean {
    return this.#m.has('isextra')
  }

  get isExtraInC(): boolean {
    return this.#m.flag('isExtraInC')
  }

  get isExtraInSig(): boolean {
    return this.#m.flag('isExtraInSig')
  }

  /** Cgo calls made so far. */
  get ncgocall(): bigint {
    return this.#m.word('ncgocall')
  }

  /** Cgo calls in progress, one inside the other. */
  get ncgo(): number {
    return this.#m.i32('ncgo')
  }

  /** Not 0 while someone reads cgoCallers: the handler keeps away then. */
  get cgoCallersUse(): number {
    return this.#m.u32('cgoCallersUse')
  }

  /** The array of 32 pcs that the cgo signal handler fills; nil in programs without cgo. */
  get cgoCallers(): Address {
    return this.#m.pointer('cgoCallers')
  }

  get alllink(): Address {
    return this.#m.pointer('alllink')
  }

  get freelink(): Address {
    return this.#m.pointer('freelink')
  }

  get lockedg(): Address {
    return this.#m.pointer('lockedg')
  }

  get lockedExt(): number {
    return this.#m.u32('lockedExt')
  }

  /** Position of the caller of a vDSO call; undefined outside one. */
  get vdso(): {readonly sp: Address; readonly pc: Address} | undefined {
    const sp = this.#m.pointer('vdsoSP')
    return sp === NULL_ADDRESS ? undefined : {sp, pc: this.#m.pointer('vdsoPC')}
  }
}

/** The M that a goroutine is on; undefined where it is on none. */
export function machineOf(runtime: MachineLookup | undefined, {m}: Pick<Goroutine, 'm'>): Machine | undefined {
  return m === NULL_ADDRESS ? undefined : runtime?.machineAt(m)
}

/** The M of a goroutine that is in a call from Go into C, though it may be back in Go by a callback. */
export function machineInCgo(
  runtime: MachineLookup | undefined,
  goroutine: Pick<Goroutine, 'm' | 'syscall'>,
): Machine | undefined {
  const machine = machineOf(runtime, goroutine)
  return machine && machine.ncgo > 0 && goroutine.syscall.sp !== NULL_ADDRESS ? machine : undefined
}

interface MachineLookup {
  machineAt(address: Address): Machine | undefined
}
