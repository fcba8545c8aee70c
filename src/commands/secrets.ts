import {FileSource} from '../base/byte-source.ts'
import {InputError} from '../base/errors.ts'
import {removeOutput} from '../base/output-file.ts'

const CHUNK_SIZE = 1024 * 1024
/** A list of more than this is no list that a person made. */
const LIST_MAX = 1024 * 1024
/** Shorter ones are in every file. */
const LENGTH_MIN = 4

/**
 * The texts of a file, one a line.
 * @throws InputError
 */
export function readSecrets(path: string): string[] {
  const source = FileSource.open(path)
  try {
    if (source.size > LIST_MAX) throw new InputError('bad-argument', `${path}: too long a list`, 'name a shorter one')
    const text = new TextDecoder().decode(source.read(0, source.size))
    const secrets = text.split(/\r?\n/).filter(line => line !== '')
    const short = secrets.find(secret => secret.length < LENGTH_MIN)
    if (short === undefined) return secrets
    const hint = `leave out what is shorter than ${LENGTH_MIN} characters`
    throw new InputError('bad-argument', `${path}: a text of ${short.length} characters is everywhere`, hint)
  } finally {
    source.close()
  }
}

/**
 * Looks for the texts in a file, as UTF-8 and as UTF-16.
 * @throws InputError secret-left where one is there: the file is removed before
 */
export function requireAbsent(path: string, secrets: readonly string[]): void {
  if (secrets.length === 0) return
  const patterns = secrets.flatMap(secret => [Buffer.from(secret, 'utf8'), Buffer.from(secret, 'utf16le')])
  const overlap = Math.max(...patterns.map(({length}) => length)) - 1
  const source = FileSource.open(path)
  try {
    let tail = new Uint8Array(0)
    for (const chunk of source.chunks(CHUNK_SIZE)) {
      const window = Buffer.concat([tail, chunk])
      const found = patterns.findIndex(pattern => window.includes(pattern))
      if (found >= 0) throw stillThere(path, Math.floor(found / 2) + 1)
      tail = Uint8Array.from(window.subarray(Math.max(window.length - overlap, 0)))
    }
  } catch (error) {
    removeOutput(path)
    throw error
  } finally {
    source.close()
  }
}

function stillThere(path: string, line: number): InputError {
  const message = `${path}: the text of line ${line} of the list is still in it; the file was removed`
  return new InputError('secret-left', message, 'it may be in a path, a symbol or a file that was loaded; use --redact')
}
