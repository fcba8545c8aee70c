import {InputError} from '../../base/errors.ts'
import type {DiffReport, SignatureChange} from '../../report/core-report.ts'
import type {CrashStore} from '../store/crash-store.ts'
import {EVERYTHING, listSignatures, type SignatureQuery} from '../store/signature-list.ts'
import type {StoredLine} from '../stored-line.ts'
import {compareCounts, countsOf} from './changes.ts'

/** Of the lines of one file, in bytes, about: signatures as they are told, paths. */
const HELD_MAX = 256 * 1024 * 1024
/** What a path takes beside its characters, and a signature beside its JSON, of which objects are twice as large. */
const PATH_SIZE = 150
const SIGNATURE_SIZE = 300

/** What is told of a signature, of one of its cores. */
type Described = Pick<SignatureChange, 'family' | 'kind' | 'signal' | 'message' | 'frames' | 'example'>

/** Cores counted by signature. */
export interface SignatureSet {
  readonly compared: DiffReport['before']
  readonly counts: ReadonlyMap<string, number>
  readonly described: ReadonlyMap<string, Described>
}

/** Of a store: the cores that were written in a time, or all. */
export async function signaturesOfStore(
  store: CrashStore,
  {since, until, now}: Pick<SignatureQuery, 'since' | 'until' | 'now'>,
): Promise<SignatureSet> {
  const {signatures} = await listSignatures(store, {...EVERYTHING, since, until, now, days: 0})
  const counts = new Map(signatures.map(({exact, count}) => [exact, count]))
  return {
    compared: {
      path: store.path,
      kind: 'store',
      count: sum(counts.values()),
      since: since ?? null,
      until: until ?? null,
    },
    counts,
    described: new Map(signatures.map(signature => [signature.exact, signature])),
  }
}

/**
 * Of lines of batch: the last one of a path counts.
 * @throws InputError where they are more than can be held
 */
export function signaturesOfLines(path: string, lines: Iterable<StoredLine>): SignatureSet {
  const byPath = new Map<string, string>()
  const described = new Map<string, Described>()
  let held = 0
  for (const {path: example, signature, crash} of lines) {
    if (held > HELD_MAX) throw tooMany(path)
    if (!byPath.delete(example)) held += example.length + PATH_SIZE
    if (!signature || signature.exact === null) continue
    const {exact, family, frames} = signature
    const message = crash?.message ?? crash?.cause?.text ?? null
    byPath.set(example, exact)
    const told = {family, kind: crash?.kind ?? null, signal: crash?.signal ?? null, message, frames, example}
    if (!described.has(exact)) held += 2 * JSON.stringify(told).length + SIGNATURE_SIZE
    described.set(exact, told)
  }
  const counts = new Map<string, number>()
  for (const exact of byPath.values()) counts.set(exact, (counts.get(exact) ?? 0) + 1)
  return {
    compared: {path, kind: 'lines', count: byPath.size, since: null, until: null},
    counts,
    described,
  }
}

function tooMany(path: string): InputError {
  const message = `${path}: more different signatures and paths than are compared without a store`
  return new InputError('too-large', message, 'keep them in stores: batch --store FILE, and compare those')
}

/** What became of each signature, the biggest difference first. */
export function diffSignatures(before: SignatureSet, after: SignatureSet): SignatureChange[] {
  const all = new Set([...before.counts.keys(), ...after.counts.keys()])
  const changes = [...all].flatMap(exact => {
    const known = after.described.get(exact) ?? before.described.get(exact)
    if (!known) return []
    const {family, kind, signal, message, frames, example} = known
    const counts = countsOf(before.counts.get(exact) ?? 0, after.counts.get(exact) ?? 0)
    return [{...counts, exact, family, kind, signal, message, frames, example}]
  })
  return changes.sort((a, b) => compareCounts(a, b) || (a.exact < b.exact ? -1 : 1))
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}
