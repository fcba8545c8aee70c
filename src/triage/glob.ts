import {InputError} from '../base/errors.ts'

/**
 * A pattern in which one segment of a path stands against one name: `*`, `?`, `[…]`; `**` for any number of folders.
 */
export type GlobSegment = RegExp | '**'

export function hasGlobCharacters(path: string): boolean {
  return /[*?[]/.test(path)
}

/** The folder that every match is in, and the patterns below it. */
export function parseGlob(pattern: string): {base: string; segments: GlobSegment[]} {
  const parts = pattern.split('/')
  const first = parts.findIndex(hasGlobCharacters)
  const base = parts.slice(0, first).join('/')
  const segments = parts
    .slice(first)
    .filter(part => part !== '' && part !== '.')
    .map(part => (part === '**' ? part : new RegExp(`^${segmentSource(part, pattern)}$`, 'su')))
  return {base: base === '' ? (pattern.startsWith('/') ? '/' : '.') : base, segments}
}

/** As glob(7): a leading dot must be written out. */
function segmentSource(part: string, pattern: string): string {
  let source = part.startsWith('.') ? '' : '(?!\\.)'
  for (let at = 0; at < part.length; at++) {
    const character = part[at] as string
    const end = character === '[' ? part.indexOf(']', at + 2) : -1
    if (character === '*') source += source.endsWith('.*') ? '' : '.*'
    else if (character === '?') source += '.'
    else if (end > 0) {
      source += classSource(part.slice(at + 1, end), pattern)
      at = end
    } else source += quote(character)
  }
  return source
}

function classSource(content: string, pattern: string): string {
  const negated = /^[!^]/.test(content)
  const members = (negated ? content.slice(1) : content).replace(/[\\\]^[]/g, '\\$&')
  const source = `[${negated ? '^' : ''}${members}]`
  try {
    new RegExp(source, 'u')
  } catch {
    throw new InputError('bad-argument', `${pattern}: [${content}] is no set of characters`, 'write a set as [a-z]')
  }
  return source
}

function quote(character: string): string {
  return character.replace(/[\\^$.|+(){}[\]*?/]/, '\\$&')
}
