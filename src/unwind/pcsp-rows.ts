import {DWARF_REGISTER} from '../amd64/registers.ts'
import type {Address} from '../base/address.ts'
import {makeRow, RETURN_ADDRESS, type UnwindRow} from '../dwarf/unwind-row.ts'
import type {GoFunction} from '../gosym/go-function.ts'
import {crosscall2Row, isCrosscall2Call, sigtrampRow} from './stack-switch.ts'
import {rt0GoRow} from './thread-start.ts'

/** How a Go frame is left. */
export interface PcspRow {
  readonly row: UnwindRow
  /** Nothing called this function: goexit, mstart, rt0_go; sigtramp from 1.19 on. */
  readonly topFrame: boolean
  /** It changes SP in ways that pcsp does not say. */
  readonly writesSp: boolean
}

/** Rows from Go's pcsp tables, one for each frame size, so that a million frames share a few hundred of them. */
export class PcspRows {
  readonly #bySize = new Map<number, UnwindRow>()

  /** undefined where the function has no pcsp: it was linked in from elsewhere. */
  rowAt(code: GoFunction, pc: Address): PcspRow | undefined {
    const size = code.spDelta(pc)
    if (size === undefined || size < 0 || size > 2 ** 40) return undefined
    return {
      row: this.#rowCalledByC(code, pc, size) ?? this.#row(size),
      // asmcgocall ends no walk: StackSwitcher knows where it leads.
      topFrame: code.isTopOfStack(false),
      writesSp: code.writesSp,
    }
  }

  /** What C calls keeps C's registers in places of its own. */
  #rowCalledByC({name, version, entry}: GoFunction, pc: Address, size: number): UnwindRow | undefined {
    if (name === 'crosscall2' && isCrosscall2Call(version, pc - entry, size)) return crosscall2Row(version)
    if (name === 'runtime.rt0_go') return rt0GoRow(pc - entry, size)
    return name === 'runtime.sigtramp' ? sigtrampRow(size) : undefined
  }

  /** CFA = sp + pcsp + 8; a function with a frame keeps its caller's rbp on top of it (frame pointers since Go 1.7). */
  #row(size: number): UnwindRow {
    let row = this.#bySize.get(size)
    if (!row) {
      const cfa = {kind: 'register', register: DWARF_REGISTER.rsp, offset: size + 8} as const
      const bp = size > 0 ? ({kind: 'at-cfa', offset: -16} as const) : ({kind: 'same'} as const)
      row = makeRow(cfa, {[DWARF_REGISTER.rbp]: bp, ...RETURN_ADDRESS}, 'unknown')
      this.#bySize.set(size, row)
    }
    return row
  }
}
