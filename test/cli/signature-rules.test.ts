// `--signature-rules FILE`: rules of a user's own, in analyze and in batch, and what is said of mistakes in them.
import {mkdtempSync, rmSync, truncateSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import type {BatchLine, SignatureReport} from '../../src/report/core-report.ts'
import {runCommand} from '../support/run-command.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-rules-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))
const {core, executable, sysroot} = await openFixture('cfault-segv-go1.27')
const places = ['-e', executable, '--sysroot', sysroot, '--quiet']

function rulesOf(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

function analyze(...flags: string[]): SignatureReport {
  return JSON.parse(runCommand(['analyze', core, ...places, '--json', ...flags]).stdout).signature
}

const plain = analyze()

test('own rules leave out, rewrite and bound frames, in both commands alike', t => {
  const rules = rulesOf(
    'rules',
    [
      '# ours',
      '[irrelevant c: plumbing]',
      '^update_record$',
      '',
      '[fold go: names]',
      '^main\\.\\(\\*server\\)\\.(\\w+)$ => main.server.$1',
      '[last: the server]',
      '^main\\.\\(\\*server\\)\\.handle$',
      '',
    ].join('\n'),
  )
  const own = analyze('--signature-rules', rules)
  t.deepEqual(plain.frames.slice(0, 3), ['store_value', 'update_record', 'process_batch'])
  t.deepEqual(own.frames, ['store_value', 'process_batch', 'cfault_segv', 'main.server.dispatch', 'main.server.handle'])
  t.regex(own.version, new RegExp(`^${plain.version}\\+[0-9a-f]+$`))
  t.not(own.exact, plain.exact)
  t.true(own.explain.some(line => line.includes('update_record') && line.includes('plumbing')))
  const {stdout} = runCommand(['batch', core, ...places, '--signature-rules', rules, '--explain'])
  t.deepEqual((JSON.parse(stdout) as BatchLine).signature, own)
})

test('rules that meet nothing change the version alone', t => {
  const own = analyze('--signature-rules', rulesOf('idle', '[irrelevant]\n^no_such_function$\n'))
  t.deepEqual(own.frames, plain.frames)
  t.is(own.family, plain.family)
  t.not(own.version, plain.version)
})

test('a mistake is told with its file and line, before any core is read', t => {
  const cases = {
    'no-section': ['^a$\n', 1],
    'no-kind': ['[irrelevant]\n^a$\n[ignore: x]\n^b$\n', 3],
    'no-pattern': ['# a\n[prefix go]\n(\n', 3],
    'no-replacement': ['[fold c]\n^a$\n', 2],
  } as const
  for (const [name, [text, line]] of Object.entries(cases)) {
    const path = rulesOf(name, text)
    for (const command of ['analyze', 'batch']) {
      const {stdout, stderr, exitCode} = runCommand([command, '/no/such/core', '--signature-rules', path])
      t.deepEqual([stdout, exitCode], ['', 2], name)
      t.true(stderr.startsWith(`gotrace-core: ${path}:${line}: `), stderr)
    }
  }
  const missing = runCommand(['analyze', core, '--signature-rules', join(directory, 'missing')])
  t.deepEqual(
    [missing.exitCode, missing.stderr.split('\n')[0]],
    [1, `gotrace-core: ${join(directory, 'missing')}: no such file`],
  )
  const huge = rulesOf('huge', '')
  truncateSync(huge, 2 ** 30)
  t.is(runCommand(['analyze', core, '--signature-rules', huge]).exitCode, 2)
})
