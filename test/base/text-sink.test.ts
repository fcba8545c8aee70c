import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {TextSink} from '../../src/base/text-sink.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-sink-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

test('text of many bytes a character arrives whole, in small pieces and in large ones', t => {
  const file = join(directory, 'text')
  const pieces = [
    ...Array.from({length: 40_000}, (_, index) => `größe ${index} 世界\n`),
    '世'.repeat(65_535),
    '界'.repeat(131_072),
    '界'.repeat(131_073),
    '\u{1f600}'.repeat(100_000),
    'end\n',
  ]
  const sink = TextSink.open(file)
  t.true(pieces.every(piece => sink.write(piece)))
  sink.close()
  t.true(readFileSync(file).equals(Buffer.from(pieces.join(''))))
})
