/**
 * Holds our answers against addr2line, eu-addr2line and llvm-symbolizer, address by address: where two of the three agree
 * on something (the inline chain's length, a function, a file, a line), we must say the same; or what the third says, where
 * it alone sees inlined calls.
 *
 *   npm run compare:native -- [--samples N] [--show N] [--fixtures] [FILE…]
 *
 * Without files: the libraries of this system that have debug information, and fixtures built for the occasion.
 */
import {execFileSync} from 'node:child_process'
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {parseArgs} from 'node:util'
import {type Address, NULL_ADDRESS, toAddress} from '../src/base/address.ts'
import {FileSource} from '../src/base/byte-source.ts'
import {Diagnostics} from '../src/base/diagnostics.ts'
import {ElfFile} from '../src/elf/elf-file.ts'
import {Symbolizer} from '../src/symbolize/symbolizer.ts'
import {buildFixtures} from './native-fixtures.ts'

interface Frame {
  function: string | null
  file: string | null
  line: number | null
}
type Answers = Map<number, Frame[]>

const {values: flags, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    samples: {type: 'string', default: '300'},
    show: {type: 'string', default: '5'},
    fixtures: {type: 'boolean', default: false},
  },
})

function openElf(path: string, diagnostics: Diagnostics): ElfFile | undefined {
  return existsSync(path) ? ElfFile.open(FileSource.open(path), diagnostics) : undefined
}

function ourAnswers(path: string, addresses: number[]): Answers {
  const diagnostics = new Diagnostics()
  const image = ElfFile.open(FileSource.open(path), diagnostics)
  const id = image.buildId
  const beside = id && openElf(`/usr/lib/debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`, diagnostics)
  const debugFile = image.section('.debug_info') ? image : beside || image
  const link = debugFile.section('.gnu_debugaltlink')?.bytes
  const altName = link && new TextDecoder().decode(link.subarray(0, link.indexOf(0)))
  const supplementary = altName ? openElf(join(dirname(debugFile.name), altName), diagnostics) : undefined
  const split = (name: string, compDir: string | undefined) =>
    openElf(`${path}.dwp`, diagnostics) ?? openElf(name.startsWith('/') ? name : join(compDir ?? '', name), diagnostics)
  const module = {
    path,
    start: NULL_ADDRESS,
    image,
    debug: {dwarf: debugFile, supplementary, symbols: debugFile, splitUnit: split},
    linkAddress: (address: Address) => address,
    toAddress: (address: Address) => address,
  }
  const symbolizer = new Symbolizer({moduleAt: () => module, diagnostics})
  const answers: Answers = new Map()
  for (const address of addresses) {
    const pc = toAddress(address)
    answers.set(
      address,
      symbolizer.locate(pc, pc).map(({function: name, file, line}) => ({function: name, file, line})),
    )
  }
  for (const {code, message} of diagnostics.list()) console.log(`  ! ${code}: ${message}`)
  return answers
}

function toolAnswers(command: string, args: string[], addresses: number[]): Answers {
  const input = addresses.map(address => `0x${address.toString(16)}\n`).join('')
  const options = {input, maxBuffer: 1 << 30, encoding: 'utf8', stdio: 'pipe'} as const
  const answers: Answers = new Map()
  let frames: Frame[] = []
  let name: string | undefined
  for (const line of run(command, args, options).split('\n')) {
    if (/^0x[0-9a-f]+$/.test(line)) {
      frames = []
      answers.set(Number(line), frames)
      name = undefined
    } else if (name === undefined) {
      // a blank answer line stands for a frame without a name; those between answers are llvm's
      if (line !== '') name = line.replace(/ inlined at .* in .*$/, '')
    } else {
      frames.push({function: name === '??' ? null : name, ...position(line)})
      name = undefined
    }
  }
  return answers
}

/** eu-addr2line exits with 1 for a file without debug information, and answers all the same. */
function run(command: string, args: string[], options: Parameters<typeof execFileSync>[2]): string {
  try {
    return String(execFileSync(command, args, options))
  } catch (error) {
    if (error instanceof Error && 'stdout' in error) return String(error.stdout)
    throw error
  }
}

function position(text: string): {file: string | null; line: number | null} {
  const match = /^(.*?)(?::(\d+|\?))?(?::\d+)?(?: \(discriminator \d+\))?$/.exec(text)
  const file = match?.[1]
  const line = Number(match?.[2] ?? 0)
  const known = file !== undefined && file !== '??' && file !== '' && file !== ':'
  return {file: known ? normalize(file) : null, line: Number.isNaN(line) || line === 0 ? null : line}
}

function normalize(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '.' || (part === '' && parts.length > 0)) continue
    if (part === '..' && parts.length > 0 && parts[parts.length - 1] !== '..' && parts[parts.length - 1] !== '')
      parts.pop()
    else parts.push(part)
  }
  return parts.join('/')
}

function sampleAddresses(path: string, count: number): number[] {
  const image = ElfFile.open(FileSource.open(path), new Diagnostics())
  const text = image.sections.filter(section => section.name === '.text')
  const total = text.reduce((sum, section) => sum + section.size, 0)
  const addresses = new Set<number>()
  // a fixed step with a varying remainder: the same samples in every run
  for (let at = 0; at < count; at++) {
    let offset = Math.floor((at * total) / count) + ((at * 7919) % 61)
    for (const section of text) {
      if (offset < section.size) {
        addresses.add(section.address + offset)
        break
      }
      offset -= section.size
    }
  }
  return [...addresses]
}

interface Score {
  asked: number
  right: number
}

const FIELDS = ['chain', 'function', 'file', 'line'] as const
type Field = (typeof FIELDS)[number]

function valuesOf(frames: Frame[], field: Field): string {
  if (field === 'chain') return String(frames.length)
  return frames
    .map(frame => (field === 'file' ? (frame.file === null ? '?' : normalize(frame.file)) : (frame[field] ?? '?')))
    .join(' < ')
}

/** What at least two of the tools say. */
function consensus(values: (string | undefined)[]): string | undefined {
  return values.find((value, at) => value !== undefined && values.indexOf(value, at + 1) > at)
}

/** Split DWARF and indexed range lists are beyond some of the tools: one that sees inlined calls where others do not is right. */
function seesMore(theirs: Frame[] | undefined, ours: Frame[] | undefined, field: Field): boolean {
  return !!theirs && !!ours && theirs.length > 1 && valuesOf(theirs, field) === valuesOf(ours, field)
}

function compareFile(path: string, samples: number, show: number): Record<Field, Score> {
  const addresses = sampleAddresses(path, samples)
  const tools = [
    toolAnswers('addr2line', ['-a', '-i', '-f', '-C', '-e', path], addresses),
    toolAnswers('eu-addr2line', ['-a', '-i', '-f', '-C', '-e', path], addresses),
    toolAnswers('llvm-symbolizer', ['--output-style=GNU', '-a', '-i', '-f', '-C', '-e', path], addresses),
  ]
  const started = performance.now()
  const ours = ourAnswers(path, addresses)
  const elapsed = performance.now() - started
  const scores = Object.fromEntries(FIELDS.map(field => [field, {asked: 0, right: 0}])) as Record<Field, Score>
  const shown = new Map<Field, number>()
  for (const address of addresses) {
    for (const field of FIELDS) {
      const wanted = consensus(tools.map(tool => tool.get(address) && valuesOf(tool.get(address) ?? [], field)))
      if (wanted === undefined) continue
      const given = valuesOf(ours.get(address) ?? [], field)
      scores[field].asked++
      if (given === wanted || tools.some(tool => seesMore(tool.get(address), ours.get(address), field)))
        scores[field].right++
      else {
        const count = (shown.get(field) ?? 0) + 1
        shown.set(field, count)
        if (count <= show) console.log(`  0x${address.toString(16)} ${field}\n    want ${wanted}\n    have ${given}`)
      }
    }
  }
  const parts = FIELDS.map(field => `${field} ${scores[field].right}/${scores[field].asked}`)
  console.log(`${path}: ${parts.join('  ')}  (${elapsed.toFixed(0)} ms)`)
  return scores
}

/** Libraries of this system, and the separate debug files that packages installed. */
function systemFiles(): string[] {
  const folder = '/usr/lib/x86_64-linux-gnu'
  return readdirSync(folder)
    .filter(name => /^lib(c|m|stdc\+\+|pthread|sqlite3|gcc_s|z)\.so\.[0-9]+$/.test(name))
    .map(name => join(folder, name))
    .filter(path => readFileSync(path).length > 64)
}

const scratch = mkdtempSync(join(tmpdir(), 'compare-native-'))
try {
  const files =
    positionals.length > 0 ? positionals : [...(flags.fixtures ? [] : systemFiles()), ...buildFixtures(scratch)]
  const totals = Object.fromEntries(FIELDS.map(field => [field, {asked: 0, right: 0}])) as Record<Field, Score>
  for (const file of files) {
    try {
      const scores = compareFile(file, Number(flags.samples), Number(flags.show))
      for (const field of FIELDS) {
        totals[field].asked += scores[field].asked
        totals[field].right += scores[field].right
      }
    } catch (error) {
      console.log(`${file}: ${error instanceof Error ? (error.stack ?? error.message) : error}`)
    }
  }
  for (const field of FIELDS) {
    const {asked, right} = totals[field]
    console.log(`${field}: ${right} of ${asked} (${((100 * right) / Math.max(asked, 1)).toFixed(2)} %)`)
  }
} finally {
  rmSync(scratch, {recursive: true, force: true})
}
