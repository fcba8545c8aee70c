import type {Diagnostics} from '../base/diagnostics.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {GoVersion, NEWEST, OLDEST} from '../gosym/version.ts'
import {checkLayouts, type LayoutFit, type LayoutSample} from './layout-check.ts'
import {agreesWithSigtramp, searchLayouts} from './layout-search.ts'
import {commonLayouts, isAsReleased, isTabulated, layoutPatches, layoutsFromTables} from './layouts-by-version.ts'
import {type DeclaredLayouts, joinLayouts, type LayoutQuery, layoutsFromDwarf} from './layouts-from-dwarf.ts'
import type {SigtrampFacts} from './sigtramp-offsets.ts'
import type {FieldName, LayoutOrigin, LayoutSet, StructLayout} from './struct-layout.ts'

export interface LayoutChoiceInput {
  readonly memory: MemoryReader
  readonly version: GoVersion | undefined
  /** The minor releases that the program can be of, where the version is not known. */
  readonly releases?: {readonly first: number; readonly last: number} | undefined
  readonly query: LayoutQuery
  /** Lazily: it disassembles. */
  readonly sigtramp: () => SigtrampFacts | undefined
  readonly sample: LayoutSample
  readonly advice?: string | undefined
  readonly diagnostics: Diagnostics
}

export interface ChosenLayouts {
  readonly layouts: LayoutSet
  readonly origin: LayoutOrigin
  /** The version given, or the newest of those whose tables fit best where none was. */
  readonly release: GoVersion
  /** The releases that fit equally well: one where the version is known. */
  readonly releases: readonly GoVersion[]
}

interface Candidate extends ChosenLayouts {
  readonly fit: LayoutFit
}

/**
 * The table of a release that is known, where live goroutines and machines keep every invariant by it: a search of the
 * DWARF of a large program takes longer than the rest of the report. Else layouts by DWARF where the binary has it,
 * else by the tables; the invariants judge both, and the better one is taken. A release that no table knows, or that
 * breaks its table, is searched for with the offsets that runtime.cgoSigtramp proves.
 */
export function chooseLayouts(input: LayoutChoiceInput): ChosenLayouts | undefined {
  if (!input.version) return chooseWithoutVersion(input)
  const release = input.version
  const tables = layoutsFromTables(release)
  if (isAsReleased(release)) {
    const tabulated = tryLayouts(input, release, tables, 'table')
    if (tabulated.fit.isFlawless) return tabulated
  }
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
 * A search of the DWARF costs by the number of names. A binary whose g and m stand where its release's table has them
 * is of that release in its other structures too; only one that differs is asked for them all.
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
  return {
    layouts,
    origin,
    release,
    releases: [release],
    fit: checkLayouts(input.memory, release, layouts, input.sample),
  }
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

/**
 * Without a version every table is tried. What several that fit equally well have in common is proven, and only that is
 * kept; where no table fits, nothing is read by one: it would print whatever lies there.
 */
function chooseWithoutVersion(input: LayoutChoiceInput): ChosenLayouts | undefined {
  const declared = layoutsFromDwarf(input.query)
  const isDeclared = declared.g !== undefined && declared.m !== undefined
  const tried = {...input, sample: {...input.sample, isOfTables: true}}
  let best: Candidate[] = []
  for (const {release, tables} of plausibleTables(input, declared)) {
    const candidate = isDeclared
      ? tryLayouts(tried, release, joinLayouts(declared, tables), 'dwarf')
      : tryLayouts(tried, release, tables, 'table')
    const score = best[0]?.fit.score ?? Number.NEGATIVE_INFINITY
    if (!(isDeclared || candidate.fit.isSound) || candidate.fit.score < score) continue
    best = candidate.fit.score === score ? [...best, candidate] : [candidate]
  }
  reportGuess(input, best)
  const [newest] = best
  if (!newest) return undefined
  const layouts = commonLayouts(best.map(each => each.layouts))
  return {...newest, layouts, releases: best.map(({release}) => release)}
}

interface TabulatedRelease {
  release: GoVersion
  tables: LayoutSet
}

/**
 * Newest first: the releases whose tables are the DWARF's, else those that agree with the code of the signal handler.
 */
function plausibleTables(input: LayoutChoiceInput, {g, m}: DeclaredLayouts): TabulatedRelease[] {
  const all = [...possibleReleases(input.releases)].map(release => ({release, tables: layoutsFromTables(release)}))
  if (g && m) {
    const same = all.filter(({tables}) => isSame(g, tables.g) && isSame(m, tables.m))
    return same.length > 0 ? same : all
  }
  const facts = input.sigtramp()
  return facts ? all.filter(({tables}) => agreesWithSigtramp(tables, facts)) : all
}

/** Newest first; a minor release once for each of its patch releases that moved something. */
function* possibleReleases(bounds: LayoutChoiceInput['releases']): Generator<GoVersion> {
  const first = Math.max(OLDEST.minor, bounds?.first ?? OLDEST.minor)
  for (let minor = Math.min(NEWEST.minor, bounds?.last ?? NEWEST.minor); minor >= first; minor--) {
    for (const patch of layoutPatches(minor)) yield GoVersion.ofMinor(minor, patch)
  }
}

function reportGuess(input: LayoutChoiceInput, best: readonly Candidate[]): void {
  const [newest] = best
  const oldest = best.at(-1)
  if (!newest || !oldest) {
    const message = 'nothing names the Go release, and the data fit none that is known: goroutines are not read'
    input.diagnostics.add('go-version-unknown', message, {
      severity: 'error',
      hint: input.advice ?? 'give the executable that made the core with --exe',
    })
    return
  }
  const isOne = newest.release.minor === oldest.release.minor
  const range = isOne ? `1.${newest.release.minor}` : `1.${oldest.release.minor} to 1.${newest.release.minor}`
  input.diagnostics.add('go-version-unknown', `nothing names the Go release; the data fit ${range} best`, {
    hint: input.advice ?? 'give the executable that made the core with --exe',
  })
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
    const hint = input.advice ?? 'check that the executable is the one that made the core'
    input.diagnostics.add('layout-doubtful', message, {hint})
  }
}
