import type {Address} from '../../base/address.ts'
import type {Deadline} from '../../base/deadline.ts'
import {Diagnostics} from '../../base/diagnostics.ts'
import {DwarfInfo} from '../../dwarf/dwarf-info.ts'
import type {CoreFile} from '../../elf/core-file.ts'
import type {Module} from '../../elf/module.ts'
import type {GoTables} from '../../gosym/func-table.ts'
import {GoVersion, NEWEST} from '../../gosym/version.ts'
import {GoRuntime, type GoRuntimeInput} from '../../runtime-model/go-runtime.ts'
import type {LayoutQuery} from '../../runtime-model/layouts-from-dwarf.ts'
import type {DataRange} from '../../runtime-model/root-search.ts'
import type {KeptFrames} from '../../symbolize/kept-frames.ts'
import {Symbolizer} from '../../symbolize/symbolizer.ts'
import {Unwinder} from '../../unwind/unwinder.ts'
import {CgoHooks} from './cgo-hooks.ts'
import {adviceForLost, isPartial, reportFilter} from './core-memory.ts'
import type {DeadProcess} from './dead-process.ts'
import type {FrameOrigins} from './frame-origins.ts'
import {type GoIdentity, identifyGo, openTables} from './go-identity.ts'
import {dataRanges, lostProgram, type ProcessFiles} from './go-image.ts'
import {TailCalls} from './tail-calls.ts'

export interface ExamineOptions {
  maxFrames: number
  demangle: boolean
  deadline: Deadline
  diagnostics: Diagnostics
  /** What earlier runs found of the frames of C, and in the code of stripped programs. */
  kept?: KeptFrames | undefined
  /** undefined: nobody asks for the variables of frames. */
  origins?: FrameOrigins | undefined
  /** The process, where an answer before this one has examined it. */
  examined?: DeadProcess | undefined
}

/** Finds the Go code and the runtimes in a process, and sets up what walks and names its stacks. */
export function examineProcess(files: ProcessFiles, options: ExamineOptions): DeadProcess {
  if (options.examined) return options.examined
  const {core, modules, addressSpace: memory} = files
  const {deadline, diagnostics, maxFrames, kept} = options
  reportFilter(core, diagnostics)
  const isExecutable = (address: Address) => isExecutableAt(files, address)
  const identities = identifyGo(files, diagnostics)
  const sure = identities.filter(({tables}) => tables || identities.length === 1)
  const codeOf = (identity: GoIdentity): CodeOf => ({
    isExecutable,
    isForeign: pc => identities.some(other => other !== identity && other.tables?.functionAt(pc) !== undefined),
  })
  const opened = sure.map(identity => openImage(files, identity, codeOf(identity), options))
  for (const identity of identities.filter(each => !sure.includes(each))) {
    // It need not have a runtime at all, and a search of all memory finds what the others have.
    const remarks = new Diagnostics()
    const image = openImage(files, identity, codeOf(identity), {...options, diagnostics: remarks})
    if (!image.runtime || isSeenBy(opened, image.runtime)) continue
    diagnostics.addAll(remarks)
    opened.push(image)
  }
  memory.replaceWords(new Map(opened.flatMap(({runtime}) => [...(runtime?.hiddenReturns() ?? [])])))
  opened.sort((a, b) => Number(b.goModule?.isExecutable ?? false) - Number(a.goModule?.isExecutable ?? false))
  const [first, ...others] = [...opened.filter(({runtime}) => runtime), ...opened.filter(({runtime}) => !runtime)]
  const go = joinTables(opened)
  const lookup = {moduleAt: (address: Address) => memory.moduleAt(address)}
  const symbolizer = new Symbolizer({...lookup, go, diagnostics, demangle: options.demangle, kept})
  const tailCalls = new TailCalls(memory, symbolizer)
  const images: DeadProcess[] = []
  for (const image of [first, ...others.filter(({runtime}) => runtime)]) {
    if (!image) continue
    const {version} = image
    let unwinder: Unwinder | undefined
    const advice = adviceForLost(files)
    const shared = {
      core,
      modules,
      memory,
      symbolizer,
      tailCalls,
      origins: options.origins,
      isExecutable,
      advice,
      deadline,
      diagnostics,
      maxFrames,
    }
    const remediesFor = (module: Module) => files.remediesFor?.(module) ?? []
    const seen: DeadProcess = {
      hooks: new CgoHooks(() => seen),
      ...shared,
      ...image,
      remediesFor,
      get unwinder() {
        unwinder ??= new Unwinder({memory, modules: lookup, go, version, isExecutable, diagnostics})
        return unwinder
      },
      images,
      isPartial: () => isPartialProcess(files, images) || deadline.hasStruck,
    }
    images.push(seen)
  }
  return images[0] as DeadProcess
}

function isPartialProcess(files: ProcessFiles, images: readonly DeadProcess[]): boolean {
  return isPartial(files) || images.some(({runtime}) => runtime?.isIncomplete === true)
}

function isSeenBy(images: readonly OpenedImage[], found: GoRuntime): boolean {
  return found.machines.some(({address}) => images.some(({runtime}) => runtime?.machineAt(address)))
}

type CodeOf = Pick<GoRuntimeInput, 'isExecutable' | 'isForeign'>

type OpenedImage = Pick<
  DeadProcess,
  'goModule' | 'version' | 'oldestVersion' | 'versionText' | 'tables' | 'buildInfo' | 'runtime'
>

/** One Go runtime, and the release that it is read as. */
function openImage(
  files: ProcessFiles,
  {image, symbols, known, tables: found}: GoIdentity,
  code: CodeOf,
  {deadline, diagnostics, kept}: ExamineOptions,
): OpenedImage {
  const {core, modules, addressSpace: memory} = files
  const home = image?.module ?? lostProgram(modules)
  const runtime =
    (found || home) &&
    GoRuntime.open({
      memory,
      version: known,
      releases: found?.releases,
      tables: found,
      symbols,
      layouts: layoutQuery(image?.module, diagnostics),
      threadIds: new Set(core.threads.map(({tid}) => tid)),
      data: dataRanges(core, home),
      heap: () => writableMemory(core),
      known: () => home && kept?.code?.of(home),
      ...code,
      deadline,
      advice: adviceForLost(files),
      diagnostics,
    })
  const guessed = runtime && GoVersion.ofMinor(runtime.release.minor)
  const version = known ?? guessed ?? found?.version ?? NEWEST
  const tables =
    found && version.minor !== found.version.minor
      ? openTables(files, image, version, symbols('runtime.firstmoduledata'), diagnostics)
      : found
  const versionText = image?.buildInfo?.versionText ?? known?.text
  const oldestVersion = known ?? runtime?.oldestRelease ?? version
  return {goModule: home, version, oldestVersion, versionText, tables, buildInfo: image?.buildInfo, runtime}
}

/** The functions of all Go code, whichever runtime it belongs to. */
function joinTables(images: readonly OpenedImage[]): Pick<GoTables, 'functionAt'> | undefined {
  const all = images.flatMap(({tables}) => tables ?? [])
  if (all.length < 2) return all[0]
  return {
    functionAt: pc => {
      for (const tables of all) {
        const found = tables.functionAt(pc)
        if (found) return found
      }
      return undefined
    },
  }
}

/** By the core; a core of gcore has no segments for the code of files at all, and there the files say it. */
function isExecutableAt({core, addressSpace}: ProcessFiles, address: Address): boolean {
  const extent = core.segments.extentAt(address)
  if (extent.executable || extent.state !== 'unmapped') return extent.executable
  const module = addressSpace.moduleAt(address)
  const linkAddress = module?.linkAddress(address)
  return linkAddress !== undefined && module?.image?.loadAt(linkAddress)?.executable === true
}

function* writableMemory(core: CoreFile): Generator<DataRange> {
  for (const part of core.segments.dumped()) if (part.writable) yield part
}

/** Struct layouts as the binary's DWARF declares them; none where it has no DWARF. */
function layoutQuery(module: Module | undefined, diagnostics: Diagnostics): LayoutQuery {
  return names => {
    const dwarf = module?.debug.dwarf
    if (!dwarf?.section('.debug_info')) return new Map()
    return new DwarfInfo(dwarf, {supplementary: module?.debug.supplementary, diagnostics}).structLayouts(names)
  }
}
