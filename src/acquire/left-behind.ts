import {readdirSync, rmSync, statSync} from 'node:fs'
import {join} from 'node:path'

/** Nobody takes an hour to write a file. */
const LEFT_BEHIND_MS = 3_600_000

/** Partial files of processes that were killed: no handler ran there, so the next one that writes there tidies up. */
export function removeLeftBehind(folder: string, isPartial: (name: string) => boolean): void {
  for (const name of readdirSync(folder)) {
    if (!isPartial(name)) continue
    const path = join(folder, name)
    const stat = statSync(path, {throwIfNoEntry: false})
    if (stat && Date.now() - stat.mtimeMs > LEFT_BEHIND_MS) rmSync(path, {force: true})
  }
}
