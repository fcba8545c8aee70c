// Which documents a run writes, and what tells the format of each.
import test from 'ava'
import {outputsOf} from '../../src/commands/outputs.ts'
import {FORMAT_NAMES, FORMATS} from '../../src/render/formats.ts'

const formatOf = (path: string) => outputsOf({output: [path]})[0]?.format

test('the ending of a file names its format, the longest that fits', t => {
  for (const name of FORMAT_NAMES) {
    const {ending} = FORMATS[name]
    if (ending !== null) t.is(formatOf(`crash${ending}`), name)
  }
  t.is(formatOf('a.speedscope.json'), 'speedscope')
  t.is(formatOf('a.ndjson'), 'ndjson')
  t.is(formatOf('report'), 'text')
  t.is(formatOf('json'), 'text', 'a name is no ending')
})

test('no two formats have one ending', t => {
  const endings = FORMAT_NAMES.map(name => FORMATS[name].ending).filter(ending => ending !== null)
  t.is(new Set(endings).size, endings.length)
})

test('a flag names the format of the only document; of several that of those whose ending says nothing', t => {
  t.deepEqual(outputsOf({}), [{path: undefined, format: 'text'}])
  t.deepEqual(outputsOf({json: true}), [{path: undefined, format: 'json'}])
  t.deepEqual(outputsOf({format: 'markdown', output: ['a.json']}), [{path: 'a.json', format: 'markdown'}])
  t.deepEqual(outputsOf({json: true, output: ['a.md', 'b']}), [
    {path: 'a.md', format: 'markdown'},
    {path: 'b', format: 'json'},
  ])
})
