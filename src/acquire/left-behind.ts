import {readdirSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {pathStats} from '../base/path-stats.ts'

/** Nobody takes an hour to write a file. */
const LEFT_BEHIND_MS = 3_600_000

/**
 * Partial files of processes that were killed: no handler ran there, so the next one that writes there tidies up, as
 * far as it may.
 */
export function removeLeftBehind(folder: string, isPartial: (name: string) => boolean): void {
  try {
    for (const name of readdirSync(folder)) {
      if (!isPartial(name)) continue
      const path = join(folder, name)
      const stat = pathStats(path)
      if (stat?.isFile() && Date.now() - stat.mtimeMs > LEFT_BEHIND_MS) rmSync(path, {force: true})
    }
  } catch {
    // What is to be written does not depend on it.
  }
}
