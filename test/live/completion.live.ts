// Completion and the man page, as the shells and man's formatters take them.
import assert from 'node:assert/strict'
import {type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {after, test} from 'node:test'
import {setTimeout} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const directory = mkdtempSync(join(tmpdir(), 'gotrace-completion-'))
after(() => rmSync(directory, {recursive: true, force: true}))

const folder = join(directory, 'work')
mkdirSync(join(folder, 'a folder'), {recursive: true})
writeFileSync(join(folder, 'core.1234'), '')
for (const shell of ['bash', 'fish', 'zsh']) {
  const text = execFileSync(process.execPath, [join(root, 'bin/run.cjs'), 'completion', shell], {encoding: 'utf8'})
  writeFileSync(join(directory, shell), text)
}

/** A line up to the key TAB, and what it becomes where there is one way to go on. */
const LINES = [
  ['gotrace-core an', 'gotrace-core analyze '],
  ['gotrace-core core.1', 'gotrace-core core.1234 '],
  ['gotrace-core analyze --trac', 'gotrace-core analyze --traceback'],
  ['gotrace-core analyze --color=al', 'gotrace-core analyze --color=always'],
  ['gotrace-core info --color ne', 'gotrace-core info --color never'],
  ['gotrace-core threads --sysroot a', 'gotrace-core threads --sysroot a\\ folder/'],
  ['gotrace-core threads core.12', 'gotrace-core threads core.1234'],
  ['gotrace-core core.1234 --max-', 'gotrace-core core.1234 --max-frames'],
  ['gotrace-core completion z', 'gotrace-core completion zsh'],
  ['gotrace-core help symboli', 'gotrace-core help symbolize'],
] as const

const STARTS = {
  bash: `exec bash --rcfile ${directory}/bashrc -i`,
  zsh: `ZDOTDIR=${directory} exec zsh -i`,
} as const
const PATIENCE_MS = 20_000
/** What empties the line in both. */
const KILL_LINE = '\u0015'
writeFileSync(join(directory, 'bashrc'), `PS1='> '; bind 'set enable-bracketed-paste off'; source ${directory}/bash\n`)
writeFileSync(join(directory, '.zshrc'), `PS1='> '; autoload -U compinit; compinit -D; source ${directory}/zsh\n`)

/** A shell on a terminal, which `script` of util-linux gives it. */
class Terminal {
  readonly #script: ChildProcessWithoutNullStreams
  #screen = ''

  constructor(shell: keyof typeof STARTS) {
    const env = {...process.env, TERM: 'dumb'}
    this.#script = spawn('script', ['-qec', `stty cols 200; ${STARTS[shell]}`, '/dev/null'], {cwd: folder, env})
    this.#script.stdout.on('data', data => {
      this.#screen += data
    })
  }

  /** Types, and waits for a text to appear; what is there by then. */
  async type(keys: string, text: string): Promise<string> {
    this.#screen = ''
    this.#script.stdin.write(keys)
    for (let waited = 0; waited < PATIENCE_MS && !this.#screen.includes(text); waited += 50) await setTimeout(50)
    return this.#screen
  }

  close(): void {
    this.#script.stdin.end()
    this.#script.kill()
  }
}

for (const [line, whole] of LINES) {
  test(`fish completes ${line}`, () => {
    const ask = `cd ${folder}; source ${directory}/fish; complete -C '${line}'`
    const found = execFileSync('fish', ['--no-config', '-c', ask], {encoding: 'utf8'})
    const [offered = ''] = found.split(/[\t\n]/)
    const last =
      whole
        .split(/(?<!\\) /)
        .filter(word => word !== '')
        .at(-1) ?? ''
    assert.equal(offered, last.replaceAll('\\', ''))
  })
}

for (const shell of ['bash', 'zsh'] as const) {
  test(`${shell} completes`, async () => {
    const terminal = new Terminal(shell)
    try {
      await terminal.type('echo REA""DY\n', 'READY')
      for (const [line, whole] of LINES) {
        const screen = await terminal.type(`${line}\t`, whole)
        assert.ok(screen.includes(whole), `${line}: ${JSON.stringify(screen)}`)
        await terminal.type(`${KILL_LINE}echo O""K\n`, 'OK')
      }
    } finally {
      terminal.close()
    }
  })
}

test('the man page has no mistake that its formatters know of', () => {
  const page = join(root, 'man/gotrace-core.1')
  const groff = spawnSync('groff', ['-ww', '-man', '-Tutf8', page], {encoding: 'utf8'})
  assert.equal(groff.stderr, '')
  assert.match(groff.stdout, /User Commands/)
  // A date would differ from build to build.
  const lint = spawnSync('mandoc', ['-T', 'lint', page], {encoding: 'utf8'})
  assert.deepEqual(
    lint.stdout.split('\n').filter(line => line !== '' && !line.includes('missing date')),
    [],
  )
})
