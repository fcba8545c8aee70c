import type {Diagnostics} from '../base/diagnostics.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {GoVersion, NEWEST, OLDEST} from '../gosym/version.ts'
import {checkLayouts, type LayoutFit, type LayoutSample} from './layout-check.ts'
import {agreesWithSigtramp, searchLayouts} from './layout-search.ts'
import {isTabulated, layoutsFromTables} from './layouts-by-version.ts'
import {type DeclaredLayouts, joinLayouts, type LayoutQuery, layoutsFromDwarf} from './layouts-from-dwarf.ts'
import type {SigtrampFacts} from './sigtramp-offsets.ts'
import type {FieldName, LayoutOrigin, LayoutSet, StructLayout} from './struct-layout.ts'

export interface LayoutChoiceInput {
  readonly memory: MemoryReader
  readonly version: GoVersion | undefined
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
  readonly release: GoVersion
}

interface Candidate extends ChosenLayouts {
  readonly fit: LayoutFit
}

/** Past every patch release: the last column of a minor. */
const ANY_PATCH = 99

/**
 * Layouts by DWARF where the binary has it, else by the tables; the invariants of live data judge both, and the better one is taken.
 * A release that no table knows, or that breaks its table, is searched for with the offsets that runtime.cgoSigtramp proves.
 */
export function chooseLayouts(input: LayoutChoiceInput): ChosenLayouts {
  const release = input.version ?? guessRelease(input)
  const tables = layoutsFromTables(release)
  const declared = readDeclared(input.query, release, tables)
  const candidates: Candidate[] = []
  if (declared.g && declared.m) candidates.push(tryLayouts(input, release, joinLayouts(declared, tables), 'dwarf'))
  if (isBroken(candidates[0])) candidates.push(tryLayouts(input, release, tables, 'table'))
  if (candidates.every(isBroken)) candidates.push(...searchNeighbours(input, release))
  const preferred = candidates[0] as Candidate
  const best = candidates.reduce((a, b) => (isClearlyBetter(b.fit, a.fit) ? b : a), preferred)
  report(input, release, preferred, best)
  return best
}

/**
 * A search of the DWARF costs by the number of names. A binary whose g and m stand where its release's table has them is of that release
 * in its other structures too; only one that differs is asked for them all.
 */
function readDeclared(query: LayoutQuery, release: GoVersion, tables: LayoutSet): DeclaredLayouts {
  if (!isTabulated(release)) return layoutsFromDwarf(query)
  const declared = layoutsFromDwarf(query, ['g', 'm'])
  const {g, m} = declared
  if (!g && !m) return declared
  return g && m && isSame(g, tables.g) && isSame(m, tables.m) ? declared : layoutsFromDwarf(query)
}

function isSame<S extends 'g' | 'm'>(declared: StructLayout<S>, table: StructLayout<S>): boolean {
  return [...table.fields()].every(([field, offset]) => declared.offset(field as FieldName<S>) === offset)
}

function tryLayouts(input: LayoutChoiceInput, release: GoVersion, layouts: LayoutSet, origin: LayoutOrigin): Candidate {
  return {layouts, origin, release, fit: checkLayouts(input.memory, release, layouts, input.sample)}
}

function isBroken(candidate: Candidate | undefined): boolean {
  return candidate === undefined || candidate.fit.broken.length > 0
}

/** A twentieth more: what is declared or tabulated is not given up for a chance hit. */
function isClearlyBetter(a: LayoutFit, b: LayoutFit): boolean {
  return a.score > b.score + Math.abs(b.score) / 20
}

/** The release's own table and the newest one, moved until they fit. */
function searchNeighbours(input: LayoutChoiceInput, release: GoVersion): Candidate[] {
  const facts = input.sigtramp()
  const bases = isTabulated(release) ? [release, NEWEST] : [release]
  return bases.map(base => {
    const found = searchLayouts(input.memory, release, layoutsFromTables(base), facts, input.sample)
    return tryLayouts(input, release, found, 'table')
  })
}

/** Without a version: the newest release whose table agrees with the signal handler's code and the data. */
function guessRelease(input: LayoutChoiceInput): GoVersion {
  const facts = input.sigtramp()
  let best: Candidate | undefined
  for (let minor = NEWEST.minor; minor >= OLDEST.minor; minor--) {
    const release = GoVersion.ofMinor(minor, ANY_PATCH)
    const layouts = layoutsFromTables(release)
    if (facts && !agreesWithSigtramp(layouts, facts)) continue
    const candidate = tryLayouts(input, release, layouts, 'table')
    if (!best || candidate.fit.score > best.fit.score) best = candidate
  }
  const guessed = best?.release ?? NEWEST
  input.diagnostics.add('go-version-unknown', `nothing names the Go release; the data fit 1.${guessed.minor} best`, {
    hint: 'give the executable that made the core with --exe',
  })
  return guessed
}

function report(input: LayoutChoiceInput, release: GoVersion, preferred: Candidate, best: Candidate): void {
  const name = `go${release.major}.${release.minor}`
  if (!isTabulated(release) && best.origin === 'table') {
    const message = `no layout table for ${name}; the nearest one is used, checked against the process itself`
    input.diagnostics.add('go-version-unsupported', message, {
      hint: 'an executable with DWARF (built without -ldflags=-w) has exact layouts',
    })
  }
  if (best !== preferred) {
    const reason = preferred.fit.broken.join(', ')
    input.diagnostics.add(
      'layout-mismatch',
      `layouts from ${preferred.origin} do not hold (${reason}); others fit better`,
    )
  }
  if (best.fit.broken.length > 0) {
    const message = `runtime structures look damaged or unknown: ${best.fit.broken.join(', ')}`
    input.diagnostics.add('layout-doubtful', message, {hint: 'check that the executable is the one that made the core'})
  }
}
