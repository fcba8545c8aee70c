import {USER_REGS} from '../../amd64/user-regs.ts'
import {addressOfWord, hex, NULL_ADDRESS, toAddress} from '../../base/address.ts'
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
  return {
    segments: segments.count,
    mapped,
    dumped: segments.dumpedSize + sizeOf(core.holes),
    missing: segments.missingSize + sizeOf(core.holes),
    missingParts,
    threadsWithoutStack: core.threads.filter(thread => !hasStack(core, thread)).map(({tid}) => tid),
  }
}

function sizeOf(ranges: CoreFile['holes']): number {
  return ranges.reduce((sum, {start, end}) => sum + (end - start), 0)
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
