/** Codes of the Itanium C++ ABI, 5.1, and what they stand for. */

export const BUILTIN_TYPES: Readonly<Record<string, string>> = {
  v: 'void',
  w: 'wchar_t',
  b: 'bool',
  c: 'char',
  a: 'signed char',
  h: 'unsigned char',
  s: 'short',
  t: 'unsigned short',
  i: 'int',
  j: 'unsigned int',
  l: 'long',
  m: 'unsigned long',
  x: 'long long',
  y: 'unsigned long long',
  n: '__int128',
  o: 'unsigned __int128',
  f: 'float',
  d: 'double',
  e: 'long double',
  g: '__float128',
  z: '...',
}

export const EXTENDED_TYPES: Readonly<Record<string, string>> = {
  Dd: 'decimal64',
  De: 'decimal128',
  Df: 'decimal32',
  Dh: 'half',
  Di: 'char32_t',
  Ds: 'char16_t',
  Du: 'char8_t',
  Da: 'auto',
  Dc: 'decltype(auto)',
  Dn: 'decltype(nullptr)',
}

/** Suffixes of integer literals by the code of their type; other types are written as a cast. */
export const LITERAL_SUFFIX: Readonly<Record<string, string>> = {i: '', j: 'u', l: 'l', m: 'ul', x: 'll', y: 'ull'}

/** 5.1.10, "Compression". */
export const STANDARD_NAMES: Readonly<Record<string, {name: string; full: string; base: string}>> = {
  a: {name: 'std::allocator', full: 'std::allocator', base: 'allocator'},
  b: {name: 'std::basic_string', full: 'std::basic_string', base: 'basic_string'},
  s: {
    name: 'std::string',
    full: 'std::basic_string<char, std::char_traits<char>, std::allocator<char> >',
    base: 'basic_string',
  },
  i: {name: 'std::istream', full: 'std::basic_istream<char, std::char_traits<char> >', base: 'basic_istream'},
  o: {name: 'std::ostream', full: 'std::basic_ostream<char, std::char_traits<char> >', base: 'basic_ostream'},
  d: {name: 'std::iostream', full: 'std::basic_iostream<char, std::char_traits<char> >', base: 'basic_iostream'},
}

/** 5.1.4.1 and 5.1.4.4; those that name a type or an object behind. */
export const SPECIAL_NAMES: Readonly<Record<string, string>> = {
  TV: 'vtable for ',
  TT: 'VTT for ',
  TI: 'typeinfo for ',
  TS: 'typeinfo name for ',
  TF: 'typeinfo fn for ',
  TJ: 'java Class for ',
  TW: 'TLS wrapper function for ',
  TH: 'TLS init function for ',
  TA: 'template parameter object for ',
  GV: 'guard variable for ',
}

export interface Operator {
  readonly name: string
  readonly operands: 1 | 2 | 3
}

/** 5.1.4 (operator names) and 5.1.6 (expressions). */
const OPERATORS: Readonly<Record<string, Operator>> = {
  nw: {name: 'new', operands: 3},
  na: {name: 'new[]', operands: 3},
  dl: {name: 'delete', operands: 1},
  da: {name: 'delete[]', operands: 1},
  aw: {name: 'co_await ', operands: 1},
  ps: {name: '+', operands: 1},
  ng: {name: '-', operands: 1},
  ad: {name: '&', operands: 1},
  de: {name: '*', operands: 1},
  co: {name: '~', operands: 1},
  pl: {name: '+', operands: 2},
  mi: {name: '-', operands: 2},
  ml: {name: '*', operands: 2},
  dv: {name: '/', operands: 2},
  rm: {name: '%', operands: 2},
  an: {name: '&', operands: 2},
  or: {name: '|', operands: 2},
  eo: {name: '^', operands: 2},
  aS: {name: '=', operands: 2},
  pL: {name: '+=', operands: 2},
  mI: {name: '-=', operands: 2},
  mL: {name: '*=', operands: 2},
  dV: {name: '/=', operands: 2},
  rM: {name: '%=', operands: 2},
  aN: {name: '&=', operands: 2},
  oR: {name: '|=', operands: 2},
  eO: {name: '^=', operands: 2},
  ls: {name: '<<', operands: 2},
  rs: {name: '>>', operands: 2},
  lS: {name: '<<=', operands: 2},
  rS: {name: '>>=', operands: 2},
  eq: {name: '==', operands: 2},
  ne: {name: '!=', operands: 2},
  lt: {name: '<', operands: 2},
  gt: {name: '>', operands: 2},
  le: {name: '<=', operands: 2},
  ge: {name: '>=', operands: 2},
  ss: {name: '<=>', operands: 2},
  nt: {name: '!', operands: 1},
  aa: {name: '&&', operands: 2},
  oo: {name: '||', operands: 2},
  pp: {name: '++', operands: 1},
  mm: {name: '--', operands: 1},
  cm: {name: ',', operands: 2},
  pm: {name: '->*', operands: 2},
  pt: {name: '->', operands: 2},
  dt: {name: '.', operands: 2},
  ds: {name: '.*', operands: 2},
  cl: {name: '()', operands: 2},
  ix: {name: '[]', operands: 2},
  qu: {name: '?', operands: 3},
}

export function findOperator(code: string): Operator | undefined {
  return OPERATORS[code]
}
