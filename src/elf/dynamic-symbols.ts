import {type Address, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import type {ElfFile} from './elf-file.ts'
import {STT} from './symtab.ts'

const SYMBOL_SIZE = 24

/**
 * What dladdr says of a link address: the symbol of .dynsym that covers it, the one that begins last; one without a
 * size covers its own address alone (glibc, elf/dl-addr.c, determine_info).
 * @throws FormatError where the table is damaged
 */
export function findDynamicSymbol(image: ElfFile, linkAddress: Address): {name: string; address: Address} | undefined {
  const [symbols, strings] = [image.section('.dynsym'), image.section('.dynstr')]
  if (!symbols || !strings) return undefined
  const table = new Cursor(symbols.bytes, `${image.name}:.dynsym`)
  let best: {nameAt: number; address: number} | undefined
  while (table.remaining >= SYMBOL_SIZE) {
    const nameAt = table.u32()
    const type = table.u8() % 16
    table.skip(1)
    const section = table.u16()
    const [address, size] = [table.number64(), table.number64()]
    const isPlaced = (address !== 0 || section !== 0) && type !== STT.STT_TLS
    const covers = section === 0 || size === 0 ? linkAddress === address : linkAddress < address + size
    if (isPlaced && linkAddress >= address && covers && address > (best?.address ?? -1)) best = {nameAt, address}
  }
  const text = new Cursor(strings.bytes, `${image.name}:.dynstr`)
  if (!best || best.nameAt >= text.size) return undefined
  text.seek(best.nameAt)
  return {name: text.cstring(), address: toAddress(best.address)}
}
