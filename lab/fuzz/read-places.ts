import {openProcess} from '../../src/acquire/open-process.ts'
import {analyzeCore} from '../../src/analysis/analyze-core.ts'
import {FileSource} from '../../src/base/byte-source.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {json} from '../../src/render/json.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import type {PlaceCollector} from './place.ts'
import type {WorkingCopy} from './working-copy.ts'

/** Longer reads are of whole tables, of which few bytes matter. */
const LENGTH_MAX = 256
const READS_MAX = 60_000

/**
 * What an analysis of the undamaged crash reads piece by piece: the records of function tables, the stack slots, the
 * structures that nobody thought of. Needs no knowledge of any format.
 */
export async function addReadPlaces(places: PlaceCollector, copy: WorkingCopy): Promise<void> {
  const names = new Map([...copy.files].map(([name, path]) => [path, name]))
  const seen = new Set<string>()
  const note = (path: string, at: number, size: number): void => {
    const file = names.get(path)
    const key = `${file}:${at}:${size}`
    if (file === undefined || size > LENGTH_MAX || seen.size >= READS_MAX || seen.has(key)) return
    seen.add(key)
    places.add({file, kind: `${file}: what is read`, at, size, holds: size === 8 ? 'pointer' : 'bytes'})
  }
  const stop = listen(note)
  try {
    await analyseOnce(copy)
  } finally {
    stop()
  }
}

/** Hears every read of a file; the lab alone may look behind a source like this. */
function listen(note: (path: string, at: number, size: number) => void): () => void {
  const {read, number64} = FileSource.prototype
  FileSource.prototype.read = function (this: FileSource, offset, length) {
    note(this.name, offset, length)
    return read.call(this, offset, length)
  }
  FileSource.prototype.number64 = function (this: FileSource, offset) {
    note(this.name, offset, 8)
    return number64.call(this, offset)
  }
  return () => {
    Object.assign(FileSource.prototype, {read, number64})
  }
}

async function analyseOnce(copy: WorkingCopy): Promise<void> {
  const diagnostics = new Diagnostics()
  const dead = await openProcess(copy.files.get('core') as string, {
    exe: copy.setting === 'named' ? copy.program : undefined,
    sysroots: [copy.sysroot],
    debugDirs: [copy.debugDirectory],
    diagnostics,
  })
  try {
    const report = analyzeCore(dead, {
      tool: {name: 'gotrace-core', version: '0'},
      traceback: 'crash',
      cgoFrames: 'auto',
      goroutines: undefined,
      maxFrames: 1000,
      demangle: true,
      deadline: Deadline.never(diagnostics),
      diagnostics,
    })
    for (const _ of json.renderers.analyze?.(report, {style: PLAIN_STYLE, registers: true, view: 'whole'}) ?? []);
  } finally {
    dead.close()
  }
}
