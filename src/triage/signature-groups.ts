import type {BatchGroup} from '../report/core-report.ts'
import {findSimilar} from './similarity.ts'
import type {StoredLine} from './stored-line.ts'

/** Names kept for each group. */
const NAMES_MAX = 10

interface Group {
  readonly key: string
  count: number
  example: StoredLine
  first: string | null
  last: string | null
  readonly executables: Set<string>
  readonly goVersions: Set<string>
}

/** Counts cores by what they died of. A core that is added again, changed since, counts once, as it was last. */
export class SignatureGroups {
  readonly #groups = new Map<string, Group>()
  readonly #keyOfPath = new Map<string, string>()

  add(line: StoredLine): void {
    this.#forget(line.path)
    const key = keyOf(line)
    this.#keyOfPath.set(line.path, key)
    const {mtime, executable, goVersion} = line
    let group = this.#groups.get(key)
    if (!group) {
      group = {key, count: 0, example: line, first: mtime, last: mtime, executables: new Set(), goVersions: new Set()}
      this.#groups.set(key, group)
    }
    group.count++
    // ISO 8601 in UTC: the order of the texts is that of the times. Ties go by path, so that the order of arrival does
    // not show.
    const [ours, theirs] = [mtime ?? '', group.example.mtime ?? '']
    if (ours > theirs || (ours === theirs && line.path < group.example.path)) group.example = line
    if (mtime !== null && (group.first === null || mtime < group.first)) group.first = mtime
    if (mtime !== null && (group.last === null || mtime > group.last)) group.last = mtime
    remember(group.executables, executable?.path)
    remember(group.goVersions, goVersion)
  }

  #forget(path: string): void {
    const key = this.#keyOfPath.get(path)
    const group = key === undefined ? undefined : this.#groups.get(key)
    if (!group) return
    group.count--
    if (group.count === 0) this.#groups.delete(group.key)
  }

  /** The biggest first; cores that could not be analysed at the end. */
  list(): BatchGroup[] {
    const groups = [...this.#groups.values()]
    groups.sort(
      (a, b) =>
        Number(a.example.error !== null) - Number(b.example.error !== null) ||
        b.count - a.count ||
        (a.key < b.key ? -1 : 1),
    )
    const signatures = groups.flatMap(({example: {signature}}) =>
      signature?.exact ? [{exact: signature.exact, frames: signature.frames}] : [],
    )
    const similar = findSimilar(signatures)
    return groups.map(group => reportGroup(group, similar.get(group.key) ?? []))
  }
}

function keyOf({signature, crash, error}: StoredLine): string {
  if (error) return `error ${error.code}`
  return signature?.exact ?? `no signature ${crash?.kind ?? ''}`
}

function remember(names: Set<string>, name: string | null | undefined): void {
  if (name !== null && name !== undefined && names.size < NAMES_MAX) names.add(name)
}

function reportGroup(
  {count, example, first, last, executables, goVersions}: Group,
  similar: BatchGroup['similar'],
): BatchGroup {
  return {
    schemaVersion: '1',
    count,
    exact: example.signature?.exact ?? null,
    family: example.signature?.family ?? null,
    frames: example.signature?.frames ?? [],
    version: example.signature?.version ?? null,
    similar,
    kind: example.crash?.kind ?? null,
    signal: example.crash?.signal ?? null,
    message: example.crash?.message ?? example.crash?.cause?.text ?? null,
    error: example.error?.code ?? null,
    executables: [...executables].sort(),
    goVersions: [...goVersions].sort(),
    first,
    last,
    example: example.path,
  }
}
