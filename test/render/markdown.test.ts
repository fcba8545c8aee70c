// A report for a ticket: whatever stands in a core is code there, and nothing that the tracker obeys.
import test from 'ava'
import {FORMATS} from '../../src/render/formats.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import {reportOf} from '../support/report-of.ts'

const HOSTILE = 'it said `x` and ``y`` @everyone #1 </details><img src=x>\n# title \x1b[2J'
const SEEN = 'it said `x` and ``y`` @everyone #1 </details><img src=x>\\x0a# title \\x1b[2J'

function render(text: string, goroutines: number): string {
  const render = FORMATS.markdown.renderers.analyze
  const presentation = {style: PLAIN_STYLE, view: 'whole', registers: false} as const
  return [...(render?.(reportOf(text, goroutines), presentation) ?? [])].join('')
}

/** What is left where blocks and spans of code are taken out (CommonMark 4.5, 6.1). */
function withoutCode(markdown: string): string {
  const text = markdown.replace(/^(`{3,})text\n[\s\S]*?^\1\n/gm, 'BLOCK\n')
  return text.replace(/(?<!`)(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g, 'CODE')
}

test('nothing of a core stands outside of code', t => {
  const plain = withoutCode(render('plain', 2))
  t.is(
    plain,
    [
      '## CODE',
      '',
      '- where: CODE at CODE (C)',
      '- program: CODE, CODE, CODE, CODE',
      '- goroutine 1, thread 7; 2 goroutines (1 in C), 2 threads',
      '- waits: CODE',
      '- missing: CODE: CODE',
      '- signature: CODE CODE',
      '',
      'BLOCK',
      '',
      '<details><summary>1 other stacks</summary>',
      '',
      'BLOCK',
      '',
      '</details>',
      '',
      '### What lowers the detail',
      '',
      '- warning: CODE; CODE',
      '',
    ].join('\n'),
  )
  const hostile = render(HOSTILE, 2)
  t.is(withoutCode(hostile), plain)
  t.true(hostile.startsWith(`## \`\`\`server died: ${SEEN}\`\`\`\n`))
  t.false(hostile.includes('\x1b'))
})

test('a ticket stays small, and says what it leaves out', t => {
  const text = render('f'.repeat(100), 1000)
  t.true(text.length < 40_000)
  const [, shown = '', leftOut = ''] = /<summary>(\d+) other stacks, (\d+) more left out</.exec(text) ?? []
  t.is(Number(shown) + Number(leftOut), 999)
})
