import type {Fixture} from '../../lab/fixtures.ts'
import {type OpenProcess, openProcess} from '../../src/acquire/open-process.ts'
import {analyzeCore} from '../../src/analysis/analyze-core.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {AddressSpace} from '../../src/elf/address-space.ts'
import {openMemoryImage} from '../../src/elf/memory-image.ts'
import {Module} from '../../src/elf/module.ts'
import {renderGoroutine} from '../../src/render/go-text.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import type {CoreReport, GoroutineReport} from '../../src/report/core-report.ts'

export interface Analysed {
  readonly report: CoreReport
  readonly goroutines: readonly GoroutineReport[]
  /** The goroutines as `analyze --traceback crash --cgo-frames none` prints them. */
  readonly text: string
  readonly diagnostics: Diagnostics
}

export interface AnalyseOptions {
  /** The core to read in place of the fixture's. */
  readonly core?: string
  readonly executable?: string
  /** The program's file is nowhere to be found. */
  readonly withoutExecutable?: boolean
  /** As in Go's own text without it. */
  readonly cgoFrames?: 'auto'
}

/** The report of a fixture at traceback level crash, walked to its end. */
export async function analyse(fixture: Fixture, options: AnalyseOptions = {}): Promise<Analysed> {
  const diagnostics = new Diagnostics()
  const exe = options.executable ?? fixture.executable
  const opened = await openProcess(options.core ?? fixture.core, {diagnostics, exe, sysroots: [fixture.sysroot]})
  try {
    const files = options.withoutExecutable ? forgetProgram(opened, diagnostics) : opened
    const report = analyzeCore(files, {
      tool: {name: 'gotrace-core', version: '0'},
      traceback: 'crash',
      cgoFrames: options.cgoFrames ?? 'none',
      goroutines: undefined,
      maxFrames: 1000,
      demangle: true,
      deadline: Deadline.never(diagnostics),
      diagnostics,
    })
    // Copied whole: what a goroutine waits for is read when it is first asked for, and the files are closed then.
    const goroutines = Array.from(report.goroutines, goroutine => ({...goroutine}))
    const text = goroutines.map(goroutine => renderGoroutine(goroutine, PLAIN_STYLE)).join('\n')
    report.tail()
    return {report, goroutines, text, diagnostics}
  } finally {
    opened.close()
  }
}

/** The same process, of whose program nothing is left but what the core holds. */
function forgetProgram(opened: OpenProcess, diagnostics: Diagnostics): OpenProcess {
  const {core} = opened
  const modules = opened.modules.map(module => {
    if (!module.isExecutable) return module
    const image = openMemoryImage(core.memory, module.start, module.path, diagnostics)
    return new Module({
      path: module.path,
      start: module.start,
      end: module.end,
      loadBias: module.loadBias,
      isExecutable: true,
      mappings: module.mappings,
      image: image?.elf,
      imageOrigin: image ? 'memory' : 'none',
    })
  })
  return {...opened, modules, addressSpace: new AddressSpace(core, modules)}
}
