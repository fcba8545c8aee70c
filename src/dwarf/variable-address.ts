import {type Address, toAddress} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {DW_AT, DW_TAG} from './constants.ts'
import {DieWalker} from './die-walker.ts'
import type {DwarfFile} from './dwarf-file.ts'
import {DieAttributes, looseU64} from './form.ts'
import {findNamedDies} from './name-search.ts'
import type {DieReference} from './unit.ts'

const DW_OP_addr = 0x03
const DW_OP_addrx = 0xa1

/** Link addresses of variables with a fixed place, by name; those that are not there are absent from the result. */
export function findVariableAddresses(
  file: DwarfFile,
  names: readonly string[],
  diagnostics: Diagnostics,
): Map<string, Address> {
  const addresses = new Map<string, Address>()
  const judge = (name: string, die: DieReference): boolean => {
    const address = readAddress(die)
    if (address === undefined) return false
    addresses.set(name, toAddress(address))
    return true
  }
  findNamedDies(file, names, DW_TAG.variable, judge, diagnostics)
  return addresses
}

/** The address of a location that is one DW_OP_addr or DW_OP_addrx (DWARF 5, 2.5.1.1). */
function readAddress({unit, offset}: DieReference): number | undefined {
  const walker = new DieWalker(unit, offset)
  if (!walker.next()) return undefined
  const attributes = walker.read(new DieAttributes())
  const slot = attributes.find(DW_AT.location)
  const length = slot < 0 ? 0 : attributes.length(slot)
  if (length === 0) return undefined
  const cursor = unit.cursorAt(unit.header.offset + attributes.value(slot))
  const operation = cursor.u8()
  if (operation === DW_OP_addrx) return unit.indexedAddress(cursor.uleb128())
  if (operation !== DW_OP_addr || length !== 1 + unit.addressSize) return undefined
  const address = unit.addressSize === 8 ? looseU64(cursor) : cursor.u32()
  return address > 0 && address < 2 ** 53 ? address : undefined
}
