// What the progress of batch says.
import test from 'ava'
import {batchProgressText} from '../../src/commands/batch-progress.ts'
import {noCounts} from '../../src/triage/batch-run.ts'

test('the progress tells how many of how many, the rate, and the time left at that rate', t => {
  const counts = {...noCounts(), lines: 12, known: 3, errors: 1}
  t.is(batchProgressText(counts, 63, 4000), '12 of 60 analysed, 3 known, 1 failed, 3.0 a second, 16 s left')
  t.is(
    batchProgressText({...noCounts(), lines: 100}, 100_000, 1000),
    '100 of 100000 analysed, 100 a second, 16 min 39 s left',
  )
  t.is(batchProgressText({...noCounts(), lines: 1}, 10_000, 1000), '1 of 10000 analysed, 1.0 a second, 2 h 46 min left')
})

test('before the first line, and where nothing was counted, it tells what it knows', t => {
  t.is(batchProgressText(noCounts(), 60, 0), '0 of 60 analysed')
  t.is(batchProgressText({...noCounts(), lines: 2}, undefined, 1000), '2 analysed, 2.0 a second')
})
