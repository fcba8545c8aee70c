import type {CodeAccess} from '../amd64/code-accesses.ts'
import type {Address} from '../base/address.ts'

/** What runtime.cgoSigtramp (src/runtime/sys_linux_amd64.s) proves about a build: its globals and field offsets. */
export interface SigtrampFacts {
  readonly cgoTraceback: Address
  readonly cgoCallers: Address
  readonly g: {readonly m: number; readonly syscallsp: number}
  readonly m: {
    readonly ncgo: number
    readonly curg: number
    readonly cgoCallers: number
    readonly cgoCallersUse: number
  }
}

/**
 * Widths of the field loads that follow the load of g: g.m, m.ncgo, m.curg, g.syscallsp, m.cgoCallers, m.cgoCallersUse.
 */
const LOAD_WIDTHS = [8, 4, 8, 8, 8, 4] as const

/**
 * The same conditions in the same order since 1.7: two globals, g, then six fields. undefined where the code is
 * another.
 */
export function parseSigtramp(accesses: readonly CodeAccess[]): SigtrampFacts | undefined {
  const globals = accesses.filter(access => access.kind === 'load' && access.target !== undefined)
  const [traceback, callers] = globals
  const tls = accesses.findIndex(access => access.kind === 'load' && access.threadLocal)
  if (!traceback?.target || !callers?.target || tls < 0) return undefined
  const loads = accesses
    .slice(tls + 1)
    .filter(isFieldLoad)
    .slice(0, LOAD_WIDTHS.length)
  if (loads.length < LOAD_WIDTHS.length || loads.some((load, index) => load.width !== LOAD_WIDTHS[index])) {
    return undefined
  }
  const [m, ncgo, curg, syscallsp, cgoCallers, cgoCallersUse] = loads.map(load => load.displacement) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  return {
    cgoTraceback: traceback.target,
    cgoCallers: callers.target,
    g: {m, syscallsp},
    m: {ncgo, curg, cgoCallers, cgoCallersUse},
  }
}

function isFieldLoad(access: CodeAccess): boolean {
  return access.kind === 'load' && access.target === undefined && !access.threadLocal && access.base !== 0
}
