import {RegisterSet} from '../../src/amd64/register-set.ts'
import {type Address, toAddress} from '../../src/base/address.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import type {MemoryReader} from '../../src/base/memory-reader.ts'
import type {SectionSource} from '../../src/base/section-source.ts'
import {GoTables} from '../../src/gosym/func-table.ts'
import type {GoFunction} from '../../src/gosym/go-function.ts'
import {GoVersion} from '../../src/gosym/version.ts'
import type {CodeModule} from '../../src/unwind/cfi-rows.ts'
import type {Bounds, Seed, StopReason, UnwindFrame} from '../../src/unwind/unwind-frame.ts'
import {Unwinder} from '../../src/unwind/unwinder.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {buildGoImage} from '../support/pclntab-builder.ts'

interface FrameDescription {
  start: number
  end: number
  /** Call frame instructions in hex. */
  program: string
}

export interface GoDescription {
  name: string
  entry: number
  end: number
  /** pcsp, the same for every pc. */
  frame: number
  flag?: number
}

/** A process of a few bytes: stacks, code, call frame information and Go functions, each at its address. */
export class FakeProcess implements MemoryReader {
  readonly diagnostics = new Diagnostics()
  readonly #pieces: {start: number; bytes: Uint8Array}[] = []
  readonly #code: {start: number; end: number}[] = []
  #moduleAt: ((at: Address) => CodeModule) | undefined
  readonly #fdes: FrameDescription[] = []
  readonly #unread: {start: number; end: number}[] = []
  readonly #go: GoDescription[] = []
  #tables: GoTables | undefined
  minor = 27

  /** Words at an address. */
  words(start: number, ...words: (number | bigint)[]): this {
    return this.bytes(start, new BytesBuilder().u64(...words).build())
  }

  bytes(start: number, bytes: Uint8Array): this {
    this.#pieces.unshift({start, bytes})
    return this
  }

  /** Executable bytes, in hex. */
  code(start: number, text: string): this {
    const bytes = new BytesBuilder().hex(text).build()
    this.#code.push({start, end: start + bytes.length})
    return this.bytes(start, bytes)
  }

  /** A function with call frame information: a CIE of gcc's (rsp+8, ra at c-8) and these instructions. */
  fde(start: number, end: number, program: string): this {
    this.#fdes.push({start, end, program})
    this.#code.push({start, end})
    return this
  }

  /** Code of a file that is gone. */
  unread(start: number, end: number): this {
    this.#code.push({start, end})
    this.#unread.push({start, end})
    return this
  }

  go(description: GoDescription): this {
    this.#go.push(description)
    this.#code.push({start: description.entry, end: description.end})
    return this
  }

  read(address: Address, length: number): Uint8Array | undefined {
    for (const {start, bytes} of this.#pieces) {
      if (address >= start && address + length <= start + bytes.length) {
        return bytes.subarray(address - start, address - start + length)
      }
    }
    return undefined
  }

  #ehFrame(): Uint8Array {
    const builder = new BytesBuilder()
    builder.difference(4, 'cieEnd', 'cie').label('cie').u32(0).u8(1).cstring('zR')
    builder.uleb128(1).sleb128(-8).u8(16).uleb128(1).u8(0x00).hex('0c 07 08 90 01').align(8).label('cieEnd')
    this.#fdes.forEach(({start, end, program}, index) => {
      builder.difference(4, `end${index}`, `fde${index}`).label(`fde${index}`)
      builder
        .computed(4, at => at(`fde${index}`))
        .u64(start, end - start)
        .uleb128(0)
      builder.hex(program).align(8).label(`end${index}`)
    })
    return builder.build()
  }

  /** The Go function that holds a pc, by tables of the release; what lies between two of them is no Go code here. */
  functionAt(pc: Address): GoFunction | undefined {
    this.#tables ??= this.#makeTables()
    return this.#go.some(({entry, end}) => pc >= entry && pc < end) ? this.#tables?.functionAt(pc) : undefined
  }

  #makeTables(): GoTables | undefined {
    const version = this.version
    const described = this.#go.toSorted((a, b) => a.entry - b.entry)
    const [first, last] = [described[0], described.at(-1)]
    if (!first || !last) return undefined
    const image = buildGoImage({
      minor: version.minor,
      text: first.entry,
      end: last.end - first.entry,
      functions: described.map(({name, entry, end, frame, flag = 0}) => {
        return {name, at: entry - first.entry, flag, pcsp: [[frame, end - entry]]}
      }),
    })
    const {memory, moduledata} = image
    return GoTables.open({
      memory,
      version,
      firstModuledata: moduledata,
      candidates: [],
      diagnostics: this.diagnostics,
    })
  }

  get version(): GoVersion {
    return GoVersion.ofMinor(this.minor)
  }

  /** The module of all code, and one without its file. */
  #modules(): (at: Address) => CodeModule {
    const ehFrame = this.#ehFrame()
    const image: SectionSource = {
      name: 'fake',
      section: name => (name === '.eh_frame' ? {bytes: ehFrame, address: toAddress(0)} : undefined),
    }
    const module: CodeModule = {loadBias: 0, image, debug: {dwarf: undefined}, linkAddress: address => address}
    const gone: CodeModule = {...module, image: undefined}
    return at => (this.#unread.some(({start, end}) => at >= start && at < end) ? gone : module)
  }

  /** As an AddressSpace has it. */
  moduleAt(address: Address): CodeModule {
    this.#moduleAt ??= this.#modules()
    return this.#moduleAt(address)
  }

  unwinder(): Unwinder {
    return new Unwinder({
      memory: this,
      modules: {moduleAt: this.#modules()},
      go: {functionAt: pc => this.functionAt(pc)},
      version: this.version,
      isExecutable: address => this.#code.some(({start, end}) => address >= start && address < end),
      diagnostics: this.diagnostics,
    })
  }

  walk(registers: RegisterSet, seed: Partial<Seed> = {}, bounds: Bounds = {}): Walk {
    const frames = this.unwinder().frames(
      {registers, foundBy: 'context', exactPc: true, ...seed},
      {frameLimit: 100, ...bounds},
    )
    const found: UnwindFrame[] = []
    for (;;) {
      const next = frames.next()
      if (next.done) return {frames: found, stop: next.value}
      found.push(next.value)
    }
  }
}

export interface Walk {
  frames: UnwindFrame[]
  stop: StopReason
}

export function at(pc: number, sp: number, bp?: number): RegisterSet {
  return RegisterSet.ofPosition(toAddress(pc), toAddress(sp), bp === undefined ? undefined : toAddress(bp))
}

export function pcs(walk: Walk): number[] {
  return walk.frames.map(frame => frame.pc)
}
