import type {Address} from '../base/address.ts'
import {makeRow, type UnwindRow} from '../dwarf/unwind-row.ts'
import {crosscall2FrameSize, crosscall2Row, type ReleaseTest, sigtrampRow} from './stack-switch.ts'

/** What the unwinder needs of a Go function; gosym's GoFunction is one. */
export interface GoCode {
  readonly entry: Address
  readonly name: string
  readonly flag: number
  readonly funcID: string
  /** The pcsp table; undefined where it has no value for pc. */
  spDelta(pc: Address): number | undefined
}

/** funcFlag (Go 1.17+, internal/abi/symtab.go). */
const TOP_FRAME = 1
const SP_WRITE = 2

/** How a Go frame is left. */
export interface PcspRow {
  readonly row: UnwindRow
  /** Nothing called this function: goexit, mstart, rt0_go; sigtramp from 1.19 on. */
  readonly topFrame: boolean
  /** It changes SP in ways that pcsp does not say. cgocallback does too, but its frame is valid on both stacks. */
  readonly writesSp: boolean
}

/** Where walks end up to 1.16 (runtime.topofstack, traceback.go); asmcgocall on a g0 stack too, which StackSwitcher knows. */
const TOP_FUNCTIONS: ReadonlySet<string> = new Set([
  'externalthreadhandler',
  'goexit',
  'mcall',
  'morestack',
  'mstart',
  'rt0_go',
])

/** Rows from Go's pcsp tables, one for each frame size, so that a million frames share a few hundred of them. */
export class PcspRows {
  readonly #version: ReleaseTest | undefined
  readonly #bySize = new Map<number, UnwindRow>()

  constructor(version: ReleaseTest | undefined) {
    this.#version = version
  }

  /** undefined where the function has no pcsp: it was linked in from elsewhere. */
  rowAt(code: GoCode, pc: Address): PcspRow | undefined {
    const size = code.spDelta(pc)
    if (size === undefined || size < 0 || size > 2 ** 40) return undefined
    const hasFlags = this.#version?.atLeast(17) ?? true
    return {
      row: this.#rowCalledByC(code, size) ?? this.#row(size),
      topFrame: hasFlags ? code.flag % 2 === TOP_FRAME : TOP_FUNCTIONS.has(code.funcID),
      writesSp: hasFlags && code.funcID !== 'cgocallback' && Math.floor(code.flag / SP_WRITE) % 2 === 1,
    }
  }

  /** What C calls keeps C's registers in places of its own. */
  #rowCalledByC(code: GoCode, size: number): UnwindRow | undefined {
    const version = this.#version ?? NEWEST
    if (code.name === 'crosscall2' && size === crosscall2FrameSize(version)) return crosscall2Row(version)
    return code.name === 'runtime.sigtramp' ? sigtrampRow(size) : undefined
  }

  /** CFA = sp + pcsp + 8; a function with a frame keeps its caller's rbp on top of it (frame pointers since Go 1.7). */
  #row(size: number): UnwindRow {
    let row = this.#bySize.get(size)
    if (!row) {
      const cfa = {kind: 'register', register: 7, offset: size + 8} as const
      const returnAddress = {kind: 'at-cfa', offset: -8} as const
      const bp = size > 0 ? ({kind: 'at-cfa', offset: -16} as const) : ({kind: 'same'} as const)
      row = makeRow(cfa, {6: bp, 16: returnAddress}, 'unknown')
      this.#bySize.set(size, row)
    }
    return row
  }
}

/** Where the version is not known, the newest layout is the likeliest. */
export const NEWEST: ReleaseTest = {atLeast: () => true}
