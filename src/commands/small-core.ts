import type {OpenProcess} from '../acquire/open-process.ts'
import {DEFAULT_VALUE_LIMITS} from '../analysis/values/limits.ts'
import type {ReadRecord} from '../base/read-record.ts'
import {runWithin} from '../base/time-limit.ts'
import {CoreRedaction} from '../elf/core-redaction.ts'
import {fineRanges} from '../elf/debugger-reads.ts'
import type {KeptSignature} from '../elf/minimal-core.ts'
import {type MinimalCorePlan, planMinimalCore} from '../elf/minimal-core-writer.ts'
import {analysisOptions, type RunContext} from './open-core.ts'
import {readWhole, runtimeStructures, type WholeReading} from './whole-reading.ts'

/** With more goroutines than these, what their frames held is half of all that is read. */
export const MANY_GOROUTINES = 1000

interface SmallCoreFlags {
  readonly redact: boolean
  /** Whether what `--values` shows of every goroutine is kept, however many they are. */
  readonly values: boolean
  readonly 'max-frames': number
}

type Attempt = (part: () => void) => void

export interface SmallCorePlan extends MinimalCorePlan {
  /** Of the core as it is; undefined: it has none. */
  readonly signature: KeptSignature | undefined
}

/** Reads a core as every command does, and plans one of what was read. */
export function planSmallCore(
  opened: OpenProcess,
  record: ReadRecord,
  flags: SmallCoreFlags,
  {config, attempt, ...context}: RunContext & {config: {name: string; version: string}; attempt?: Attempt},
): SmallCorePlan {
  return runWithin(context.deadline, () => {
    const options = {...analysisOptions({...flags, 'no-demangle': false}, config), ...context}
    const isBlanked = flags.redact || opened.isRedacted
    const goroutinesMax = flags.values ? Number.POSITIVE_INFINITY : MANY_GOROUTINES
    const values = {options: {choice: 'all', limits: DEFAULT_VALUE_LIMITS}, goroutinesMax} as const
    const read = readWhole(opened, options, isBlanked ? undefined : values, attempt)
    const {core, modules} = opened
    const fine = fineRanges(core, modules)
    const signature = keptOf(read)
    if (!isBlanked) return {...planMinimalCore(core.source, record.ranges(), {fine}), signature}
    const redaction = new CoreRedaction(core, modules, runtimeStructures(opened, read.process), factsOf(read))
    const blank = (bytes: Uint8Array, offset: number) => redaction.blank(bytes, offset)
    return {...planMinimalCore(core.source, record.ranges(), {fine, blank, signature}), signature}
  })
}

/** Where the program crashed, and at what: words of a report, whatever they look like. */
function factsOf({crash}: WholeReading): bigint[] {
  const words = [crash?.pc, crash?.faultAddress]
  return words.filter(word => typeof word === 'string').map(word => BigInt(word))
}

/** The text of a panic is a part of its signature, and is blanked. */
function keptOf({signature}: WholeReading): KeptSignature | undefined {
  if (!signature) return undefined
  const {version, exact, family} = signature
  return exact === null || family === null ? undefined : {version, exact, family}
}
