import {SI_KERNEL} from '../../amd64/signal-numbers.ts'
import type {CrashReport, FrameReport} from '../../report/core-report.ts'
import {placeOf} from './choice.ts'
import type {CodeFacts} from './code-facts.ts'

/** Addresses that Go takes for those of a nil pointer (runtime/signal_unix.go, sigpanic). */
const NULL_PAGE = 0x1000
/** What a statement of Go calls to touch memory as long as the data say. */
const OF_MEMORY = /^runtime\.(memmove|memclr|memequal)/

interface Fault {
  readonly crash: Pick<CrashReport, 'kind' | 'signal' | 'code' | 'pc' | 'faultAddress'>
  readonly frames: readonly FrameReport[]
  readonly code: Pick<CodeFacts, 'loadsClosureCode'>
}

/**
 * How memory was touched that cannot be: two ways in one function are two bugs. Only what all builds of a program do
 * alike: whether it is a read or a write is up to the compiler. Empty: nothing tells.
 */
export function kindOfFault({crash, frames, code}: Fault): string {
  const {kind, signal, faultAddress, pc} = crash
  if (signal !== 'SIGSEGV' || !pc || (crash.code ?? 0) <= 0) return ''
  if (kind !== 'signal') {
    const place = placeOf(pc)
    if (place !== undefined && code.loadsClosureCode(place)) return 'call of nil'
    const name = frames.find(frame => frame.pc === pc && frame.kind === 'go')?.function
    const work = OF_MEMORY.exec(name ?? '')?.[1]
    return work === undefined ? '' : `in ${work}`
  }
  // Of a general protection fault the kernel tells no address.
  const isNull = crash.code !== SI_KERNEL && faultAddress !== null && Number(faultAddress) < NULL_PAGE
  return [faultAddress === pc ? 'jump' : '', isNull ? 'null' : ''].filter(Boolean).join(' to ')
}
