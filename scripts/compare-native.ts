/**
 * Holds the command `symbolize` against addr2line, eu-addr2line and llvm-symbolizer, address by address: where two of
 * the three agree on something (the inline chain's length, the functions, the files, the lines), we must say the same;
 * or what the third says, where it alone sees inlined calls.
 *
 *   npm run compare:native -- [--samples N] [--show N] [--fixtures] [--only REGEXP] [FILE…]
 *
 * Without files: the libraries of this system that have debug information, and fixtures built for the occasion.
 * Functions are compared as the linker knows them (--no-demangle), and once more demangled: a readable name that
 * differs where the linker's names agree is a matter of spelling, and counted as such.
 */
import {existsSync, mkdtempSync, readdirSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {parseArgs} from 'node:util'
import {buildFixtures} from './native-fixtures.ts'
import {type Answers, type Frame, ORACLES, oracleAnswers, ourAnswers} from './symbol-oracles.ts'
import {type SampleKind, sampleAddresses} from './symbol-samples.ts'

const {values: flags, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    samples: {type: 'string', default: '300'},
    show: {type: 'string', default: '5'},
    only: {type: 'string', default: ''},
    fixtures: {type: 'boolean', default: false},
  },
})
const SAMPLES = Number(flags.samples)
const SHOW = Number(flags.show)

const FIELDS = ['chain', 'function', 'file', 'line', 'readable'] as const
type Field = (typeof FIELDS)[number]

class Score {
  asked = 0
  right = 0
  /** What differs by spelling alone; readable names whose linkage names agree. */
  spelling = 0
  /** Code of which two tools know nothing, where we say something: stubs of the linker, split DWARF. */
  beyond = 0

  add(other: Score): void {
    this.asked += other.asked
    this.right += other.right
    this.spelling += other.spelling
    this.beyond += other.beyond
  }

  toString(): string {
    return `${this.right}/${this.asked}${this.spelling > 0 ? `+${this.spelling}` : ''}`
  }
}

type Scores = Record<Field, Score>
const newScores = () => Object.fromEntries(FIELDS.map(field => [field, new Score()])) as Scores

function valuesOf(frames: readonly Frame[], field: Field): string {
  if (field === 'chain') return String(frames.length)
  const name = field === 'readable' ? 'function' : field
  return frames.map(frame => frame[name] ?? '?').join(' < ')
}

/** What at least two of the tools say. */
function consensus(values: readonly (string | undefined)[]): string | undefined {
  return values.find((value, at) => value !== undefined && values.indexOf(value, at + 1) > at)
}

/**
 * Split DWARF and indexed range lists are beyond some of the tools: one that sees inlined calls where others do not is
 * right.
 */
function seesMore(theirs: readonly Frame[], ours: readonly Frame[], field: Field): boolean {
  return theirs.length > 1 && valuesOf(theirs, field) === valuesOf(ours, field)
}

/**
 * Paths without `.` and `..`; names of C without the optimizer's suffixes, of which binutils shows some that dwz
 * touched.
 */
function spelling(field: Field, value: string): string {
  if (field === 'file') return normalize(value)
  const isName = field === 'function' || field === 'readable'
  return isName ? value.replace(/(?: \[clone [^\]]*\]|\.[a-z_]+(?:\.\d+)*)+(?= <|$)/g, '') : value
}

function normalize(paths: string): string {
  const parts: string[] = []
  for (const part of paths.split('/')) {
    if (part === '.' || (part === '' && parts.length > 0)) continue
    if (part === '..' && parts.length > 0 && parts[parts.length - 1] !== '..') parts.pop()
    else parts.push(part)
  }
  return parts.join('/')
}

function kindOf({samples}: Question, address: number): SampleKind {
  return samples.get(address) ?? 'text'
}

interface Question {
  path: string
  samples: ReadonlyMap<number, SampleKind>
  addresses: readonly number[]
  shown: Map<string, number>
}

/** Compares one field of all answers; `excused` are addresses where a difference is one of spelling. */
function compareField(
  question: Question,
  tools: readonly Answers[],
  ours: Answers,
  field: Field,
  score: Score,
  excused: ReadonlySet<number>,
): Set<number> {
  const agreed = new Set<number>()
  for (const address of question.addresses) {
    const wanted = consensus(tools.map(tool => tool.get(address) && valuesOf(tool.get(address) ?? [], field)))
    if (wanted === undefined) continue
    const mine = ours.get(address) ?? []
    const given = valuesOf(mine, field)
    if (wanted === '?' && given !== '?' && kindOf(question, address) !== 'outside') {
      score.beyond++
      continue
    }
    score.asked++
    if (given === wanted || tools.some(tool => seesMore(tool.get(address) ?? [], mine, field))) {
      score.right++
      agreed.add(address)
    } else if (excused.has(address) || spelling(field, given) === spelling(field, wanted)) score.spelling++
    else showDifference(question, address, field, wanted, given)
  }
  return agreed
}

function showDifference(question: Question, address: number, field: Field, wanted: string, given: string): void {
  const kind = kindOf(question, address)
  const count = (question.shown.get(`${field} ${kind}`) ?? 0) + 1
  question.shown.set(`${field} ${kind}`, count)
  if (count <= SHOW) console.log(`  0x${address.toString(16)} ${kind} ${field}\n    want ${wanted}\n    have ${given}`)
}

function compareFile(path: string): Scores {
  const samples = sampleAddresses(path, SAMPLES)
  const question: Question = {path, samples, addresses: [...samples.keys()], shown: new Map()}
  const scores = newScores()
  const {addresses} = question
  const ours = ourAnswers(path, addresses, false)
  const tools = ORACLES.map(oracle => oracleAnswers(oracle, path, addresses, false))
  let sameNames = new Set<number>()
  for (const field of ['chain', 'file', 'line', 'function'] as const) {
    sameNames = compareField(question, tools, ours.answers, field, scores[field], new Set())
  }
  const readable = ourAnswers(path, addresses, true).answers
  const theirs = ORACLES.map(oracle => oracleAnswers(oracle, path, addresses, true))
  compareField(question, theirs, readable, 'readable', scores.readable, sameNames)
  const unanswered = addresses.filter(address => !ours.answers.has(address)).length
  if (unanswered > 0) console.log(`  ! ${unanswered} of ${addresses.length} addresses were not answered`)
  if (ours.complaints !== '') console.log(`  ! ${ours.complaints.trim()}`)
  const parts = FIELDS.map(field => `${field} ${scores[field]}`)
  console.log(`${path}: ${parts.join('  ')}  (${ours.milliseconds.toFixed(0)} ms)`)
  return scores
}

/** Libraries of this system, and the separate debug files that packages installed. */
function systemFiles(): string[] {
  const folder = '/usr/lib/x86_64-linux-gnu'
  return readdirSync(folder)
    .filter(name => /^lib(c|m|stdc\+\+|pthread|sqlite3|gcc_s|z)\.so\.[0-9]+$/.test(name))
    .map(name => join(folder, name))
    .filter(path => existsSync(path))
}

function compareAll(files: readonly string[]): void {
  const totals = newScores()
  for (const file of files) {
    try {
      const scores = compareFile(file)
      for (const field of FIELDS) totals[field].add(scores[field])
    } catch (error) {
      console.log(`${file}: ${error instanceof Error ? (error.stack ?? error.message) : error}`)
    }
  }
  for (const field of FIELDS) {
    const {asked, right, spelling, beyond} = totals[field]
    const share = (100 * right) / Math.max(asked, 1)
    const notes = [`${share.toFixed(2)} %`]
    if (spelling > 0) notes.push(`${spelling} more but for spelling`)
    if (beyond > 0) notes.push(`${beyond} apart where two tools know nothing`)
    console.log(`${field}: ${right} of ${asked} (${notes.join(', ')})`)
  }
}

const scratch = mkdtempSync(join(tmpdir(), 'compare-native-'))
try {
  const only = new RegExp(flags.only)
  const built = () => buildFixtures(scratch, name => only.test(name))
  const system = () => systemFiles().filter(path => only.test(path))
  compareAll(positionals.length > 0 ? positionals : [...(flags.fixtures ? [] : system()), ...built()])
} finally {
  rmSync(scratch, {recursive: true, force: true})
}
