import {mkdtempSync, openSync, rmSync} from 'node:fs'
import {join} from 'node:path'

/**
 * A file without a name, readable by its owner alone: nothing is left of it however the program ends.
 * @param prefix of the folder that it has for a moment
 * @throws what the system says
 */
export function openUnlinked(parent: string, prefix: string): number {
  const directory = mkdtempSync(join(parent, prefix))
  try {
    return openSync(join(directory, 'core'), 'wx+', 0o600)
  } finally {
    rmSync(directory, {recursive: true, force: true})
  }
}
