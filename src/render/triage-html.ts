import type {StoredSignature, TriageList, TriageShow} from '../report/core-report.ts'
import {MARK_STATES} from '../report/vocabulary.ts'
import {element, escaped, table} from './html/markup.ts'
import {PAGE_STYLE} from './html/page-style.ts'

const BAR_WIDTH = 6
const BAR_HEIGHT = 20

/** Where a signature, a report and the form of a mark are, from the root of the site. */
const signaturePath = (exact: string): string => `/signatures/${encodeURIComponent(exact)}`
const reportPath = (key: string): string => `/reports/${encodeURIComponent(key)}`

/** What the user asked for, by the names of the fields of the form. */
export type Asked = Readonly<Record<string, string>>

/** The signatures of a store, with a form that narrows them down. */
export function renderListPage({store, matched, signatures}: TriageList, asked: Asked): string {
  const facts = `${store.cores} cores, ${store.signatures} signatures, ${store.errors} not analysed; ${matched} match`
  const rows = signatures.map(signature => [
    String(signature.count),
    element('a', {href: signaturePath(signature.exact)}, escaped(titleOf(signature))),
    escaped(stateOf(signature)),
    escaped(signature.programs.map(({name}) => name).join(', ')),
    escaped(signature.versions.map(({name}) => name).join(', ')),
    trendPicture(signature.trend),
    escaped(signature.first),
    escaped(signature.last),
  ])
  const head = ['cores', 'what', 'state', 'programs', 'builds', 'trend', 'first', 'last']
  const list = element('div', {class: 'scroll'}, table(head, rows) || '<p>No signature matches.</p>')
  return page(store.path, `<h1>${escaped(store.path)}</h1>\n<p>${escaped(facts)}</p>\n${filterForm(asked)}\n${list}`)
}

function filterForm(asked: Asked): string {
  const field = (name: string, hint: string): string =>
    `<input name="${name}" placeholder="${hint}" aria-label="${hint}" value="${escaped(asked[name] ?? '')}">`
  const fields = [
    field('state', 'states: new,regressed'),
    field('program', 'program'),
    field('family', 'family'),
    field('new-since', 'first seen since: 7d'),
    field('since', 'seen since: 24h'),
    field('days', 'days of the trend'),
  ]
  return element('form', {id: 'filters', method: 'get', action: '/'}, `${fields.join('')}<button>show</button>`)
}

/** A bar a day. */
function trendPicture(trend: StoredSignature['trend']): string {
  if (trend.length === 0) return ''
  const highest = Math.max(1, ...trend.map(({count}) => count))
  const bars = trend.map(({day, count}, index) => {
    const height = Math.ceil((count * BAR_HEIGHT) / highest)
    const place = `x="${index * BAR_WIDTH}" y="${BAR_HEIGHT - height}" width="${BAR_WIDTH - 1}" height="${height}"`
    return `<rect ${place}><title>${escaped(`${day}: ${count}`)}</title></rect>`
  })
  const what = `${trend[0]?.day} to ${trend.at(-1)?.day}, at most ${highest} a day`
  const size = {
    class: 'trend',
    width: String(trend.length * BAR_WIDTH),
    height: String(BAR_HEIGHT),
    role: 'img',
    'aria-label': what,
  }
  return element('svg', size, bars.join(''))
}

function titleOf({kind, signal, message, frames}: StoredSignature): string {
  const first = message?.split('\n', 1)[0]
  const what = [kind === 'signal' ? (signal ?? 'signal') : (kind ?? 'crash'), ...(first ? [first] : [])].join(': ')
  return frames.length > 0 ? `${what} in ${frames.slice(0, 3).join(' < ')}` : what
}

function stateOf({state, regression, mark}: StoredSignature): string {
  if (regression) return `regressed, seen in ${regression.build} (${regression.proof})`
  return [state, ...(mark?.build ? [`in ${mark.build}`] : []), ...(mark?.note ? [mark.note] : [])].join(' ')
}

/** One signature. @param token what the form of a mark must send back; undefined: nothing may be marked */
export function renderSignaturePage(shown: TriageShow, token: string | undefined): string {
  const {signature, builds, labels, stack, cores, similar, history} = shown
  const frames = stack.map(frame => [
    escaped(frame.function ?? '?'),
    escaped(
      frame.file === null ? `${frame.module ?? '?'}+${frame.moduleOffset ?? '?'}` : `${frame.file}:${frame.line}`,
    ),
  ])
  const ofBuild = builds.map(build =>
    [
      build.name,
      String(build.count),
      build.program,
      build.time,
      build.goVersion,
      build.first,
      build.last,
      build.sinceFix,
    ].map(fact => escaped(fact ?? '')),
  )
  const ofCore = cores.map(({time, path, key, report}) => [
    escaped(time),
    escaped(path),
    report === null ? '' : element('a', {href: reportPath(key)}, 'report'),
  ])
  const alike = similar.map(({exact, similarity, count, state}) => [
    element('a', {href: signaturePath(exact)}, escaped(exact)),
    `${Math.round(similarity * 100)} %`,
    String(count),
    escaped(state),
  ])
  const said = history.map(({time, author, state, build, note}) =>
    [time, author, state, build, note].map(fact => escaped(fact ?? '')),
  )
  const parts = [
    `<p><a href="/">all signatures</a></p><h1>${escaped(titleOf(signature))}</h1>`,
    `<p>${escaped(`${signature.count} cores · ${stateOf(signature)} · ${signature.exact}`)}</p>`,
    trendPicture(signature.trend),
    token === undefined ? '' : markForm(signature.exact, token),
    section('Stack of the newest core', table(['function', 'place'], frames)),
    section('Builds', table(['build', 'cores', 'program', 'commit', 'Go', 'first', 'last', 'since the fix'], ofBuild)),
    section(
      'Labels',
      table(
        ['label', 'cores'],
        labels.map(({key, value, count}) => [escaped(`${key}=${value}`), String(count)]),
      ),
    ),
    section('Newest cores', table(['written', 'core', ''], ofCore)),
    section('Similar', table(['signature', 'alike', 'cores', 'state'], alike)),
    section('What was said', table(['when', 'who', 'what', 'build', 'note'], said)),
  ]
  return page(titleOf(signature), parts.join('\n'))
}

function section(title: string, content: string): string {
  return content === '' ? '' : `<h2>${escaped(title)}</h2>\n${element('div', {class: 'scroll'}, content)}`
}

function markForm(exact: string, token: string): string {
  const options = Object.keys(MARK_STATES).map(state => `<option>${escaped(state)}</option>`)
  const fields = [
    `<input type="hidden" name="token" value="${escaped(token)}">`,
    `<select name="state" aria-label="state">${options.join('')}</select>`,
    '<input name="build" placeholder="fixed in build" aria-label="fixed in build">',
    '<input name="note" placeholder="note" aria-label="note">',
    '<button>mark</button>',
  ]
  return element('form', {id: 'filters', method: 'post', action: `${signaturePath(exact)}/mark`}, fields.join(''))
}

/** What went wrong, as a page. */
export function renderFailurePage(message: string, hint: string | null): string {
  return page(
    'gotrace-core',
    `<p><a href="/">all signatures</a></p><h1>${escaped(message)}</h1><p>${escaped(hint ?? '')}</p>`,
  )
}

function page(title: string, content: string): string {
  const head = [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(title)}</title>`,
    `<style>${PAGE_STYLE}.trend rect { fill: var(--go); stroke: none; }</style>`,
  ]
  return `<!doctype html>\n<html lang="en"><head>${head.join('\n')}</head>\n<body>\n${content}\n</body></html>\n`
}
