import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {openProcess} from '../../src/acquire/open-process.ts'
import {DEFAULT_VALUE_LIMITS} from '../../src/analysis/values/limits.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {ReadRecord} from '../../src/base/read-record.ts'
import {readWhole} from '../../src/commands/whole-reading.ts'

/** Bytes of a core that all commands read, with the values of so many goroutines at the most. */
async function bytesRead(name: string, goroutinesMax: number | undefined): Promise<number> {
  const fixture = await openFixture(name)
  const diagnostics = new Diagnostics()
  const record = new ReadRecord()
  const process = await openProcess(fixture.core, {
    exe: fixture.executable,
    sysroots: [fixture.sysroot],
    diagnostics,
    record,
  })
  try {
    const deadline = Deadline.never(diagnostics)
    const options = {tool: {name: 'x', version: '0'}, maxFrames: 1000, demangle: true, diagnostics, deadline}
    const values = {choice: 'all', limits: DEFAULT_VALUE_LIMITS} as const
    readWhole(process, options, goroutinesMax === undefined ? undefined : {options: values, goroutinesMax})
    return [...record.ranges()].reduce((sum, {start, end}) => sum + end - start, 0)
  } finally {
    process.close()
  }
}

test('values of very many goroutines are left where they are, but for the one that crashed', async t => {
  const name = 'callback-deep-go1.27'
  const [none, ofCrash, ofAll] = await Promise.all([undefined, 1, 1000].map(max => bytesRead(name, max)))
  t.true((none ?? 0) < (ofCrash ?? 0), `${none} ${ofCrash}`)
  t.true((ofCrash ?? 0) < (ofAll ?? 0), `${ofCrash} ${ofAll}`)
})
