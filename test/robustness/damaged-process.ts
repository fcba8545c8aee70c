import {closeSync, copyFileSync, cpSync, ftruncateSync, openSync, readFileSync, readSync, writeSync} from 'node:fs'
import {join} from 'node:path'
import type {Fixture} from '../../lab/fixtures.ts'
import {openProcess} from '../../src/acquire/open-process.ts'
import {analyzeCore} from '../../src/analysis/analyze-core.ts'
import type {Address} from '../../src/base/address.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {GotraceError} from '../../src/base/errors.ts'
import type {Format} from '../../src/render/format.ts'
import {FORMATS} from '../../src/render/formats.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'

/** xorshift32: the same damage on every run. */
export function randomNumbers(seed: number): (limit: number) => number {
  let state = seed === 0 ? 1 : seed
  return limit => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}

/** Bytes of a file that are worth damaging. */
export interface FileRange {
  file: 'core' | 'executable'
  start: number
  end: number
}

interface Load {
  address: number
  offset: number
  size: number
}

const PT_LOAD = 1
const PT_NOTE = 4

/** A copy of a committed crash, whose files are damaged, analysed and put right again. */
export class DamagedProcess {
  readonly core: string
  readonly executable: string
  readonly #fixture: Fixture
  readonly #loads: Load[] = []
  readonly headers: FileRange
  readonly notes: FileRange

  constructor(fixture: Fixture, directory: string) {
    this.#fixture = fixture
    this.core = join(directory, 'core')
    this.executable = join(directory, 'executable')
    cpSync(fixture.core, this.core)
    copyFileSync(fixture.executable, this.executable)
    const head = new Uint8Array(65_536)
    const fd = openSync(this.core, 'r')
    readSync(fd, head, 0, head.length, 0)
    closeSync(fd)
    const view = new DataView(head.buffer)
    const count = view.getUint16(56, true)
    let notes = {start: 0, end: 0}
    for (let index = 0; index < count; index++) {
      const at = 64 + index * 56
      const offset = Number(view.getBigUint64(at + 8, true))
      const size = Number(view.getBigUint64(at + 32, true))
      const type = view.getUint32(at, true)
      if (type === PT_LOAD) this.#loads.push({address: Number(view.getBigUint64(at + 16, true)), offset, size})
      if (type === PT_NOTE) notes = {start: offset, end: offset + size}
    }
    this.headers = {file: 'core', start: 16, end: 64 + count * 56}
    this.notes = {file: 'core', ...notes}
  }

  /** Where memory lies in the core's file. */
  memory(address: number, length: number): FileRange | undefined {
    const load = this.#loads.find(each => address >= each.address && address + length <= each.address + each.size)
    if (!load) return undefined
    const start = load.offset + (address - load.address)
    return {file: 'core', start, end: start + length}
  }

  /** Sections of the executable whose names match. */
  sections(names: RegExp): FileRange[] {
    const bytes = readFileSync(this.executable)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const table = Number(view.getBigUint64(40, true))
    const count = view.getUint16(60, true)
    const headerAt = (index: number) => table + index * 64
    const names0 = Number(view.getBigUint64(headerAt(view.getUint16(62, true)) + 24, true))
    const found: FileRange[] = []
    for (let index = 1; index < count; index++) {
      const at = headerAt(index)
      const nameAt = names0 + view.getUint32(at, true)
      const name = bytes.subarray(nameAt, bytes.indexOf(0, nameAt)).toString('latin1')
      const start = Number(view.getBigUint64(at + 24, true))
      const size = Number(view.getBigUint64(at + 32, true))
      if (names.test(name) && view.getUint32(at + 4, true) !== 8) {
        found.push({file: 'executable', start, end: start + size})
      }
    }
    return found
  }

  /** Analyses it with some bytes of the ranges changed; the files are whole again afterwards. */
  async analyseWithFlips(
    ranges: readonly FileRange[],
    flips: number,
    random: (limit: number) => number,
  ): Promise<Outcome> {
    const undo: (() => void)[] = []
    for (let flip = 0; flip < flips; flip++) {
      const range = ranges[random(ranges.length)] as FileRange
      undo.push(this.#change(range, random))
    }
    try {
      return await this.analyse()
    } finally {
      for (const back of undo.reverse()) back()
    }
  }

  #change({file, start, end}: FileRange, random: (limit: number) => number): () => void {
    const path = file === 'core' ? this.core : this.executable
    const fd = openSync(path, 'r+')
    const length = Math.min([1, 1, 2, 4, 8][random(5)] as number, end - start)
    const at = start + random(Math.max(1, end - start - length + 1))
    const before = new Uint8Array(length)
    readSync(fd, before, 0, length, at)
    const style = random(4)
    const after = before.map(byte => [byte ^ (1 << random(8)), 0xff, 0, random(256)][style] as number)
    writeSync(fd, after, 0, length, at)
    return () => {
      writeSync(fd, before, 0, length, at)
      closeSync(fd)
    }
  }

  /** Cuts the core; it stays cut, so sizes must fall. */
  cut(size: number): void {
    const fd = openSync(this.core, 'r+')
    ftruncateSync(fd, size)
    closeSync(fd)
  }

  /** The whole analysis with both ways to print it. Only typed errors count as an answer. */
  async analyse(): Promise<Outcome> {
    const started = performance.now()
    const diagnostics = new Diagnostics()
    const {sysroot} = this.#fixture
    let characters = 0
    let refused: string | undefined
    try {
      const dead = await openProcess(this.core, {exe: this.executable, sysroots: [sysroot], diagnostics})
      try {
        for (const format of Object.values<Format>(FORMATS)) {
          const report = analyzeCore(dead, {
            tool: {name: 'gotrace-core', version: '0'},
            traceback: 'crash',
            cgoFrames: 'auto',
            goroutines: undefined,
            maxFrames: 1000,
            demangle: true,
            deadline: Number.POSITIVE_INFINITY,
            diagnostics,
          })
          const pieces = format.renderers.analyze?.(report, {style: PLAIN_STYLE, registers: true}) ?? []
          for (const piece of pieces) characters += piece.length
        }
      } finally {
        dead.close()
      }
    } catch (error) {
      if (!(error instanceof GotraceError)) throw error
      refused = error.message
    }
    return {refused, characters, milliseconds: performance.now() - started}
  }

  /** Addresses of every goroutine and machine, to be damaged where they lie. */
  async addresses(): Promise<{goroutines: Address[]; machines: Address[]; stacks: {lo: number; hi: number}[]}> {
    const {examineProcess} = await import('../../src/analysis/process/examine-process.ts')
    const diagnostics = new Diagnostics()
    const dead = await openProcess(this.core, {exe: this.executable, sysroots: [this.#fixture.sysroot], diagnostics})
    const {runtime} = examineProcess(dead, {maxFrames: 1000, demangle: true, diagnostics})
    const goroutines = [...(runtime?.goroutines() ?? [])]
    const machines = (runtime?.machines ?? []).map(({address}) => address)
    dead.close()
    return {
      goroutines: goroutines.map(({address}) => address),
      machines,
      stacks: goroutines.filter(({stack}) => stack.hi !== 0).map(({stack}) => stack),
    }
  }
}

export interface Outcome {
  refused: string | undefined
  characters: number
  milliseconds: number
}
