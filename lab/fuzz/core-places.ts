import {type LoadRange, number64} from './elf-places.ts'
import type {Holds, PlaceCollector} from './place.ts'

/** Note types of a core (linux/elf.h). */
const NT = {PRSTATUS: 1, PRPSINFO: 3, AUXV: 6, SIGINFO: 0x53494749, FILE: 0x46494c45} as const
/** struct elf_prstatus of x86-64 (linux/elfcore.h): pr_cursig, pr_pid, pr_reg with its 27 words. */
const PRSTATUS = {signal: 12, tid: 32, registers: 112, count: 27} as const
/** Of the registers those that lead somewhere: rbp, rip, rsp, fs_base. */
const LEADING = {rbp: 4, rip: 16, rsp: 19, fsBase: 21} as const
const NOTE_HEADER_SIZE = 12

export interface ThreadPlace {
  readonly rsp: number
  readonly rip: number
  readonly fsBase: number
}

/** The places in the notes of a core, which begin at `offset`; its threads are what is looked for in memory next. */
export function addNotePlaces(places: PlaceCollector, bytes: Uint8Array, offset: number): ThreadPlace[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const threads: ThreadPlace[] = []
  const put = (kind: string, at: number, size: number, holds: Holds): void =>
    places.add({file: 'core', kind: `core: ${kind}`, at: offset + at, size, holds})
  for (let at = 0; at + NOTE_HEADER_SIZE <= bytes.length; ) {
    const ownerSize = view.getUint32(at, true)
    const descSize = view.getUint32(at + 4, true)
    const type = view.getUint32(at + 8, true)
    const desc = at + NOTE_HEADER_SIZE + align(ownerSize)
    put('note headers', at, 4, 'size')
    put('note headers', at + 4, 4, 'size')
    put('note headers', at + 8, 4, 'word')
    for (const edge of [at, desc]) places.addEdge('core', offset + edge)
    if (type === NT.PRSTATUS) threads.push(threadOf(view, desc))
    CONTENTS[type]?.({view, desc, size: descSize, put})
    at = desc + align(descSize)
  }
  return threads
}

interface NoteContents {
  readonly view: DataView
  readonly desc: number
  readonly size: number
  readonly put: (kind: string, at: number, size: number, holds: Holds) => void
}

/** What each note consists of, by its type. */
const CONTENTS: Readonly<Record<number, (note: NoteContents) => void>> = {
  [NT.PRSTATUS]: addPrstatus,
  [NT.PRPSINFO]: ({desc, size, put}) => put('PRPSINFO', desc, size, 'text'),
  [NT.SIGINFO]: ({desc, put}) => {
    for (let word = 0; word < 32; word += 4) put('SIGINFO', desc + word, 4, 'word')
  },
  [NT.AUXV]: addAuxv,
  [NT.FILE]: addFileNote,
}

const registerAt = (desc: number, index: number): number => desc + PRSTATUS.registers + index * 8

function threadOf(view: DataView, desc: number): ThreadPlace {
  const word = (index: number): number => number64(view, registerAt(desc, index))
  return {rsp: word(LEADING.rsp), rip: word(LEADING.rip), fsBase: word(LEADING.fsBase)}
}

function addPrstatus({desc, put}: NoteContents): void {
  put('PRSTATUS', desc + PRSTATUS.signal, 2, 'word')
  put('PRSTATUS', desc + PRSTATUS.tid, 4, 'word')
  for (let index = 0; index < PRSTATUS.count; index++) put('PRSTATUS', registerAt(desc, index), 8, 'pointer')
  for (const index of Object.values(LEADING)) put('registers', registerAt(desc, index), 8, 'pointer')
}

function addAuxv({view, desc, size, put}: NoteContents): void {
  for (let at = desc; at + 16 <= desc + size && number64(view, at) !== 0; at += 16) {
    put('AUXV', at, 8, 'word')
    put('AUXV', at + 8, 8, 'pointer')
  }
}

/** Linux: fs/binfmt_elf.c, fill_files_note. */
function addFileNote({view, desc, size, put}: NoteContents): void {
  const count = number64(view, desc)
  put('NT_FILE', desc, 8, 'size')
  put('NT_FILE', desc + 8, 8, 'size')
  for (let index = 0; index < count; index++) {
    const at = desc + 16 + index * 24
    put('NT_FILE', at, 8, 'pointer')
    put('NT_FILE', at + 8, 8, 'pointer')
    put('NT_FILE', at + 16, 8, 'size')
  }
  const names = desc + 16 + count * 24
  put('NT_FILE names', names, desc + size - names, 'text')
}

function align(size: number): number {
  return Math.ceil(size / 4) * 4
}

/** Words below the stack pointer of a thread, and of its thread control block, that are looked at. */
const STACK_WORDS = 96
const TCB_WORDS = 8

/** Memory of a core: where an address lies in its file. */
export class CoreMemory {
  readonly #loads: readonly LoadRange[]

  constructor(loads: readonly LoadRange[]) {
    this.#loads = loads
  }

  /** undefined where the core does not hold it. */
  offsetOf(address: number): number | undefined {
    const load = this.#loads.find(each => address >= each.address && address < each.address + each.size)
    return load && load.offset + (address - load.address)
  }

  addWords(places: PlaceCollector, kind: string, address: number, count: number): void {
    for (let index = 0; index < count; index++) this.add(places, kind, address + index * 8, 8, 'pointer')
  }

  add(places: PlaceCollector, kind: string, address: number, size: number, holds: Holds): void {
    const at = this.offsetOf(address)
    if (at !== undefined) places.add({file: 'core', kind: `core: ${kind}`, at, size, holds})
  }

  addThread(places: PlaceCollector, {rsp, rip, fsBase}: ThreadPlace): void {
    this.addWords(places, 'thread stacks', rsp, STACK_WORDS)
    // Variant II of thread-local storage (ELF Handling For Thread-Local Storage, 3.4.6): g lies below the TCB.
    this.addWords(places, 'thread control blocks', fsBase - 8 * TCB_WORDS, 2 * TCB_WORDS)
    for (const address of [rsp, rip, fsBase]) places.addAddress(address)
  }
}
