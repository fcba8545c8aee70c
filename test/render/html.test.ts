// The page: it loads nothing, and nothing of a core is more than text in it.
import {createHash} from 'node:crypto'
import test from 'ava'
import {FORMATS} from '../../src/render/formats.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import {reportOf} from '../support/report-of.ts'

const HOSTILE = `</pre></script><script>alert("x")</script><img src=x onerror='y'>&lt;\n\x1b[2J`

function render(text: string, goroutines: number): string {
  const presentation = {style: PLAIN_STYLE, view: 'whole', registers: false} as const
  return [...(FORMATS.html.renderers.analyze?.(reportOf(text, goroutines), presentation) ?? [])].join('')
}

/** The tags of a page with their attributes' names, and the text between them as a reader sees it. */
function parse(page: string): {tags: string[]; text: string} {
  const body = page.replace(/<(style|script)>[\s\S]*?<\/\1>/g, '<$1></$1>')
  const tags = [...body.matchAll(/<(\/?[!a-z0-9]+)((?: [a-z-]+="[^"<>]*")*)(?: html)?\/?>/gi)]
  const names = tags.map(([, name = '', attributes = '']) => name + attributes.replaceAll(/="[^"]*"/g, ''))
  const text = body.replace(/<[^>]*>/g, '')
  return {tags: names, text: text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => DECODED[name] ?? '')}
}

const DECODED: Readonly<Record<string, string>> = {amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'"}

test('hostile text changes no tag and no attribute of a page', t => {
  const plain = parse(render('plain', 30))
  const hostile = parse(render(HOSTILE, 30))
  t.deepEqual(hostile.tags, plain.tags)
  t.false(hostile.text.includes('\x1b'))
  const seen = HOSTILE.replace('\n', '\\x0a').replace('\x1b', '\\x1b')
  t.true(hostile.text.startsWith(`\n\n\n\nserver died: ${seen}\n`), hostile.text.slice(0, 200))
})

test('a page may run its own script and style alone', t => {
  const page = render('plain', 3)
  const digest = (name: string): string => {
    const content = new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(page)?.[1] ?? ''
    return `'sha256-${createHash('sha256').update(content).digest('base64')}'`
  }
  const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1]
  t.is(
    policy,
    `default-src 'none'; base-uri 'none'; form-action 'none'; style-src ${digest('style')}; script-src ${digest('script')}`,
  )
  t.deepEqual(page.match(/ (?:src|href|style|on[a-z]+)="/g), null)
})

test('goroutines with one stack are one group, with the numbers of the first', t => {
  const page = render('plain', 1001)
  t.is(page.match(/<details class="group"/g)?.length, 1)
  t.regex(page, /data-count="1000"><summary>1000 × \[plain\] plain <span class="note">1 frame<\/span><\/summary>/)
  t.regex(page, /goroutines 2 3 4 [\d ]+ 201 … /)
  t.regex(page, /<h2>Other goroutines \(1000\)<\/h2>/)
})
