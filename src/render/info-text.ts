import {printable} from '../base/printable.ts'
import type {InfoReport} from '../report/core-report.ts'
import type {Style} from './style.ts'

/** Missing parts that the text names. */
const PARTS_SHOWN = 20
const LABEL_WIDTH = 14

/** Facts about a core, one a line, then its modules. Yields text that ends in a newline. */
export function* renderInfoText(report: InfoReport, style: Style): Generator<string> {
  for (const [label, value] of facts(report)) yield line(label, value, style)
  yield* renderGo(report.go, style)
  yield* renderModules(report, style)
}

function line(label: string, value: string, style: Style): string {
  return `${style.header(label.padEnd(LABEL_WIDTH))}${printable(value)}\n`
}

function* facts({core, signal, process, memory}: InfoReport): Generator<[string, string]> {
  yield [
    'core',
    `${core.path} (${formatSize(core.size)}${core.compression !== null && core.compression !== 'none' ? `, was ${core.compression}` : ''})`,
  ]
  yield ['signal', signal ? describeSignal(signal) : 'none: no signal ended the process']
  if (process)
    yield [
      'process',
      `pid ${process.pid} ${JSON.stringify(process.name)}, parent ${process.parentPid}, uid ${process.uid}`,
    ]
  if (core.origin) yield ['recorded', describeOrigin(core.origin)]
  if (core.arguments.length > 0) yield ['command', core.arguments.join(' ')]
  yield ['executable', core.executable ?? 'unknown']
  yield ['threads', String(core.threadCount)]
  yield ['page size', String(core.pageSize)]
  const {segments, mapped, dumped} = memory
  yield ['memory', `${formatSize(mapped)} mapped in ${segments} segments, ${formatSize(dumped)} of it dumped`]
  yield ['completeness', describeCompleteness(core, memory)]
  const {missingParts} = memory
  for (const {start, end, what} of missingParts.slice(0, PARTS_SHOWN)) yield ['', `missing: ${start}-${end} ${what}`]
  if (missingParts.length > PARTS_SHOWN) yield ['', 'missing: … and more (--json)']
  if (memory.threadsWithoutStack.length > 0) {
    yield ['', `without their stack: threads ${memory.threadsWithoutStack.join(' ')}`]
  }
}

function describeOrigin({handler, source, ...facts}: NonNullable<InfoReport['core']['origin']>): string {
  const known = Object.entries(facts).filter(([, value]) => value !== null)
  return `by ${handler} (${source}): ${known.map(([what, value]) => `${what} ${value}`).join(', ')}`
}

function describeSignal({number, name, code, codeName, address, senderPid}: NonNullable<InfoReport['signal']>): string {
  let text = `${name ?? 'signal'} (${number})`
  if (code !== null) text += `, ${codeName ?? 'code'} (${code})`
  if (address !== null) text += `, address ${address}`
  if (senderPid !== null) text += `, sent by pid ${senderPid}`
  return text
}

function describeCompleteness(core: InfoReport['core'], memory: InfoReport['memory']): string {
  if (!core.truncated && memory.missing === 0) {
    if (!memory.isFiltered) return 'complete'
    return `filtered: ${formatSize(memory.leftOut)} that the process could write to were left out (coredump_filter)`
  }
  const share = memory.dumped > 0 ? (100 * memory.missing) / memory.dumped : 0
  const what = core.truncated ? 'cut short' : 'with holes'
  return `${what}: ${formatSize(memory.missing)} of ${formatSize(memory.dumped)} are missing (${share.toFixed(1)} %)`
}

function* renderGo(go: InfoReport['go'], style: Style): Generator<string> {
  if (go.symbols === 'none' && go.version === null && go.layoutSource === null) {
    yield line('go', 'no Go code was found in this process', style)
    return
  }
  yield line('go', `${go.version ?? 'unknown release'}, symbols: ${go.symbols}`, style)
  for (const {path, version, symbols} of go.images.slice(1)) {
    yield line('go', `${version ?? 'unknown release'}, symbols: ${symbols}, a runtime of its own in ${path}`, style)
  }
  if (go.main !== null) yield line('main', go.main, style)
  for (const {path, version, sum} of go.modules)
    yield line('module', [path, version, sum].filter(Boolean).join(' '), style)
  for (const [key, value] of Object.entries(go.settings)) yield line('build', `${key}=${value}`, style)
}

function* renderModules({modules}: InfoReport, style: Style): Generator<string> {
  for (const {path, buildId, goBuildId, start, end, loadBias, found, symbols, mismatch, debugInfo} of modules) {
    const from = debugInfo === null || debugInfo === found ? '' : `, from ${debugInfo}`
    const lines = [
      `${start}-${end}, load bias ${loadBias}`,
      `build ID ${buildId ?? 'unknown'}`,
      ...(goBuildId === null ? [] : [`Go build ID ${goBuildId}`]),
      describeFile(found, mismatch),
      `symbols: ${symbols ?? 'unknown'}${from}`,
    ]
    yield `\n${style.goroutine(path)}\n${lines.map(text => `\t${printable(text)}\n`).join('')}`
  }
}

function describeFile(found: string | null, mismatch: string | null): string {
  const refused = mismatch === null ? '' : `; a file of build ID ${mismatch} was refused`
  if (found === null) return `not found${refused}`
  return `${found === 'memory' ? 'read from memory' : `found: ${found}`}${refused}`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

function formatSize(bytes: number): string {
  let size = bytes
  let unit = 0
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000
    unit++
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${UNITS[unit] ?? ''}`
}
