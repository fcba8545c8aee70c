/** A way to build a program other than plain `go build`. */
export interface Variant {
  readonly name: string
  readonly flags: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** What happens to the finished executable. */
  readonly after?: 'strip' | 'drop-section-headers'
  readonly since?: number
  /** True where the program's own shared library cannot be linked or found. */
  readonly excludesLibrary?: boolean
  /** True where there is no C at all. */
  readonly pure?: boolean
}

const variants: readonly Variant[] = [
  {name: 'default', flags: []},
  {name: 'pie', flags: ['-buildmode=pie']},
  {name: 'internal', flags: ['-ldflags=-linkmode=internal'], excludesLibrary: true},
  {
    name: 'static',
    flags: ['-ldflags=-linkmode=external -extldflags=-static'],
    excludesLibrary: true,
  },
  {
    name: 'static-pie',
    flags: ['-buildmode=pie', '-ldflags=-linkmode=external -extldflags=-static-pie'],
    excludesLibrary: true,
  },
  {name: 'nosymbols', flags: ['-ldflags=-s -w']},
  {name: 'nodwarf', flags: ['-ldflags=-w']},
  {name: 'pie-nosymbols', flags: ['-buildmode=pie', '-ldflags=-s -w']},
  {name: 'strip', flags: [], after: 'strip'},
  {
    name: 'nosections',
    flags: ['-ldflags=-s -w'],
    after: 'drop-section-headers',
  },
  {name: 'race', flags: ['-race']},
  {name: 'v3', flags: [], environment: {GOAMD64: 'v3'}, since: 18},
  {name: 'race-nosymbols', flags: ['-race', '-ldflags=-s -w']},
  {name: 'v3-nosymbols', flags: ['-ldflags=-s -w'], environment: {GOAMD64: 'v3'}, since: 18},
  {
    name: 'static-pie-nosymbols',
    flags: ['-buildmode=pie', '-ldflags=-s -w -linkmode=external -extldflags=-static-pie'],
    excludesLibrary: true,
  },
  {name: 'noopt', flags: ['-gcflags=all=-N -l']},
  {name: 'nocgo', flags: [], environment: {CGO_ENABLED: '0'}, pure: true},
]

export function findVariant(name: string): Variant {
  const found = variants.find(variant => variant.name === name)
  if (!found) throw new Error(`no variant named ${name}; there are ${variants.map(v => v.name).join(' ')}`)
  return found
}
