import {type OpenProcess, openProcess} from '../../src/acquire/open-process.ts'
import {examineProcess} from '../../src/analysis/process/examine-process.ts'
import {toAddress} from '../../src/base/address.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {readAddress} from '../../src/base/memory-reader.ts'
import {PT} from '../../src/elf/elf-headers.ts'
import {DT} from '../../src/elf/segment-sections.ts'
import {SymbolTable} from '../../src/elf/symtab.ts'
import {MODULEDATA_LAYOUTS} from '../../src/gosym/moduledata-layout.ts'
import {fieldWidth, type StructLayout, type StructName} from '../../src/runtime-model/struct-layout.ts'
import type {CoreMemory} from './core-places.ts'
import type {PlaceCollector} from './place.ts'
import type {WorkingCopy} from './working-copy.ts'

/** Words of a goroutine's stack from where it left off, which is as deep as most are. */
const STACK_WORDS = 96
const SLICE_WORDS = 3
/** What the runtime's roots are called, and how many words each has. */
const ROOTS: Readonly<Record<string, number>> = {
  'runtime.allgs': SLICE_WORDS,
  'runtime.allglen': 1,
  'runtime.allm': 1,
  'runtime.allp': SLICE_WORDS,
  'runtime.sched': 16,
  'runtime.m0': 8,
  'runtime.g0': 8,
  'runtime.iscgo': 1,
  'runtime.extraM': 1,
  'runtime.extram': 1,
  'runtime.cgoTraceback': 1,
  'runtime.cgoSymbolizer': 1,
  'runtime.buildVersion': 2,
  _cgo_callers: 1,
}

/**
 * What our own model finds in an undamaged process: each field of each g, m and p that it reads, the lists that lead
 * to them, the stacks, moduledata and the link map.
 * @returns pcs of the process that mean something
 */
export async function addRuntimePlaces(
  places: PlaceCollector,
  copy: WorkingCopy,
  memory: CoreMemory,
): Promise<{pcs: number[]; modules: readonly {path: string; loadBias: number}[]}> {
  const diagnostics = new Diagnostics()
  const exe = copy.setting === 'named' ? copy.program : undefined
  const core = copy.files.get('core') as string
  const dead = await openProcess(core, {exe, sysroots: [copy.sysroot], debugDirs: [copy.debugDirectory], diagnostics})
  try {
    const process = examineProcess(dead, {
      maxFrames: 1000,
      demangle: true,
      deadline: Deadline.never(diagnostics),
      diagnostics,
    })
    const pcs = process.runtime ? addRuntime(places, memory, process.runtime) : []
    addRoots(places, memory, dead)
    addModuledata(places, memory, process)
    addLinkMap(places, memory, dead)
    for (const {start, end} of dead.modules) for (const address of [start, end]) places.addAddress(address)
    const modules = dead.modules.map(({path, loadBias}) => ({path, loadBias}))
    return {pcs, modules}
  } finally {
    dead.close()
  }
}

type Process = ReturnType<typeof examineProcess>
type Runtime = NonNullable<Process['runtime']>

function addRuntime(places: PlaceCollector, memory: CoreMemory, runtime: Runtime): number[] {
  const pcs: number[] = []
  const {layouts} = runtime
  const addStruct = <S extends StructName>(layout: StructLayout<S>, address: number): void => {
    if (address === 0) return
    places.addAddress(address)
    for (const [field, offset] of layout.fields()) {
      const width = fieldWidth(layout.name, field as never)
      const holds = width === 8 ? 'pointer' : 'word'
      memory.add(places, `fields of ${layout.name}`, address + offset, width, holds)
      // The fields that lead on are few, and what happens there matters most.
      if (/link|^g0$|^curg$|^gsignal$|^m$|_panic|waiting|labels|ancestors|cgo|stack\.|sched\./.test(field)) {
        memory.add(places, `links of ${layout.name}`, address + offset, width, holds)
      }
    }
  }
  for (const goroutine of runtime.goroutines()) {
    addStruct(layouts.g, goroutine.address)
    addStack(places, memory, goroutine)
    pcs.push(goroutine.sched.pc, goroutine.gopc, goroutine.startpc)
    for (const {channel} of goroutine.waitingOn) memory.addWords(places, 'channels', channel, 12)
  }
  for (const machine of runtime.machines) {
    addStruct(layouts.m, machine.address)
    memory.addWords(places, 'saved cgo callers', machine.cgoCallers, 32)
    for (const at of [machine.g0, machine.gsignal]) {
      addStruct(layouts.g, at)
      const goroutine = at === 0 ? undefined : runtime.goroutineAt(at)
      if (goroutine) addStack(places, memory, goroutine)
    }
  }
  for (const {address} of runtime.processors) addStruct(layouts.p, address)
  return pcs.filter(pc => pc > 0)
}

function addStack(
  places: PlaceCollector,
  memory: CoreMemory,
  {stack, sched}: {stack: {lo: number; hi: number}; sched: {sp: number}},
): void {
  for (const address of [stack.lo, stack.hi, sched.sp]) places.addAddress(address)
  const start = sched.sp > stack.lo && sched.sp < stack.hi ? sched.sp : stack.lo
  memory.addWords(places, 'goroutine stacks', start, Math.min(STACK_WORDS, Math.floor((stack.hi - start) / 8)))
}

function addRoots(places: PlaceCollector, memory: CoreMemory, {modules}: OpenProcess): void {
  for (const module of modules) {
    if (!module.image) continue
    const table = SymbolTable.of(module.image)
    for (const [name, words] of Object.entries(ROOTS)) {
      const symbol = table.lookup(name)
      if (symbol) memory.addWords(places, 'roots of the runtime', module.toAddress(symbol.address), words)
    }
  }
}

function addModuledata(places: PlaceCollector, memory: CoreMemory, {tables, version}: Process): void {
  const layout = version.rowOf(MODULEDATA_LAYOUTS)
  if (!layout) return
  for (const {address} of tables?.modules ?? []) {
    memory.addWords(places, 'moduledata', address, Math.floor(layout.size / 8))
  }
}

/** struct link_map has l_addr, l_name, l_ld, l_next, l_prev; r_debug has r_map at 8 (glibc: elf/link.h). */
const LINK_MAP_WORDS = 5
const LINK_MAP_NEXT = 24
const NAME_SIZE = 16
const DYNAMIC_ENTRIES = 40
const ENTRIES_MAX = 64

function addLinkMap(places: PlaceCollector, memory: CoreMemory, {core, modules}: OpenProcess): void {
  const program = modules.find(({isExecutable}) => isExecutable)
  const segment = program?.image?.segments.find(({type}) => type === PT.PT_DYNAMIC)
  if (!program || !segment) return
  const dynamic = program.toAddress(segment.address)
  memory.addWords(places, 'link map', dynamic, 2 * DYNAMIC_ENTRIES)
  const word = (address: number): number => readAddress(core.memory, toAddress(address)) ?? 0
  const entries = Array.from({length: DYNAMIC_ENTRIES}, (_, index) => dynamic + index * 16)
  const debug = entries.find(at => word(at) === DT.DT_DEBUG)
  if (debug === undefined) return
  memory.addWords(places, 'link map', word(debug + 8), 2)
  let entry = word(word(debug + 8) + 8)
  for (let count = 0; entry !== 0 && count < ENTRIES_MAX; count++) {
    places.addAddress(entry)
    memory.addWords(places, 'link map', entry, LINK_MAP_WORDS)
    memory.add(places, 'link map', word(entry + 8), NAME_SIZE, 'text')
    entry = word(entry + LINK_MAP_NEXT)
  }
}
