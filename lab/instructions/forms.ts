/** A form of an instruction, in the syntax of the manuals, and what of its result is defined. */
export interface InstructionForm {
  readonly text: string
  readonly feature: 'base' | 'avx2' | 'avx512'
  /** Bits of rflags that it leaves undefined (Intel SDM 2, of each instruction). */
  readonly undefinedFlags: number
  /** What it needs to be sound. */
  readonly prepare: 'nothing' | 'division' | 'repeat' | 'offset'
}

const CF = 0x1
const PF = 0x4
const AF = 0x10
const ZF = 0x40
const SF = 0x80
const OF = 0x800
const ALL = CF + PF + AF + ZF + SF + OF

const REGISTERS = {
  1: ['al', 'ch', 'r9b', 'byte ptr [rsi]'],
  2: ['ax', 'cx', 'r9w', 'word ptr [rsi]'],
  4: ['eax', 'ecx', 'r9d', 'dword ptr [rsi+4]'],
  8: ['rax', 'rcx', 'r9', 'qword ptr [rsi+8]'],
} as const
const SIZES = [1, 2, 4, 8] as const
type Size = (typeof SIZES)[number]

type Rest = Partial<Omit<InstructionForm, 'text'>>

function* of(texts: Iterable<string>, rest: Rest = {}): Generator<InstructionForm> {
  for (const text of texts) yield {text, feature: 'base', undefinedFlags: 0, prepare: 'nothing', ...rest}
}

function* pairs(names: readonly string[], sizes: readonly Size[] = SIZES): Generator<string> {
  for (const name of names) {
    for (const size of sizes) {
      const [first, second, third, memory] = REGISTERS[size]
      yield `${name} ${first}, ${second}`
      // A register of the newer ones and one of the second bytes do not go together.
      yield `${name} ${first}, ${third}`
      yield `${name} ${memory}, ${first}`
      yield `${name} ${first}, ${memory}`
    }
  }
}

function* singles(names: readonly string[], sizes: readonly Size[] = SIZES): Generator<string> {
  for (const name of names) for (const size of sizes) for (const operand of REGISTERS[size]) yield `${name} ${operand}`
}

function* immediates(names: readonly string[], values: readonly string[]): Generator<string> {
  for (const name of names) {
    for (const size of SIZES) {
      for (const operand of [REGISTERS[size][0], REGISTERS[size][3]]) {
        for (const value of values) yield `${name} ${operand}, ${value}`
      }
    }
  }
}

const CONDITIONS = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g']

function* general(): Generator<InstructionForm> {
  const logic = ['and', 'or', 'xor']
  yield* of(pairs(['add', 'adc', 'sub', 'sbb', 'cmp', 'mov']))
  yield* of(pairs(logic), {undefinedFlags: AF})
  yield* of(immediates(['add', 'adc', 'sub', 'sbb', 'cmp', 'mov'], ['5', '-1', '0x71']))
  yield* of(immediates([...logic, 'test'], ['5', '-1', '0x71']), {undefinedFlags: AF})
  for (const size of SIZES) {
    const [first, second, third, memory] = REGISTERS[size]
    yield* of([`test ${first}, ${second}`, `test ${first}, ${third}`, `test ${memory}, ${first}`], {undefinedFlags: AF})
    yield* of([
      `xchg ${first}, ${second}`,
      `xchg ${memory}, ${first}`,
      `xadd ${first}, ${third}`,
      `xadd ${memory}, ${third}`,
    ])
    yield* of([`cmpxchg ${third}, ${first}`, `cmpxchg ${memory}, ${third}`, `lock cmpxchg ${memory}, ${third}`])
  }
  yield* of(singles(['inc', 'dec', 'neg', 'not']))
  yield* of(CONDITIONS.flatMap(name => [`set${name} al`, `set${name} byte ptr [rsi]`, `cmov${name} eax, ecx`]))
  yield* of(CONDITIONS.flatMap(name => [`cmov${name} rax, qword ptr [rsi]`, `cmov${name} ax, cx`]))
  yield* of([
    'movzx eax, cl',
    'movzx eax, ch',
    'movzx ax, byte ptr [rsi]',
    'movzx eax, cx',
    'movzx rax, word ptr [rsi]',
  ])
  yield* of([
    'movsx eax, cl',
    'movsx rax, cl',
    'movsx ax, byte ptr [rsi]',
    'movsx rax, cx',
    'movsxd rax, ecx',
    'movsxd rax, dword ptr [rsi]',
    'movsx eax, word ptr [rsi]',
  ])
  yield* of([
    'lea rax, [rcx+rdx*4+5]',
    'lea eax, [rcx+rdx*8-7]',
    'lea ax, [rcx+rdx]',
    'lea rax, [rdx*8+0x12345]',
    'lea rax, [ecx+edx*2]',
  ])
  yield* of([
    'bswap eax',
    'bswap r9',
    'cbw',
    'cwde',
    'cdqe',
    'cwd',
    'cdq',
    'cqo',
    'lahf',
    'sahf',
    'clc',
    'stc',
    'cmc',
    'nop',
    'endbr64',
    'movbe eax, dword ptr [rsi]',
    'movbe qword ptr [rsi], rax',
    'movnti qword ptr [rsi], rax',
    'movabs rax, 0x123456789abcdef0',
  ])
  yield* of(['push rax; pop rcx', 'push -5; pop rdx', 'push qword ptr [rsi]; pop qword ptr [rdi]'])
  yield* of(['push rbp; mov rbp, rsp; sub rsp, 32; leave'], {undefinedFlags: ALL})
}

function* shifts(): Generator<InstructionForm> {
  const plain = ['shl', 'shr', 'sar']
  const rotates = ['rol', 'ror']
  const carried = ['rcl', 'rcr']
  const overflowing = (count: string) => (count === '1' ? 0 : OF)
  for (const count of ['1', '3', '7', 'cl']) {
    for (const size of SIZES) {
      for (const operand of [REGISTERS[size][0], REGISTERS[size][2], REGISTERS[size][3]]) {
        // More than the width leaves the carry undefined.
        const isNarrow = size < 4 && count === 'cl'
        const undefinedFlags = AF + overflowing(count) + (isNarrow ? CF : 0)
        yield* of(
          plain.map(name => `${name} ${operand}, ${count}`),
          {undefinedFlags},
        )
        yield* of(
          [...rotates, ...carried].map(name => `${name} ${operand}, ${count}`),
          {undefinedFlags: overflowing(count)},
        )
      }
    }
  }
  for (const name of ['shld', 'shrd']) {
    yield* of(
      [`${name} eax, ecx, 5`, `${name} rax, rcx, 33`, `${name} rax, rdx, cl`, `${name} dword ptr [rsi], eax, cl`],
      {undefinedFlags: AF + OF},
    )
    yield* of([`${name} ax, cx, 7`], {undefinedFlags: AF + OF})
  }
}

function* products(): Generator<InstructionForm> {
  const undefinedFlags = SF + ZF + AF + PF
  yield* of(singles(['mul', 'imul']), {undefinedFlags})
  yield* of(
    [
      'imul eax, ecx',
      'imul rax, rcx',
      'imul ax, cx',
      'imul eax, ecx, 7',
      'imul rax, qword ptr [rsi], -1000',
      'imul eax, dword ptr [rsi]',
      'imul ax, cx, 300',
    ],
    {undefinedFlags},
  )
  yield* of(
    ['div cl', 'div r9w', 'div ecx', 'div r9', 'idiv cl', 'idiv r9w', 'idiv ecx', 'idiv r9', 'div dword ptr [rsi]'],
    {undefinedFlags: ALL, prepare: 'division'},
  )
}

function* bits(): Generator<InstructionForm> {
  for (const name of ['bt', 'bts', 'btr', 'btc']) {
    const undefinedFlags = OF + SF + AF + PF
    yield* of(
      [
        `${name} eax, ecx`,
        `${name} rax, r9`,
        `${name} ax, 5`,
        `${name} dword ptr [rsi], 7`,
        `${name} qword ptr [rsi], 63`,
      ],
      {undefinedFlags},
    )
    yield* of([`${name} dword ptr [rsi], edx`, `${name} qword ptr [rsi], rdx`], {undefinedFlags, prepare: 'offset'})
  }
  yield* of(['bsf eax, ecx', 'bsr eax, ecx', 'bsf rax, r9', 'bsr rax, r9', 'bsf rax, qword ptr [rsi]'], {
    undefinedFlags: ALL - ZF,
  })
  yield* of([
    'popcnt eax, ecx',
    'popcnt rax, r9',
    'popcnt ax, cx',
    'crc32 eax, cl',
    'crc32 rax, rcx',
    'crc32 eax, cx',
    'crc32 eax, ecx',
  ])
}

function* newBits(): Generator<InstructionForm> {
  const feature = 'avx2'
  yield* of(['tzcnt eax, ecx', 'tzcnt rax, r9', 'lzcnt eax, ecx', 'lzcnt rax, r9', 'lzcnt ax, cx'], {
    feature,
    undefinedFlags: ALL - CF - ZF,
  })
  yield* of(['andn eax, ecx, edx', 'andn rax, rcx, r9'], {feature, undefinedFlags: AF + PF})
  yield* of(['bextr eax, ecx, edx', 'bextr rax, rcx, r9'], {feature, undefinedFlags: AF + PF + SF})
  yield* of(
    [
      'bzhi eax, ecx, edx',
      'bzhi rax, rcx, r9',
      'blsi eax, ecx',
      'blsi rax, r9',
      'blsr eax, ecx',
      'blsr rax, r9',
      'blsmsk eax, ecx',
      'blsmsk rax, r9',
    ],
    {feature, undefinedFlags: AF + PF},
  )
  yield* of(
    [
      'pdep eax, ecx, edx',
      'pdep rax, rcx, r9',
      'pext eax, ecx, edx',
      'pext rax, rcx, r9',
      'mulx rax, rcx, r9',
      'mulx eax, ecx, r9d',
      'rorx eax, ecx, 5',
      'rorx rax, rcx, 35',
      'shlx eax, ecx, edx',
      'shrx rax, rcx, rdx',
      'sarx eax, ecx, r9d',
      'sarx rax, rcx, r9',
      'adcx rax, rcx',
      'adox eax, ecx',
    ],
    {feature},
  )
}

function* strings(): Generator<InstructionForm> {
  for (const suffix of ['b', 'w', 'd', 'q']) {
    yield* of(
      ['movs', 'stos', 'lods', 'scas', 'cmps'].map(name => `${name}${suffix}`),
      {prepare: 'repeat'},
    )
    yield* of(
      ['movs', 'stos'].map(name => `rep ${name}${suffix}`),
      {prepare: 'repeat'},
    )
    yield* of(
      ['scas', 'cmps'].flatMap(name => [`repe ${name}${suffix}`, `repne ${name}${suffix}`]),
      {prepare: 'repeat'},
    )
  }
}

/** Of two sources, in the old encoding, with three operands, and of 256 bits. */
const INTEGERS = [
  ...['b', 'w', 'd', 'q'].flatMap(each => [`padd${each}`, `psub${each}`, `pcmpeq${each}`, `pcmpgt${each}`]),
  ...['paddsb', 'paddsw', 'paddusb', 'paddusw', 'psubsb', 'psubsw', 'psubusb', 'psubusw', 'pavgb', 'pavgw'],
  ...['pmullw', 'pmulhw', 'pmulhuw', 'pmulhrsw', 'pmulld', 'pmuludq', 'pmuldq', 'pmaddwd', 'pmaddubsw', 'psadbw'],
  ...['pand', 'pandn', 'por', 'pxor', 'andps', 'andnps', 'orps', 'xorps', 'andpd', 'andnpd', 'orpd', 'xorpd'],
  ...[
    'pminub',
    'pmaxub',
    'pminsw',
    'pmaxsw',
    'pminsb',
    'pmaxsb',
    'pminuw',
    'pmaxuw',
    'pminsd',
    'pmaxsd',
    'pminud',
    'pmaxud',
  ],
  ...['psignb', 'psignw', 'psignd', 'phaddw', 'phaddd', 'phsubw', 'phsubd', 'phaddsw', 'pshufb'],
  ...['packsswb', 'packssdw', 'packuswb', 'packusdw', 'unpcklps', 'unpckhps', 'unpcklpd', 'unpckhpd'],
  ...['bw', 'wd', 'dq', 'qdq'].flatMap(each => [`punpckl${each}`, `punpckh${each}`]),
]

const WITH_IMMEDIATE = ['shufps', 'shufpd', 'palignr', 'pblendw', 'blendps', 'blendpd']
const ONE_SOURCE_IMMEDIATE = ['pshufd', 'pshuflw', 'pshufhw']
const SHIFTED = ['psllw', 'pslld', 'psllq', 'psrlw', 'psrld', 'psrlq', 'psraw', 'psrad']
const ONE_SOURCE = [
  ...[
    'pabsb',
    'pabsw',
    'pabsd',
    'movddup',
    'movshdup',
    'movsldup',
    'sqrtps',
    'sqrtpd',
    'cvtdq2ps',
    'cvtps2dq',
    'cvttps2dq',
  ],
  ...['movaps', 'movups', 'movapd', 'movupd', 'movdqa', 'movdqu'],
]
const FLOATS = ['add', 'sub', 'mul', 'div', 'min', 'max'].flatMap(name =>
  ['ss', 'sd', 'ps', 'pd'].map(kind => name + kind),
)
const WIDER = ['bw', 'bd', 'bq', 'wd', 'wq', 'dq'].flatMap(each => [`pmovzx${each}`, `pmovsx${each}`])

function* oldVectors(): Generator<InstructionForm> {
  for (const name of [...INTEGERS, ...FLOATS]) yield* of([`${name} xmm0, xmm1`])
  for (const name of INTEGERS) yield* of([`${name} xmm0, [rsi]`])
  for (const name of WITH_IMMEDIATE) yield* of(['0x1b', '0xe4', '5'].map(value => `${name} xmm0, xmm1, ${value}`))
  for (const name of ONE_SOURCE_IMMEDIATE)
    yield* of(['0x1b', '0xe4', '0x39'].map(value => `${name} xmm0, xmm1, ${value}`))
  for (const name of SHIFTED)
    yield* of([`${name} xmm0, 3`, `${name} xmm0, 31`, `${name} xmm0, 64`, `${name} xmm0, [rsi]`])
  for (const name of [...ONE_SOURCE, ...WIDER]) yield* of([`${name} xmm0, xmm1`, `${name} xmm0, [rsi]`])
  yield* of(['pslldq xmm0, 3', 'psrldq xmm0, 5', 'pslldq xmm0, 16', 'sqrtss xmm0, xmm1', 'sqrtsd xmm0, xmm1'])
  yield* of(['pmovmskb eax, xmm1', 'movmskps eax, xmm1', 'movmskpd eax, xmm1', 'ptest xmm0, xmm1'])
  yield* of([
    'movd xmm0, eax',
    'movq xmm0, rax',
    'movd eax, xmm1',
    'movq rax, xmm1',
    'movq xmm0, xmm1',
    'movq xmm0, [rsi]',
    'movq [rsi], xmm1',
    'movd [rsi], xmm1',
  ])
  yield* of([
    'movss xmm0, xmm1',
    'movsd xmm0, xmm1',
    'movss xmm0, [rsi]',
    'movsd xmm0, [rsi]',
    'movss [rsi], xmm1',
    'movsd [rsi], xmm1',
  ])
  yield* of([
    'movhlps xmm0, xmm1',
    'movlhps xmm0, xmm1',
    'movlps xmm0, [rsi]',
    'movhps xmm0, [rsi]',
    'movlpd [rsi], xmm1',
    'movhpd [rsi], xmm1',
    'movaps [rsi], xmm1',
    'movdqu [rsi+1], xmm1',
    'movntdq [rsi], xmm1',
    'lddqu xmm0, [rsi+3]',
  ])
  yield* of([
    'pinsrb xmm0, eax, 5',
    'pinsrw xmm0, eax, 3',
    'pinsrd xmm0, eax, 2',
    'pinsrq xmm0, rax, 1',
    'pinsrw xmm0, word ptr [rsi], 7',
    'pextrb eax, xmm1, 5',
    'pextrw eax, xmm1, 3',
    'pextrd eax, xmm1, 2',
    'pextrq rax, xmm1, 1',
    'pextrb byte ptr [rsi], xmm1, 3',
  ])
  yield* of(['pblendvb xmm1, xmm2', 'blendvps xmm1, xmm2', 'blendvpd xmm1, xmm2'])
  for (const kind of ['ss', 'sd']) {
    yield* of([
      `ucomi${kind} xmm0, xmm1`,
      `comi${kind} xmm0, xmm1`,
      `cvt${kind}2si eax, xmm1`,
      `cvt${kind}2si rax, xmm1`,
    ])
    yield* of([
      `cvtt${kind}2si eax, xmm1`,
      `cvtt${kind}2si rax, xmm1`,
      `cvtsi2${kind} xmm0, eax`,
      `cvtsi2${kind} xmm0, rax`,
    ])
    yield* of(['0', '1', '2', '3', '8'].map(value => `round${kind} xmm0, xmm1, ${value}`))
  }
  for (const kind of ['ss', 'sd', 'ps', 'pd']) {
    yield* of(['eq', 'lt', 'le', 'unord', 'neq', 'nlt', 'nle', 'ord'].map(name => `cmp${name}${kind} xmm0, xmm1`))
  }
  yield* of([
    'cvtss2sd xmm0, xmm1',
    'cvtsd2ss xmm0, xmm1',
    'cvtps2pd xmm0, xmm1',
    'cvtpd2ps xmm0, xmm1',
    'cvtdq2pd xmm0, xmm1',
    'cvtpd2dq xmm0, xmm1',
    'cvttpd2dq xmm0, xmm1',
    'roundps xmm0, xmm1, 1',
    'roundpd xmm0, xmm1, 2',
  ])
  for (const name of ['pcmpistri', 'pcmpistrm']) {
    yield* of(
      ['0', '0x0c', '0x1a', '0x3a', '0x44', '0x18', '0x0d', '0x72', '4', '0x4c'].map(
        value => `${name} xmm0, xmm1, ${value}`,
      ),
    )
  }
  yield* of(['pcmpestri xmm0, xmm1, 0x1a', 'pcmpestrm xmm0, xmm1, 0x40'])
}

function* wideVectors(): Generator<InstructionForm> {
  const feature = 'avx2'
  for (const name of [...INTEGERS, ...FLOATS]) yield* of([`v${name} xmm0, xmm1, xmm2`], {feature})
  for (const name of INTEGERS) yield* of([`v${name} ymm0, ymm1, ymm2`, `v${name} ymm0, ymm1, [rsi]`], {feature})
  for (const name of FLOATS.filter(each => /p[sd]$/.test(each))) yield* of([`v${name} ymm0, ymm1, ymm2`], {feature})
  for (const name of WITH_IMMEDIATE) yield* of([`v${name} ymm0, ymm1, ymm2, 0x36`], {feature})
  for (const name of ONE_SOURCE_IMMEDIATE) yield* of([`v${name} ymm0, ymm1, 0x36`], {feature})
  for (const name of SHIFTED) yield* of([`v${name} ymm0, ymm1, 3`, `v${name} ymm0, ymm1, xmm2`], {feature})
  for (const name of ONE_SOURCE) yield* of([`v${name} ymm0, ymm1`, `v${name} xmm0, xmm1`], {feature})
  for (const name of WIDER) yield* of([`v${name} ymm0, xmm1`], {feature})
  yield* of(
    [
      'vpmovmskb eax, ymm1',
      'vpmovmskb eax, xmm1',
      'vptest ymm0, ymm1',
      'vzeroupper',
      'vzeroall',
      'vmovd xmm0, eax',
      'vmovq rax, xmm1',
      'vmovdqu [rsi+1], ymm1',
      'vmovups xmm0, [rsi]',
      'vmovss xmm0, xmm1, xmm2',
      'vmovsd xmm0, [rsi]',
      'vmovhps xmm0, xmm1, [rsi]',
      'vmovlps xmm0, xmm1, [rsi]',
    ],
    {feature},
  )
  for (const each of ['b', 'w', 'd', 'q'])
    yield* of([`vpbroadcast${each} ymm0, xmm1`, `vpbroadcast${each} xmm0, [rsi]`], {feature})
  yield* of(
    [
      'vbroadcastss ymm0, xmm1',
      'vbroadcastsd ymm0, [rsi]',
      'vbroadcasti128 ymm0, [rsi]',
      'vinserti128 ymm0, ymm1, xmm2, 1',
      'vextracti128 xmm0, ymm1, 1',
      'vextractf128 [rsi], ymm1, 1',
      'vinsertf128 ymm0, ymm1, [rsi], 0',
      'vperm2i128 ymm0, ymm1, ymm2, 0x21',
      'vperm2f128 ymm0, ymm1, ymm2, 0x83',
      'vpermq ymm0, ymm1, 0x1b',
      'vpermd ymm0, ymm1, ymm2',
      'vpblendd ymm0, ymm1, ymm2, 0x5a',
      'vpblendvb ymm0, ymm1, ymm2, ymm3',
      'vblendvpd ymm0, ymm1, ymm2, ymm3',
      'vpsllvd ymm0, ymm1, ymm2',
      'vpsrlvq ymm0, ymm1, ymm2',
      'vpsravd ymm0, ymm1, ymm2',
      'vpslldq ymm0, ymm1, 3',
      'vpsrldq ymm0, ymm1, 7',
      'vpalignr ymm0, ymm1, ymm2, 20',
      'vpinsrd xmm0, xmm1, eax, 2',
      'vpextrq rax, xmm1, 1',
      'vcvtsi2sd xmm0, xmm1, rax',
      'vcvtpd2ps xmm0, ymm1',
      'vcvtps2pd ymm0, xmm1',
      'vcmpltpd ymm0, ymm1, ymm2',
      'vcmpge_oqps ymm0, ymm1, ymm2',
    ],
    {feature},
  )
}

/** Elements of 64 bits. */
const REPEATS = {xmm: 2, ymm: 4, zmm: 8} as const

function* maskedVectors(): Generator<InstructionForm> {
  const feature = 'avx512'
  const lengths = ['xmm', 'ymm', 'zmm'] as const
  for (const kind of lengths) {
    const three = `${kind}0, ${kind}1, ${kind}2`
    for (const each of ['b', 'w', 'd', 'q']) {
      yield* of(
        [
          `vpcmpeq${each} k1, ${kind}1, ${kind}2`,
          `vpcmpgt${each} k1{k2}, ${kind}1, ${kind}2`,
          `vpcmpu${each} k1, ${kind}1, [rsi], 2`,
        ],
        {feature},
      )
      yield* of(
        [
          `vpcmp${each} k1{k2}, ${kind}1, ${kind}2, 5`,
          `vptestm${each} k1, ${kind}1, ${kind}2`,
          `vptestnm${each} k1{k2}, ${kind}1, ${kind}2`,
          `vpadd${each} ${kind}0{k1}, ${kind}1, ${kind}2`,
          `vpsub${each} ${kind}0{k1}{z}, ${kind}1, ${kind}2`,
        ],
        {feature},
      )
      yield* of(
        [
          `vpbroadcast${each} ${kind}0, ${each === 'q' ? 'rax' : 'eax'}`,
          `vpbroadcast${each} ${kind}0, xmm1`,
          `vpblendm${each} ${kind}0{k1}, ${kind}1, ${kind}2`,
          `vpmov${each}2m k1, ${kind}1`,
          `vpmovm2${each} ${kind}0, k1`,
        ],
        {feature},
      )
      yield* of(
        [`vpminu${each} ${three}`, `vpmaxu${each} ${three}`, `vpmins${each} ${three}`, `vpmaxs${each} ${three}`],
        {feature},
      )
    }
    for (const each of ['8', '16', '32', '64'])
      yield* of(
        [
          `vmovdqu${each} ${kind}0{k1}, ${kind}1`,
          `vmovdqu${each} ${kind}0{k1}{z}, [rsi+1]`,
          `vmovdqu${each} [rsi+1]{k1}, ${kind}1`,
          `vmovdqu${each} ${kind}0, [rsi]`,
        ],
        {feature},
      )
    yield* of(
      [
        `vpternlogd ${three}, 0xca`,
        `vpternlogq ${kind}0{k1}, ${kind}1, ${kind}2, 0x96`,
        `vpandd ${three}`,
        `vpandnq ${three}`,
        `vporq ${kind}0{k1}{z}, ${kind}1, ${kind}2`,
        `vpxorq ${three}`,
        `vpxord ${kind}0, ${kind}1, dword ptr [rsi]{1to${REPEATS[kind] * 2}}`,
        `vpaddq ${kind}0, ${kind}1, qword ptr [rsi]{1to${REPEATS[kind]}}`,
      ],
      {feature},
    )
    yield* of(
      [
        `vpsllvw ${three}`,
        `vpsravq ${three}`,
        `vpsrlw ${kind}0, ${kind}1, 3`,
        `vpslldq ${kind}0, ${kind}1, 5`,
        `vpshufb ${kind}0{k1}, ${kind}1, ${kind}2`,
        `vpsadbw ${three}`,
        `valignq ${three}, 3`,
        `valignd ${three}, 1`,
      ],
      {feature},
    )
  }
}

function* masks(): Generator<InstructionForm> {
  const feature = 'avx512'
  yield* of(
    [
      'vextracti32x4 xmm0, zmm1, 3',
      'vextracti64x4 ymm0, zmm1, 1',
      'vinserti64x4 zmm0, zmm1, ymm2, 1',
      'vextracti32x4 xmm0, ymm1, 1',
      'vpermq zmm0, zmm1, zmm2',
      'vpermd zmm0, zmm1, zmm2',
      'vpermw zmm0, zmm1, zmm2',
      'vpmovzxbw zmm0, ymm1',
      'vmovdqa64 zmm0, zmm1',
      'vmovdqa32 zmm0{k1}, zmm1',
      'vbroadcasti32x4 zmm0, [rsi]',
      'vpcompressd zmm0{k1}, zmm1',
      'vpcompressq zmm0{k1}{z}, zmm1',
    ],
    {feature},
  )
  for (const each of ['b', 'w', 'd', 'q']) {
    yield* of(
      ['kand', 'kandn', 'kor', 'kxor', 'kxnor', 'kadd'].map(name => `${name}${each} k1, k2, k3`),
      {feature},
    )
    yield* of(
      [
        `kmov${each} k1, k2`,
        `kmov${each} k1, ${each === 'q' ? 'rax' : 'eax'}`,
        `kmov${each} ${each === 'q' ? 'rax' : 'eax'}, k2`,
        `knot${each} k1, k2`,
        `kshiftl${each} k1, k2, 3`,
        `kshiftr${each} k1, k2, 5`,
        `kortest${each} k1, k2`,
        `kortest${each} k1, k1`,
        `ktest${each} k1, k2`,
        `kmov${each} [rsi], k2`,
        `kmov${each} k1, [rsi]`,
      ],
      {feature},
    )
  }
  yield* of(['kunpckbw k1, k2, k3', 'kunpckwd k1, k2, k3', 'kunpckdq k1, k2, k3'], {feature})
}

/** Every form once, in an order that stays. */
export function listForms(): InstructionForm[] {
  const forms = new Map<string, InstructionForm>()
  const groups = [
    general(),
    shifts(),
    products(),
    bits(),
    strings(),
    newBits(),
    oldVectors(),
    wideVectors(),
    maskedVectors(),
    masks(),
  ]
  for (const group of groups) for (const form of group) if (isForm(form.text)) forms.set(form.text, form)
  return [...forms.values()]
}

/** Without those that no encoding has. */
function isForm(text: string): boolean {
  if (/^v?(pmull[bq]|pmin|pmax)q? /.test(text)) return false
  // ah to dh do not go with registers that need a prefix.
  return !(/\bch\b/.test(text) && /\br9/.test(text))
}
