/** Whatever their encoding (Intel SDM 2: exceptions of type 1). */
const ALIGNED_MOVES = /^v?mov(?:aps|apd|dqa(?:32|64)?|ntdq|ntdqa|ntps|ntpd)$/
/** Those of legacy SSE that take their 16 bytes from anywhere (Intel SDM 2, notes to the exceptions of type 4). */
const UNALIGNED_SSE = /^(?:movup[sd]|movdqu|lddqu|pcmp[ei]str[im](?:64|q)?|maskmovdqu)$/
/** Areas and blocks with an alignment of their own. */
const FIXED: readonly (readonly [RegExp, number])[] = [
  [/^(?:fxsave|fxrstor)/, 16],
  [/^cmpxchg16b$/, 16],
  [/^(?:xsave|xrstor|movdir64b|enqcmd)/, 64],
]

interface Operation {
  readonly mnemonic: string
  /** Bytes of the memory operand; 0 where the instruction does not fix them. */
  readonly size: number
  /** Neither VEX nor EVEX, with an xmm register: SSE. */
  readonly isSse: boolean
}

/** What the address of a memory operand has to be a multiple of, or the processor raises #GP; 1: of nothing. */
export function operandAlignment({mnemonic, size, isSse}: Operation): number {
  const fixed = FIXED.find(([names]) => names.test(mnemonic))
  if (fixed) return fixed[1]
  if (ALIGNED_MOVES.test(mnemonic)) return Math.max(size, 1)
  return isSse && size === 16 && !UNALIGNED_SSE.test(mnemonic) ? 16 : 1
}
