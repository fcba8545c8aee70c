import type {Diagnostics} from '../base/diagnostics.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {applySigtramp, checkLayouts, type LayoutFit, type LayoutSample} from './layout-check.ts'
import {KNOWN_MINORS} from './layout-tables.ts'
import {type GoRelease, isTabulated, layoutsFromTables} from './layouts-by-version.ts'
import {joinLayouts, type LayoutQuery, layoutsFromDwarf} from './layouts-from-dwarf.ts'
import type {SigtrampFacts} from './sigtramp-offsets.ts'
import type {LayoutOrigin, LayoutSet} from './struct-layout.ts'

export interface LayoutChoiceInput {
  readonly memory: MemoryReader
  readonly version: GoRelease | undefined
  readonly query: LayoutQuery
  /** Lazily: it disassembles. */
  readonly sigtramp: () => SigtrampFacts | undefined
  readonly sample: LayoutSample
  readonly diagnostics: Diagnostics
}

export interface ChosenLayouts {
  readonly layouts: LayoutSet
  readonly origin: LayoutOrigin
  /** The version given, or the release whose table fits best where none was. */
  readonly release: GoRelease
}

interface Candidate extends ChosenLayouts {
  readonly fit: LayoutFit
}

const NEWEST: GoRelease = {major: 1, minor: KNOWN_MINORS.last, patch: 0}

/**
 * Layouts by DWARF where the binary has it, else by the tables; the invariants of live data judge both, and the better one is taken.
 * A release that no table knows, or that breaks its table, is helped by the offsets in runtime.cgoSigtramp.
 */
export function chooseLayouts(input: LayoutChoiceInput): ChosenLayouts {
  const release = input.version ?? guessRelease(input)
  const declared = layoutsFromDwarf(input.query)
  const tables = layoutsFromTables(release)
  const candidates: Candidate[] = []
  if (declared.g && declared.m) candidates.push(tryLayouts(input, release, joinLayouts(declared, tables), 'dwarf'))
  if (isBroken(candidates[0])) candidates.push(tryLayouts(input, release, tables, 'table'))
  const needsProof = candidates[0]?.origin !== 'dwarf' && !isTabulated(release)
  if (needsProof || candidates.every(isBroken)) addProven(input, release, tables, candidates)
  const best = candidates.reduce((a, b) => (isBetter(b.fit, a.fit) ? b : a))
  report(input, release, candidates[0] as Candidate, best)
  return best
}

function tryLayouts(input: LayoutChoiceInput, release: GoRelease, layouts: LayoutSet, origin: LayoutOrigin): Candidate {
  return {layouts, origin, release, fit: checkLayouts(input.memory, release, layouts, input.sample)}
}

function isBroken(candidate: Candidate | undefined): boolean {
  return candidate === undefined || candidate.fit.broken.length > 0
}

function isBetter(a: LayoutFit, b: LayoutFit): boolean {
  if (a.broken.length !== b.broken.length) return a.broken.length < b.broken.length
  return a.passed > b.passed
}

/** Bytes by which the later fields of a structure may have moved from one release to the next. */
const SHIFTS = [-16, -8, 8, 16, 24]

/** Table layouts moved to where the signal handler's code says, and small moves of what lies after it. */
function addProven(input: LayoutChoiceInput, release: GoRelease, tables: LayoutSet, candidates: Candidate[]): void {
  const facts = input.sigtramp()
  if (!facts) return
  const {layouts} = applySigtramp(tables, facts)
  candidates.push(tryLayouts(input, release, layouts, 'table'))
  if (!isBroken(candidates.at(-1))) return
  for (const shift of SHIFTS) {
    const g = layouts.g.with(moveAfter(layouts.g.fields(), facts.g.syscallsp, shift) as Iterable<['m', number]>)
    candidates.push(tryLayouts(input, release, {...layouts, g}, 'table'))
  }
}

function* moveAfter(fields: Iterable<[string, number]>, anchor: number, shift: number): Generator<[string, number]> {
  // syscallpc stays beside syscallsp; what was inserted or removed came after the pair.
  for (const [field, offset] of fields) if (offset > anchor + 8) yield [field, offset + shift]
}

/** Without a version: the newest release whose table agrees with the signal handler's code. */
function guessRelease(input: LayoutChoiceInput): GoRelease {
  const facts = input.sigtramp()
  const {first, last} = KNOWN_MINORS
  let best: Candidate | undefined
  for (let minor: number = last; minor >= first; minor--) {
    const release = {major: 1, minor, patch: 99}
    const layouts = layoutsFromTables(release)
    if (facts && applySigtramp(layouts, facts).contradicted.length > 0) continue
    const candidate = tryLayouts(input, release, layouts, 'table')
    if (!best || isBetter(candidate.fit, best.fit)) best = candidate
  }
  const guessed = best?.release ?? NEWEST
  input.diagnostics.add('go-version-unknown', `nothing names the Go release; 1.${guessed.minor} fits best`, {
    hint: 'give the executable that made the core with --exe',
  })
  return guessed
}

function report(input: LayoutChoiceInput, release: GoRelease, preferred: Candidate, best: Candidate): void {
  const name = `go${release.major}.${release.minor}.${release.patch}`
  if (!isTabulated(release) && best.origin === 'table') {
    input.diagnostics.add(
      'go-version-newer',
      `${name} is newer or older than the layout tables; the nearest one is used`,
      {
        hint: 'an executable with DWARF (built without -ldflags=-w) has exact layouts',
      },
    )
  }
  if (best !== preferred) {
    const reason = preferred.fit.broken.join(', ')
    input.diagnostics.add(
      'layout-mismatch',
      `layouts from ${preferred.origin} do not hold: ${reason}; others fit better`,
    )
  }
  if (best.fit.broken.length > 0) {
    input.diagnostics.add(
      'layout-doubtful',
      `runtime structures look damaged or unknown: ${best.fit.broken.join(', ')}`,
      {
        hint: 'check that the executable is the one that made the core',
      },
    )
  }
}
