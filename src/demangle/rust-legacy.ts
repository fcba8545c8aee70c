import {cloneMark, isControl} from './mangled-text.ts'

const LEGACY_ESCAPES: Readonly<Record<string, string>> = {
  SP: '@',
  BP: '*',
  RF: '&',
  LT: '<',
  GT: '>',
  LP: '(',
  RP: ')',
  C: ',',
}

/**
 * Legacy names look like nested C++ names of which the last part is a hash: `_ZN4core3fmt5write17h0123456789abcdefE`.
 */
export function demangleRustLegacy(mangled: string): string | undefined {
  if (!mangled.includes('17h')) return undefined
  const body = /^_?_ZN(.*17h[0-9a-f]{16})E((?:\..*)?)$/s.exec(mangled)
  if (!body) return undefined
  const rest = body[1] as string
  const parts: string[] = []
  let at = 0
  while (at < rest.length) {
    const digits = /^\d{1,5}/.exec(rest.slice(at, at + 5))?.[0]
    if (digits === undefined) return undefined
    const start = at + digits.length
    at = start + Number(digits)
    if (at > rest.length || Number(digits) === 0) return undefined
    parts.push(rest.slice(start, at))
  }
  // The hash.
  parts.pop()
  if (parts.length === 0) return undefined
  return parts.map(decodePart).join('::') + cloneMark(body[2] as string)
}

function decodePart(part: string): string {
  return part
    .replace(/^_(?=\$)/, '')
    .replace(/\$(?:u([0-9a-f]{1,6})|([A-Z]{1,2}))\$/g, (whole, code: string | undefined, name: string | undefined) => {
      if (name !== undefined) return LEGACY_ESCAPES[name] ?? whole
      const point = Number.parseInt(code ?? '', 16)
      return point <= 0x10ffff && !isControl(point) ? String.fromCodePoint(point) : whole
    })
    .replace(/\.\./g, '::')
}
