// The text of goroutines as Go's own tools read it: panicparse (Debian's package), a parser of the text of a runtime.
import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {test} from 'node:test'
import {fixtureNames, openFixture} from '../../lab/fixtures.ts'
import type {GoroutineReport} from '../../src/report/core-report.ts'
import {runCommand} from '../support/run-command.ts'

/**
 * What the runtime has added to the first line of a block, and parsers do not know yet: from 1.23 on the addresses of
 * the g and the m where a program dies of a signal, from 1.26 on labels (docs/recipes.md).
 */
function asParsersKnowIt(text: string): string {
  return text
    .replaceAll(/^(goroutine \d+) gp=\S+ m=\S+(?: mp=\S+)?/gm, '$1')
    .replaceAll(/^(goroutine \d+ \[.*\]) \{.*\}:$/gm, '$1:')
}

/** How many goroutines are in a state, at these places, begun there. */
type Census = ReadonlyMap<string, number>

function censusOf(goroutines: readonly GoroutineReport[]): Census {
  return count(
    goroutines.map(({state, lockedToThread, createdBy, frames}) => ({
      key: [
        `${state.replace(/[,{].*/s, '').trim()}${lockedToThread ? ' [locked]' : ''}`,
        createdBy === null ? '' : `${createdBy.function?.replace(/^.*\//, '')} ${createdBy.file}:${createdBy.line}`,
        ...frames.filter(({kind}) => kind === 'go').map(({file, line}) => `${file}:${line}`),
      ],
      times: 1,
    })),
  )
}

/** `2: chan receive [locked] [Created by main.start in goroutine 1 @ main.go:63]`, then a line for each frame. */
function censusOfPanicparse(text: string): Census {
  const blocks: {key: string[]; times: number}[] = []
  for (const line of text.split('\n')) {
    const header = /^(\d+): (.*?)(?: \[Created by (.*?)(?: in goroutine \d+)? @ (.*)\])?$/.exec(line)
    if (header) {
      const [, times, state = '', by, at] = header
      blocks.push({key: [state, by === undefined ? '' : `${by} ${at}`], times: Number(times)})
    }
    const place = /^ {4}\S+ +(\S+:\d+) /.exec(line)?.[1]
    if (place !== undefined) blocks.at(-1)?.key.push(place)
  }
  return count(blocks)
}

function count(blocks: readonly {key: readonly string[]; times: number}[]): Census {
  const census = new Map<string, number>()
  for (const {key, times} of blocks) {
    const name = key.join('\n')
    census.set(name, (census.get(name) ?? 0) + times)
  }
  return new Map([...census].sort())
}

for (const name of fixtureNames().filter(each => /^(?:blocked-(?:panic|fault|quit)|busy-all)-/.test(each))) {
  test(`${name}: panicparse finds the goroutines that the report has`, async () => {
    const {core, executable, sysroot} = await openFixture(name)
    const args = ['goroutines', core, '-e', executable, '--sysroot', sysroot, '--quiet', '--cgo-frames', 'none']
    const {goroutines} = JSON.parse(runCommand([...args, '--json']).stdout)
    const input = asParsersKnowIt(runCommand(args).stdout)
    const parsed = execFileSync('panicparse', ['-parse=false', '-rebase=false', '-full-path'], {
      input,
      encoding: 'utf8',
    })
    assert.deepEqual(censusOfPanicparse(parsed), censusOf(goroutines))
  })
}
