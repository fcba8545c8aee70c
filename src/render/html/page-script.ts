/** The page's script: filters, copying, keys. It reads the page alone, and sets nothing but `hidden` and `open`. */
export const PAGE_SCRIPT = `
'use strict'
const $ = id => document.getElementById(id)
const groups = [...document.querySelectorAll('details.group')]
let texts
function filter() {
  // Thousands of stacks: made when somebody searches, not when the page opens.
  texts ??= groups.map(group => group.textContent.toLowerCase())
  const words = $('search').value.toLowerCase().split(/\\s+/).filter(Boolean)
  const state = $('state').value, language = $('language').value, module = $('module').value
  let goroutines = 0
  groups.forEach((group, index) => {
    const shown = words.every(word => texts[index].includes(word)) && (state === '' || group.dataset.state === state) &&
      (language === '' || group.dataset.language === language) &&
      (module === '' || JSON.parse(group.dataset.modules).includes(module))
    group.hidden = !shown
    if (shown) goroutines += Number(group.dataset.count)
  })
  $('shown').textContent = goroutines + ' shown'
}
for (const id of ['search', 'state', 'language', 'module']) $(id)?.addEventListener('input', filter)
$('unfold')?.addEventListener('click', () => {
  const closed = groups.some(group => !group.hidden && !group.open)
  for (const group of groups) if (!group.hidden) group.open = closed
})
document.addEventListener('click', async event => {
  const target = event.target.closest?.('button[data-copy]')
  if (!target) return
  const copy = $(target.dataset.copy).cloneNode(true)
  for (const line of copy.querySelectorAll('.source')) line.remove()
  const text = copy.textContent
  try { await navigator.clipboard.writeText(text) } catch {
    const range = document.createRange()
    range.selectNodeContents($(target.dataset.copy))
    getSelection().removeAllRanges()
    getSelection().addRange(range)
    document.execCommand('copy')
  }
  target.textContent = 'Copied'
})
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const typing = /^(INPUT|SELECT)$/.test(document.activeElement?.tagName)
  if (event.key === 'Escape' && typing) document.activeElement.blur()
  if (typing) return
  if (event.key === '/') { event.preventDefault(); $('search')?.focus() }
  if (event.key === 'j' || event.key === 'k') {
    const shown = groups.filter(group => !group.hidden)
    const at = shown.indexOf(document.activeElement?.closest('details.group'))
    const next = shown[event.key === 'j' ? at + 1 : Math.max(at - 1, 0)]
    next?.querySelector('summary').focus()
  }
})
`
