import {FileSource} from '../base/byte-source.ts'
import {InputError} from '../base/errors.ts'

/** A list of more than this is no list that a person made. */
const LIST_MAX = 1024 * 1024
/** Shorter ones are in every file. */
const LENGTH_MIN = 4

/**
 * The texts of a file, one a line.
 * @throws InputError
 */
export function readSecrets(path: string | undefined): string[] {
  if (path === undefined) return []
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
 * Passes bytes on, and looks for texts in them, as UTF-8 and as UTF-16.
 * @throws InputError secret-left where one is there
 */
export function* refuseSecrets(chunks: Iterable<Uint8Array>, secrets: readonly string[]): Generator<Uint8Array> {
  const patterns = secrets.flatMap(secret => [Buffer.from(secret, 'utf8'), Buffer.from(secret, 'utf16le')])
  const overlap = Math.max(0, ...patterns.map(({length}) => length - 1))
  let tail = new Uint8Array(0)
  for (const chunk of chunks) {
    const window = Buffer.concat([tail, chunk])
    const found = patterns.findIndex(pattern => window.includes(pattern))
    if (found >= 0) throw stillThere(Math.floor(found / 2) + 1)
    tail = new Uint8Array(window.subarray(Math.max(window.length - overlap, 0)))
    yield chunk
  }
}

function stillThere(line: number): InputError {
  const message = `the text of line ${line} of the list of secrets would be in it: nothing was written`
  return new InputError(
    'secret-left',
    message,
    'use --redact; it may also be in a path, a symbol or a file of the process',
  )
}
