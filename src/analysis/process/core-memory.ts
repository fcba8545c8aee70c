import {USER_REGS} from '../../amd64/user-regs.ts'
import {type Address, addressOfWord, hex, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import type {Diagnostics} from '../../base/diagnostics.ts'
import type {CoreFile} from '../../elf/core-file.ts'
import type {InfoReport} from '../../report/core-report.ts'
import type {ProcessFiles} from './go-image.ts'

const PARTS_MAX = 100

/** How much of the process the core holds, and which part of what it promised is missing. */
export function reportCoreMemory(core: CoreFile): InfoReport['memory'] {
  const {segments} = core
  const missingParts: InfoReport['memory']['missingParts'] = core.holes.slice(0, PARTS_MAX).map(hole => ({
    start: hex(hole.start),
    end: hex(hole.end),
    what: `memory of thread ${hole.tid}`,
  }))
  let mapped = 0
  // Every step ends a segment's dumped, cut or left-out part, or a gap.
  for (let at: number = NULL_ADDRESS; Number.isFinite(at); ) {
    const {state, end} = segments.extentAt(at)
    if (state !== 'unmapped') mapped += end - at
    if (state === 'cut' && missingParts.length < PARTS_MAX) {
      missingParts.push({start: hex(at), end: hex(end), what: nameOf(core, at, end)})
    }
    if (end <= at) break
    at = end
  }
  const own = ownMemory(core)
  return {
    segments: segments.count,
    mapped,
    dumped: segments.dumpedSize + sizeOf(core.holes),
    missing: segments.missingSize + sizeOf(core.holes),
    leftOut: own.leftOut,
    isFiltered: isFiltered(core, own),
    missingParts,
    threadsWithoutStack: core.threads.filter(thread => !hasStack(core, thread)).map(({tid}) => tid),
  }
}

interface OwnMemory {
  readonly dumped: number
  readonly leftOut: number
}

/** Memory that only the process itself had: written to, and of no file. */
export function ownMemory(core: CoreFile): OwnMemory {
  const {segments} = core
  let dumped = 0
  let leftOut = 0
  for (let at: number = NULL_ADDRESS; Number.isFinite(at); ) {
    const {state, end, readable, writable} = segments.extentAt(at)
    if (readable && writable && state === 'dumped') dumped += end - at
    else if (readable && writable && state === 'left-out' && !mappingAt(core, at)) leftOut += end - at
    if (end <= at) break
    at = end
  }
  return {dumped, leftOut}
}

/**
 * Whether the core was told to leave out most of what the process had written (core(5), coredump_filter). The kernel
 * leaves out all private memory then, stacks too; else only what the process itself had asked for (MADV_DONTDUMP), as
 * sanitizers do of their terabytes of shadow memory.
 */
export function isFiltered(core: CoreFile, {dumped, leftOut} = ownMemory(core)): boolean {
  return leftOut > dumped && !core.threads.some(thread => hasStack(core, thread))
}

export function reportFilter(core: CoreFile, diagnostics: Diagnostics): void {
  const memory = ownMemory(core)
  if (!isFiltered(core, memory)) return
  const sizes = `${inMegabytes(memory.dumped)} of what it could write to are in it, ${inMegabytes(memory.leftOut)} were left out`
  const message = `the core was made without most of the process's memory: ${sizes}`
  diagnostics.add('memory-left-out', message, {severity: 'error', hint: FILTER_HINT})
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

const FILTER_HINT = 'before the next crash: echo 0x33 > /proc/PID/coredump_filter (bit 0: private memory; core(5))'

/** What an address that a stack led to is in, and why the core does not have it; undefined where it does. */
export function describeRange(
  core: CoreFile,
  address: Address,
): {start: number; text: string; hint: string} | undefined {
  const {state, start, end} = core.segments.extentAt(address)
  if (state !== 'cut' && state !== 'left-out') return undefined
  const place = `${hex(start)}-${hex(end)}, ${nameOf(core, start, end)}`
  if (state === 'cut') {
    const hint = 'copy the core again in full; check `ulimit -c` and free disk space where it was written'
    return {start, text: `${place}, which was cut off`, hint}
  }
  const isFile = mappingAt(core, address) !== undefined
  const hint = isFile
    ? FILTER_HINT.replace('0x33', '0x37').replace('bit 0: private', 'bit 2: file-backed private')
    : FILTER_HINT
  return {start, text: `${place}, which was left out of the core`, hint}
}

function mappingAt({mappings}: CoreFile, address: number): CoreFile['mappings'][number] | undefined {
  return mappings.find(({start, end}) => address >= start && address < end)
}

function sizeOf(ranges: CoreFile['holes']): number {
  return ranges.reduce((sum, {start, end}) => sum + (end - start), 0)
}

/** What is there of the memory that the core was to hold: between 0 and 1. */
export function shareOfMemory({segments: {dumpedSize, missingSize}}: Pick<CoreFile, 'segments'>): number {
  return dumpedSize === 0 ? 1 : 1 - missingSize / dumpedSize
}

/** Whether a part of what the process left behind is lost, so that no answer is whole; asked when all is read. */
export function isPartial({core, hasChanged}: Pick<ProcessFiles, 'core' | 'hasChanged'>): boolean {
  return core.truncated || core.holes.length > 0 || hasChanged()
}

/** The next step to try for what is not in a core that has lost memory; undefined for a whole one. */
export function adviceForLost(files: Parameters<typeof isPartial>[0]): string | undefined {
  return isPartial(files) ? 'the core has lost memory: copy it again in full, or make a new one' : undefined
}

type Thread = CoreFile['threads'][number]

function stackPointer({registers}: Thread): number | undefined {
  return addressOfWord(registers[USER_REGS.rsp] ?? 0n)
}

function hasStack({segments}: CoreFile, thread: Thread): boolean {
  const sp = stackPointer(thread)
  return sp !== undefined && segments.extentAt(sp).state === 'dumped'
}

function nameOf({threads, mappings}: CoreFile, start: number, end: number): string {
  const thread = threads.find(candidate => {
    const sp = stackPointer(candidate)
    return sp !== undefined && sp >= start && sp < end
  })
  if (thread) return `stack of thread ${thread.tid}`
  const mapping = mappings.find(candidate => candidate.start < toAddress(end) && candidate.end > start)
  return mapping?.path ?? 'anonymous memory'
}
