import {createHash} from 'node:crypto'
import {
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {ZSTDDecoder} from 'zstddec/stream'

/** What meta.json of a case says. */
export interface FixtureMeta {
  readonly program: string
  readonly mode: string
  readonly variant: string
  readonly go: string
  readonly gcc: string
  readonly build: readonly string[]
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly trigger: string
  readonly exitCode: number | null
  readonly signal: string | null
  readonly executable: string
  readonly files: readonly {
    readonly name: string
    readonly path: string
    readonly sha256: string
    readonly buildId: string | null
    readonly package: string | null
  }[]
}

/** A case of fixtures/cores, decompressed into a temporary directory that later runs use again. */
export interface Fixture {
  readonly name: string
  readonly meta: FixtureMeta
  /** Directory with the core, the executable and every library side by side. */
  readonly directory: string
  readonly core: string
  readonly executable: string
  /** A tree in which each file lies under the path that the core states for it. */
  readonly sysroot: string
  /** What the dying runtime printed. */
  readonly stderr: string
  /** The compressed core as it is committed. */
  readonly compressedCore: string
}

const casesDirectory = join(dirname(fileURLToPath(import.meta.url)), '../fixtures/cores')
const blockSize = 65_536
/** How a case lies when it is unpacked; another one goes elsewhere. */
const LAYOUT = 'sysroot of hard links'

/** Names of the committed cases, such as `cfault-segv-go1.27`, in order; all or those that match. */
export function fixtureNames(pattern?: RegExp): string[] {
  if (!existsSync(casesDirectory)) return []
  const names = readdirSync(casesDirectory).sort()
  return pattern ? names.filter(name => pattern.test(name)) : names
}

/** Decompresses a case, unless an earlier run did. */
export async function openFixture(name: string): Promise<Fixture> {
  const source = join(casesDirectory, name)
  const meta = JSON.parse(readFileSync(join(source, 'meta.json'), 'utf8')) as FixtureMeta
  const compressedCore = join(source, 'core.zst')
  const directory = join(tmpdir(), 'gotrace-core-fixtures', `${name}-${keyOf(compressedCore, meta)}`)
  if (!existsSync(directory)) await unpack(source, directory, meta)
  return {
    name,
    meta,
    directory,
    core: join(directory, 'core'),
    executable: join(directory, meta.executable),
    sysroot: join(directory, 'sysroot'),
    stderr: readFileSync(join(source, 'stderr.txt'), 'utf8'),
    compressedCore,
  }
}

function keyOf(compressedCore: string, meta: FixtureMeta): string {
  const hash = createHash('sha256')
    .update(LAYOUT)
    .update(readFileSync(compressedCore))
    .update(JSON.stringify(meta.files))
  return hash.digest('hex').slice(0, 16)
}

/** Unpacks beside the target and renames, so that two test files at once never see half a case. */
async function unpack(source: string, target: string, meta: FixtureMeta): Promise<void> {
  mkdirSync(dirname(target), {recursive: true})
  const directory = mkdtempSync(`${target}.`)
  const decoder = new ZSTDDecoder()
  await decoder.init()
  for (const name of ['core', ...meta.files.map(file => file.name)]) {
    decompressSparse(decoder, realpathSync(join(source, `${name}.zst`)), join(directory, name))
  }
  for (const file of meta.files) {
    const link = join(directory, 'sysroot', file.path)
    mkdirSync(dirname(link), {recursive: true})
    linkSync(join(directory, file.name), link)
  }
  try {
    renameSync(directory, target)
  } catch {
    rmSync(directory, {recursive: true, force: true})
  }
}

/** Writes what is not zero; the holes of a core stay holes. */
function decompressSparse(decoder: ZSTDDecoder, from: string, to: string): void {
  const file = openSync(to, 'w', 0o755)
  let size = 0
  try {
    for (const chunk of decoder.decodeStreaming([readFileSync(from)])) {
      for (let start = 0; start < chunk.length; start += blockSize) {
        const block = chunk.subarray(start, start + blockSize)
        if (!isZero(block)) writeSync(file, block, 0, block.length, size + start)
      }
      size += chunk.length
    }
    ftruncateSync(file, size)
  } finally {
    closeSync(file)
  }
}

function isZero(block: Uint8Array): boolean {
  const zeros = Buffer.alloc(block.length)
  return zeros.equals(block)
}
