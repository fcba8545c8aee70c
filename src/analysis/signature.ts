import {createHash} from 'node:crypto'
import type {CrashReport, FrameReport, ModuleReport, SignatureReport} from '../report/core-report.ts'
import {sourceName} from './frames/c-frames.ts'
import {cPlumbing, goPlumbing, isDeathOfC} from './frames/irrelevant-frames.ts'

/** Frames of the crashing stack that a signature is made of, at most. */
const FRAME_LIMIT = 24

/**
 * What makes two crashes the same bug: the kind of crash and the meaningful frames, without plumbing, line numbers and
 * addresses, so that the machine, the load address and the Go patch release do not matter.
 */
export function makeSignature(
  crash: CrashReport,
  frames: readonly FrameReport[],
  modules: readonly ModuleReport[],
): SignatureReport {
  if (crash.kind === 'none') {
    return {exact: null, family: null, frames: [], explain: ['the process had not crashed: there is nothing to sign']}
  }
  const explain: string[] = []
  const used: {name: string; kind: FrameReport['kind']}[] = []
  const death = deathDepth(frames)
  for (const [depth, frame] of frames.entries()) {
    const name = stableName(frame, modules)
    if (name === undefined) {
      explain.push(`left out ${frame.pc ?? '?'}: neither name nor module`)
      continue
    }
    const reason = depth < death ? 'the end of the process' : reasonToLeaveOut(frame, used.length)
    explain.push(reason === undefined ? `used ${name}` : `left out ${name}: ${reason}`)
    if (reason === undefined) used.push({name, kind: frame.kind})
  }
  if (used.length === 0)
    return {exact: null, family: null, frames: [], explain: [...explain, 'no frame is left to sign with']}
  const kind = crash.kind === 'signal' ? `signal ${crash.signal ?? ''}`.trim() : crash.kind
  const names = used.map(({name}) => name)
  const top = (wanted: FrameReport['kind']): string => used.find(frame => frame.kind === wanted)?.name ?? '-'
  return {
    exact: createHash('sha256')
      .update(`1\n${kind}\n${names.join('\n')}`)
      .digest('hex')
      .slice(0, 16),
    family: `${kind} ${top('go')} ${top('c')}`,
    frames: names,
    explain,
  }
}

/**
 * Frames above the outermost one that ends the process (abort, terminate, a panic of Rust) only serve it, named or not.
 */
function deathDepth(frames: readonly FrameReport[]): number {
  const firstGo = frames.findIndex(({kind}) => kind === 'go')
  const native = firstGo < 0 ? frames : frames.slice(0, firstGo)
  return native.findLastIndex(frame => frame.function !== null && isDeathOfC(frame.function)) + 1
}

function reasonToLeaveOut(frame: FrameReport, used: number): string | undefined {
  const plumbing = plumbingOf(frame)
  if (plumbing !== undefined) return plumbing
  if (frame.foundBy === 'scan') return 'guessed by a scan of the stack'
  if (frame.foundBy === 'tail-call') return 'left by a jump, which other builds of the same source may not have'
  return used >= FRAME_LIMIT ? `beyond ${FRAME_LIMIT} frames` : undefined
}

function plumbingOf(frame: FrameReport): string | undefined {
  if (frame.kind === 'signal' || frame.kind === 'switch') return 'signal or stack switch'
  if (frame.function === null) return undefined
  return frame.kind === 'go' ? goPlumbing(frame.function) : cPlumbing(frame.function)
}

/** A name that the same source keeps: without the compiler's clones; build ID and offset where there is none. */
function stableName(frame: FrameReport, modules: readonly ModuleReport[]): string | undefined {
  if (frame.function !== null) {
    return frame.kind === 'go' ? frame.function : sourceName(frame.function)
  }
  if (frame.module === null || frame.moduleOffset === null) return undefined
  const module = modules.find(({path}) => path === frame.module)
  return `${module?.buildId ?? frame.module}+${frame.moduleOffset}`
}
