import {type Address, addressOfWord, toAddress} from '../base/address.ts'
import {type MemoryReader, readWord} from '../base/memory-reader.ts'
import type {CodeAccess, CodeConstant} from './code-accesses.ts'

/** What runtime.cgoSigtramp (src/runtime/sys_linux_amd64.s) proves about a build: its globals, where g is, field offsets. */
export interface SigtrampFacts {
  readonly cgoTraceback: Address
  readonly cgoCallers: Address
  /** Offset of g from the thread pointer (fs_base); -8 in plain executables. */
  readonly tlsOffset: number | undefined
  readonly g: {readonly m: number; readonly syscallsp: number}
  readonly m: {
    readonly ncgo: number
    readonly curg: number
    readonly cgoCallers: number
    readonly cgoCallersUse: number
  }
}

/** Widths of the field loads that follow the load of g: g.m, m.ncgo, m.curg, g.syscallsp, m.cgoCallers, m.cgoCallersUse. */
const LOAD_WIDTHS = [8, 4, 8, 8, 8, 4] as const

/** The same conditions in the same order since 1.7: two globals, g, then six fields. undefined where the code is another. */
export function parseSigtramp(
  accesses: readonly (CodeAccess | CodeConstant)[],
  memory: MemoryReader,
): SigtrampFacts | undefined {
  const globals = accesses.filter(access => access.kind === 'load' && access.target !== undefined) as CodeAccess[]
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
    tlsOffset: tlsOffset(accesses, tls, memory),
    g: {m, syscallsp},
    m: {ncgo, curg, cgoCallers, cgoCallersUse},
  }
}

function isFieldLoad(access: CodeAccess | CodeConstant): access is CodeAccess {
  return access.kind === 'load' && access.target === undefined && !access.threadLocal && access.base !== 0
}

/** Plain executables have the offset in the instruction, PIEs in a register, shared objects in a GOT slot. */
function tlsOffset(
  accesses: readonly (CodeAccess | CodeConstant)[],
  at: number,
  memory: MemoryReader,
): number | undefined {
  const load = accesses[at] as CodeAccess
  if (load.base === 0) return load.displacement
  for (const earlier of accesses.slice(0, at).reverse()) {
    if (earlier.register !== load.base) continue
    if (earlier.kind === 'constant') return Number(earlier.value) + load.displacement
    const word = earlier.target === undefined ? undefined : readWord(memory, toAddress(earlier.target))
    if (word === undefined) return undefined
    const signed = BigInt.asIntN(64, word)
    const size = addressOfWord(signed < 0n ? -signed : signed)
    return size === undefined ? undefined : Number(signed) + load.displacement
  }
  return undefined
}
