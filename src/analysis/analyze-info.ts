import {hex} from '../base/address.ts'
import type {CoreFile} from '../elf/core-file.ts'
import type {InfoReport} from '../report/core-report.ts'
import type {AnalysisOptions} from './analyze-core.ts'
import {PARTIAL} from './losses.ts'
import {reportCoreMemory} from './process/core-memory.ts'
import {examineProcess} from './process/examine-process.ts'
import type {ProcessFiles} from './process/go-image.ts'
import {type CoreOrigin, reportCoreFacts, reportGo, reportModules} from './process/process-facts.ts'
import {signalCodeName, signalName} from './process/signal-names.ts'

/** What a core and the files that it names say of themselves: no stack is walked, no goroutine read. */
export function analyzeInfo(
  files: ProcessFiles & CoreOrigin,
  {tool, deadline, diagnostics, examined}: Pick<AnalysisOptions, 'tool' | 'deadline' | 'diagnostics' | 'examined'>,
): InfoReport {
  const {core, modules} = files
  // The same reader as of all commands: what they say of the program never differs.
  const process = examineProcess(files, {maxFrames: 1, demangle: true, deadline, diagnostics, examined})
  const reports = reportModules({modules}).map((report, index) => {
    const module = modules[index]
    return {...report, goBuildId: module?.goBuildId ?? null, debugInfo: module?.debug.dwarf?.name ?? null}
  })
  // The image in memory of a module without its file is what the core happens to hold; the vDSO has no file.
  const lost = reports.filter(({found, path}) => found === null || (found === 'memory' && !path.startsWith('[')))
  const whyIncomplete = (): string[] => [
    ...(lost.length > 0 ? [`${lost.length} of ${reports.length} modules were not found`] : []),
    ...(process.isPartial() ? [PARTIAL] : []),
  ]
  const facts = reportCoreFacts(files, files)
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
    go: reportGo(process),
    memory: reportCoreMemory(core),
    modules: reports,
    diagnostics: diagnostics.list(),
    conclude: () => {},
    whyIncomplete,
    isComplete: () => whyIncomplete().length === 0,
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
