import {hex} from '../../base/address.ts'
import type {SectionSource} from '../../base/section-source.ts'
import {ElfFile} from '../../elf/elf-file.ts'
import type {KeptSignature} from '../../elf/minimal-core.ts'
import type {Module} from '../../elf/module.ts'
import {STT, SymbolTable} from '../../elf/symtab.ts'
import type {BuildInfo} from '../../gosym/build-info.ts'
import type {CoreReport, ModuleReport} from '../../report/core-report.ts'
import type {DeadProcess} from './dead-process.ts'

export interface Tool {
  name: string
  version: string
}

/** What is known of the core file before it is looked into. */
export interface CoreOrigin {
  path: string
  size: number
  compression: string | null
  /** What the program that took it noted of the crash. */
  recorded?: CrashRecord | undefined
  /** The signature that it had before its texts were blanked. */
  signed?: KeptSignature | undefined
}

type OriginReport = NonNullable<CoreReport['core']['origin']>

/** Facts that are not known are undefined. */
type CrashRecord = Pick<OriginReport, 'handler' | 'source'> & {
  readonly [Fact in Exclude<keyof OriginReport, 'handler' | 'source'>]: NonNullable<OriginReport[Fact]> | undefined
}

export function reportCoreFacts(
  process: Pick<DeadProcess, 'core' | 'modules'>,
  {path, size, compression, recorded}: CoreOrigin,
): CoreReport['core'] {
  const {core, modules} = process
  return {
    path,
    size,
    compression,
    truncated: core.truncated,
    pid: core.process?.pid ?? null,
    executable: modules.find(({isExecutable}) => isExecutable)?.path ?? null,
    arguments: splitArguments(core.process?.commandLine ?? ''),
    threadCount: core.threads.length,
    pageSize: core.pageSize,
    origin: recorded ? reportOrigin(recorded) : null,
  }
}

function reportOrigin({handler, source, name, pid, uid, time, signal, exe, unit, ...place}: CrashRecord): OriginReport {
  return {
    handler,
    source,
    name: name ?? null,
    pid: pid ?? null,
    uid: uid ?? null,
    time: time ?? null,
    signal: signal ?? null,
    exe: exe ?? null,
    unit: unit ?? null,
    container: place.container ?? null,
    cgroup: place.cgroup ?? null,
    host: place.host ?? null,
  }
}

/** NT_PRPSINFO keeps the command line with spaces between the arguments, cut at 80 bytes. */
function splitArguments(commandLine: string): string[] {
  return commandLine.split(' ').filter(argument => argument !== '')
}

export function reportGo(process: DeadProcess): CoreReport['go'] {
  const {modules, settings, ...program} = {...reportRuntime(process), ...reportBuildInfo(process.buildInfo)}
  const images = process.images.filter(({runtime, tables}) => runtime || tables)
  return {
    ...program,
    modules,
    settings,
    images: images.map(image => ({path: image.goModule?.path ?? null, ...reportRuntime(image)})),
  }
}

function reportRuntime(process: DeadProcess): Omit<CoreReport['go']['images'][number], 'path'> {
  const {buildInfo, runtime, versionText} = process
  return {
    version: versionText ?? null,
    symbols: goSymbols(process),
    layoutSource: runtime?.layoutSource ?? null,
    main: reportBuildInfo(buildInfo).main,
  }
}

/** What tells a runtime from the others of its process: its module's path. null where it is the only one. */
export function imageName({images, goModule}: DeadProcess): string | null {
  return images.length > 1 ? (goModule?.path ?? null) : null
}

/** What `go version -m` prints. */
export function reportBuildInfo(
  buildInfo: BuildInfo | undefined,
): Pick<CoreReport['go'], 'main' | 'mainVersion' | 'modules' | 'settings'> {
  return {
    main: buildInfo?.main?.path ?? buildInfo?.path ?? null,
    mainVersion: buildInfo?.main?.version || null,
    modules: (buildInfo?.modules ?? []).map(({path, version: moduleVersion, sum}) => ({
      path,
      version: moduleVersion ?? null,
      sum: sum ?? null,
    })),
    settings: Object.fromEntries(buildInfo?.settings ?? []),
  }
}

function goSymbols({modules, tables}: DeadProcess): CoreReport['go']['symbols'] {
  const first = tables?.modules[0]
  if (!tables) return 'none'
  const module = first ? modules.find(({start, end}) => first.minpc >= start && first.minpc < end) : undefined
  const found = module && moduleSymbols(module)
  return found === 'dwarf' ? 'dwarf' : found === 'symtab' ? 'symtab' : 'pclntab'
}

/** By the section's header: unpacking it only to see that it is there would cost more than the rest of the report. */
function holdsDebugInfo(dwarf: SectionSource | undefined): boolean {
  if (!(dwarf instanceof ElfFile)) return dwarf?.section('.debug_info') !== undefined
  return (dwarf.sectionHeader('.debug_info') ?? dwarf.sectionHeader('.zdebug_info')) !== undefined
}

/** The fullest table that names the module's functions. */
export function moduleSymbols({image, imageOrigin, debug}: Module): ModuleReport['symbols'] {
  if (!image) return null
  if (holdsDebugInfo(debug.dwarf)) return 'dwarf'
  const names = new Set(image.sections.map(({name}) => name))
  if (names.has('.symtab') || debug.symbols) return 'symtab'
  if (names.has('.gopclntab')) return 'pclntab'
  if (!names.has('.dynsym') && !image.section('.dynsym')) return 'none'
  // Of an image in memory the core may hold a part of the table alone, and without it names nothing.
  return imageOrigin === 'file' || namesFunction(image) ? 'dynsym' : 'none'
}

function namesFunction(image: ElfFile): boolean {
  for (const {type, name} of SymbolTable.of(image)) if (type === STT.STT_FUNC && name !== '') return true
  return false
}

export function reportModules({modules}: Pick<DeadProcess, 'modules'>): ModuleReport[] {
  return modules.map(module => ({
    path: module.path,
    buildId: module.buildId ?? null,
    start: hex(module.start),
    end: hex(module.end),
    loadBias: hex(BigInt.asUintN(64, BigInt(module.loadBias))),
    found:
      module.imageOrigin === 'file'
        ? (module.imagePath ?? module.path)
        : module.imageOrigin === 'memory'
          ? 'memory'
          : null,
    symbols: moduleSymbols(module),
    mismatch: module.mismatch ?? null,
    losses: null,
  }))
}
