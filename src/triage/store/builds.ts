import type {RegressionProof} from '../../report/vocabulary.ts'
import type {CrashStore} from './crash-store.ts'
import type {Row} from './engine.ts'

/** A build of a program, as the store has it. */
export interface Build {
  readonly id: number
  readonly program: string | null
  readonly main: string | null
  readonly version: string | null
  readonly revision: string | null
  /** Of its commit, ISO 8601. */
  readonly time: string | null
  readonly modified: boolean | null
  readonly buildId: string | null
  readonly goVersion: string | null
  /** When its oldest core of any signature was written. */
  readonly first: string
}

/** Where a bug is mended, as it was told. */
export interface Fix {
  readonly build: string
  /** ISO 8601; null where the builds of the store are to tell. */
  readonly buildTime: string | null
  /** When it was told. */
  readonly time: string
}

/** What a version of a build without one looks like (cmd/go). */
const NO_VERSION = '(devel)'
/** Of a commit or a build ID, as far as people write them. */
const SHORT = 12
/** Fewer digits of a commit or a build ID are no name of it. */
const PREFIX_MIN = 4

export async function readBuilds(store: CrashStore): Promise<Map<number, Build>> {
  const rows = await store.all(
    'SELECT build.*, (SELECT min(time) FROM core WHERE core.build = build.id) AS first FROM build',
  )
  return new Map(rows.map(row => [Number(row.id), buildOfRow(row)]))
}

function buildOfRow(row: Row): Build {
  const text = (name: string): string | null => (row[name] === null ? null : String(row[name]))
  return {
    id: Number(row.id),
    program: text('program'),
    main: text('main'),
    version: text('version'),
    revision: text('revision'),
    time: text('revision_time'),
    modified: row.modified === null ? null : Number(row.modified) === 1,
    buildId: text('build_id'),
    goVersion: text('go_version'),
    first: text('first') ?? '',
  }
}

/** What people call a build: its version, else its commit, else its build ID. */
export function nameOfBuild({version, revision, buildId, modified, goVersion}: Build): string {
  const changed = modified ? '+dirty' : ''
  if (version !== null && version !== NO_VERSION) return version
  if (revision !== null) return `${revision.slice(0, SHORT)}${changed}`
  return buildId?.slice(0, SHORT) ?? goVersion ?? '?'
}

/** Those that a user means by a version, or by the beginning of a commit or of a build ID. */
function findBuilds(builds: Iterable<Build>, name: string): Build[] {
  const begins = (text: string | null): boolean => name.length >= PREFIX_MIN && text?.startsWith(name) === true
  return [...builds].filter(
    build => build.version === name || begins(build.revision) || begins(build.buildId) || nameOfBuild(build) === name,
  )
}

/** Whether a build is younger than another; undefined where that is not to be told so. */
type Verdict = boolean | undefined

/** Tells which builds are not older than the one that has a bug mended. */
export class FixOrder {
  readonly #fix: Fix
  readonly #fixed: readonly Build[]

  constructor(fix: Fix, builds: Iterable<Build>) {
    this.#fix = fix
    this.#fixed = findBuilds(builds, fix.build)
  }

  /** What tells it of a build; undefined where it is older. The first that can tell decides. */
  proofOf(build: Build): RegressionProof | undefined {
    if (this.#fixed.some(({id}) => id === build.id)) return 'same-build'
    const byTime = this.#byTime(build)
    if (byTime !== undefined) return byTime ? 'vcs-time' : undefined
    const byVersion = this.#byVersion(build)
    if (byVersion !== undefined) return byVersion ? 'version' : undefined
    return this.#bySight(build) ? 'first-seen' : undefined
  }

  /** Two builds of one commit have one time, which tells nothing. */
  #byTime({time}: Build): Verdict {
    const fixed = this.#fix.buildTime ?? this.#fixed.find(each => each.time !== null)?.time ?? null
    const difference = time === null || fixed === null ? 0 : Date.parse(time) - Date.parse(fixed)
    return difference === 0 || Number.isNaN(difference) ? undefined : difference > 0
  }

  /** Versions of one module alone compare; a version that no core had may be of any. */
  #byVersion({main, version}: Build): Verdict {
    const ofModule = this.#fixed.filter(fixed => fixed.main === main).map(fixed => fixed.version)
    const [fixed = null] = this.#fixed.length === 0 ? [this.#fix.build] : ofModule
    const order = version === null || fixed === null ? undefined : compareVersions(version, fixed)
    return order === undefined || order === 0 ? undefined : order > 0
  }

  #bySight({first}: Build): boolean {
    const seen = this.#fixed.map(fixed => fixed.first).sort()
    return first > (seen[0] ?? this.#fix.time)
  }
}

const VERSION = /^v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?$/

/** By semver.org 2.0.0, item 11; undefined where one is no such version. */
export function compareVersions(one: string, other: string): number | undefined {
  const [a, b] = [VERSION.exec(one), VERSION.exec(other)]
  if (!a || !b) return undefined
  for (const part of [1, 2, 3]) {
    const difference = Number(a[part]) - Number(b[part])
    if (difference !== 0) return difference
  }
  return comparePreReleases(a[4], b[4])
}

function comparePreReleases(one: string | undefined, other: string | undefined): number {
  if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined)
  const [a, b] = [one.split('.'), other.split('.')]
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const order = compareIdentifiers(a[at], b[at])
    if (order !== 0) return order
  }
  return 0
}

/** One that is missing comes first, then numbers, then words. */
function compareIdentifiers(one: string | undefined, other: string | undefined): number {
  if (one === other) return 0
  if (one === undefined || other === undefined) return one === undefined ? -1 : 1
  const isNumber = (text: string): boolean => /^\d+$/.test(text)
  if (isNumber(one) && isNumber(other)) return Number(one) - Number(other)
  if (isNumber(one) !== isNumber(other)) return isNumber(one) ? -1 : 1
  return one < other ? -1 : 1
}
