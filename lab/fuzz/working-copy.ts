import {closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readFileSync, readSync, writeSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {type Fixture, openFixture} from '../fixtures.ts'

/**
 * How the files of a crash are at hand. found: below a sysroot, checked as any file there is · named: the program by
 * `--exe` · hidden: the program is gone · split: what the program's section headers tell is in a debug file.
 */
export const SETTINGS = ['found', 'named', 'hidden', 'split'] as const
export type Setting = (typeof SETTINGS)[number]

/** A change of one file: other bytes (hexadecimal) at an offset, or its end. */
export type Damage =
  | {readonly file: string; readonly at: number; readonly bytes: string}
  | {readonly file: string; readonly size: number}

/** A committed crash and what is done to it. */
export interface Recipe {
  readonly crash: string
  readonly setting: Setting
  readonly damages: readonly Damage[]
}

const BLOCK_SIZE = 65_536

/** Copies of a committed crash's files, which are damaged and put right again. */
export class WorkingCopy {
  readonly fixture: Fixture
  readonly setting: Setting
  /** By name: `core`, the modules' files, and `debug` where the setting is split. */
  readonly files: ReadonlyMap<string, string>
  readonly sysroot: string
  readonly debugDirectory: string
  readonly #originals: ReadonlyMap<string, string>

  private constructor(fixture: Fixture, setting: Setting, directory: string) {
    this.fixture = fixture
    this.setting = setting
    this.sysroot = join(directory, 'root')
    this.debugDirectory = join(directory, 'debug')
    const files = new Map([['core', join(directory, 'core')]])
    const originals = new Map([['core', fixture.core]])
    for (const {name, path, buildId} of fixture.meta.files) {
      const isProgram = name === fixture.meta.executable
      if (isProgram && setting === 'hidden') continue
      files.set(name, join(this.sysroot, path))
      originals.set(name, join(fixture.directory, name))
      if (!isProgram || setting !== 'split' || buildId === null) continue
      files.set('debug', join(this.debugDirectory, '.build-id', buildId.slice(0, 2), `${buildId.slice(2)}.debug`))
      originals.set('debug', join(fixture.directory, name))
    }
    this.files = files
    this.#originals = originals
  }

  static async create(crash: string, setting: Setting, directory: string): Promise<WorkingCopy> {
    const copy = new WorkingCopy(await openFixture(crash), setting, directory)
    for (const folder of [copy.sysroot, copy.debugDirectory]) mkdirSync(folder, {recursive: true})
    for (const [name, path] of copy.files) {
      mkdirSync(dirname(path), {recursive: true})
      closeSync(openSync(path, 'w', 0o755))
      copy.#restoreTail(name, 0)
    }
    return copy
  }

  get core(): string {
    return this.files.get('core') as string
  }

  /** The program's file, where it is at hand. */
  get program(): string | undefined {
    return this.files.get(this.fixture.meta.executable)
  }

  /** Flags that tell a command where the files are. */
  get flags(): string[] {
    const {program} = this
    const exe = this.setting === 'named' && program !== undefined ? ['--exe', program] : []
    return [...exe, '--sysroot', this.sysroot, '--debug-dir', this.debugDirectory]
  }

  /** @returns what puts the files right again */
  apply(damages: readonly Damage[]): () => void {
    for (const damage of damages) this.#damage(damage)
    return () => {
      for (const damage of damages) {
        if ('size' in damage) this.#restoreTail(damage.file, damage.size)
        else this.#restoreRange(damage.file, damage.at, damage.bytes.length / 2)
      }
    }
  }

  #damage(damage: Damage): void {
    const path = this.files.get(damage.file)
    if (path === undefined) return
    const file = openSync(path, 'r+')
    try {
      if ('size' in damage) ftruncateSync(file, Math.min(damage.size, fstatSync(file).size))
      else if (damage.at < fstatSync(file).size) writeSync(file, Buffer.from(damage.bytes, 'hex'), 0, null, damage.at)
    } finally {
      closeSync(file)
    }
  }

  /** Puts back what was cut off. Zeros are not written, so that the holes of a core stay holes. */
  #restoreTail(name: string, from: number): void {
    this.#withBoth(name, (original, copy) => {
      const {size} = fstatSync(original)
      ftruncateSync(copy, Math.min(from, size))
      ftruncateSync(copy, size)
      copyRange(original, copy, {start: from, end: size, withZeros: false})
    })
  }

  #restoreRange(name: string, at: number, length: number): void {
    this.#withBoth(name, (original, copy) => {
      copyRange(original, copy, {start: at, end: Math.min(at + length, fstatSync(original).size), withZeros: true})
    })
  }

  #withBoth(name: string, use: (original: number, copy: number) => void): void {
    const path = this.files.get(name)
    if (path === undefined) return
    const original = openSync(this.#originals.get(name) as string, 'r')
    const copy = openSync(path, 'r+')
    try {
      use(original, copy)
      if (this.setting === 'split' && name === this.fixture.meta.executable) hideSections(copy)
    } finally {
      closeSync(original)
      closeSync(copy)
    }
  }
}

function copyRange(
  from: number,
  to: number,
  {start, end, withZeros}: {start: number; end: number; withZeros: boolean},
): void {
  const block = Buffer.alloc(BLOCK_SIZE)
  const zeros = Buffer.alloc(BLOCK_SIZE)
  for (let at = start; at < end; at += BLOCK_SIZE) {
    const count = readSync(from, block, 0, Math.min(BLOCK_SIZE, end - at), at)
    if (count <= 0) return
    const isZero = block.compare(zeros, 0, count, 0, count) === 0
    if (withZeros || !isZero) writeSync(to, block, 0, count, at)
  }
}

/** e_shoff, e_shnum and e_shstrndx (gABI ch. 4) become 0: a program whose sections are told by its debug file alone. */
function hideSections(file: number): void {
  writeSync(file, Buffer.alloc(8), 0, 8, 40)
  writeSync(file, Buffer.alloc(4), 0, 4, 60)
}

/** A recipe from a file of the corpus. */
export function readRecipe(path: string): Recipe & {readonly was: string} {
  return JSON.parse(readFileSync(path, 'utf8'))
}
