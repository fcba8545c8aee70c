import {hex} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {CoreFile} from '../elf/core-file.ts'
import type {InfoReport} from '../report/core-report.ts'
import type {AnalysisOptions} from './analyze-core.ts'
import {isPartial, reportCoreMemory} from './process/core-memory.ts'
import {type GoIdentity, identifyGo} from './process/go-identity.ts'
import type {ProcessFiles} from './process/go-image.ts'
import {
  type CoreOrigin,
  moduleSymbols,
  reportBuildInfo,
  reportCoreFacts,
  reportModules,
} from './process/process-facts.ts'
import {signalCodeName, signalName} from './process/signal-names.ts'

/** What a core and the files that it names say of themselves: no stack is walked, no goroutine read. */
export function analyzeInfo(
  files: ProcessFiles & CoreOrigin,
  {tool, deadline, diagnostics}: Pick<AnalysisOptions, 'tool' | 'deadline' | 'diagnostics'>,
): InfoReport {
  const {core, modules} = files
  const reports = reportModules({modules}).map((report, index) => {
    const module = modules[index]
    return {...report, goBuildId: module?.goBuildId ?? null, debugInfo: module?.debug.dwarf?.name ?? null}
  })
  const facts = reportCoreFacts(files, {path: files.path, size: files.size, compression: files.compression})
  return {
    schemaVersion: '1',
    tool,
    core: facts,
    signal: reportSignal(core),
    process: core.process
      ? {
          pid: core.process.pid,
          parentPid: core.process.parentPid,
          uid: core.process.uid,
          gid: core.process.gid,
          name: core.process.name,
        }
      : null,
    go: reportGoImage(files, diagnostics),
    memory: reportCoreMemory(core),
    modules: reports,
    diagnostics: diagnostics.list(),
    isComplete: () => !isPartial(files) && reports.every(({found}) => found !== null) && !deadline.hasStruck,
    isOutOfTime: deadline.hasStruck,
  }
}

function reportSignal({signal}: CoreFile): InfoReport['signal'] {
  if (!signal) return null
  const {number, code, address, senderPid} = signal
  return {
    number,
    name: signalName(number),
    code: code ?? null,
    codeName: code === undefined ? null : signalCodeName(number, code),
    address: address === undefined ? null : hex(address),
    senderPid: senderPid ?? null,
  }
}

function reportGoImage(files: ProcessFiles, diagnostics: Diagnostics): InfoReport['go'] {
  const found = identifyGo(files, diagnostics)
  const {modules, settings, ...program} = reportIdentity(found[0])
  const images = found.flatMap(identity => {
    const {version, symbols, layoutSource, main} = reportIdentity(identity)
    return identity.image ? [{path: identity.image.module.path, version, symbols, layoutSource, main}] : []
  })
  return {...program, modules, settings, images}
}

function reportIdentity({image, known}: GoIdentity): Omit<InfoReport['go'], 'images'> {
  const symbols = image && moduleSymbols(image.module)
  return {
    version: image?.buildInfo?.versionText ?? known?.text ?? null,
    symbols: !image ? 'none' : symbols === 'dwarf' || symbols === 'symtab' ? symbols : 'pclntab',
    layoutSource: null,
    ...reportBuildInfo(image?.buildInfo),
  }
}
