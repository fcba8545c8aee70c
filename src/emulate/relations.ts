/** How two elements compare, by the number that VPCMP and the low bits that CMPPS have for it (Intel SDM 2). */
const RELATIONS: readonly (<T extends number | bigint>(left: T, right: T) => boolean)[] = [
  (left, right) => left === right,
  (left, right) => left < right,
  (left, right) => left <= right,
  () => false,
  (left, right) => left !== right,
  (left, right) => left >= right,
  (left, right) => left > right,
  () => true,
]

export function relationOf<T extends number | bigint>(predicate: number): (left: T, right: T) => boolean {
  return RELATIONS[predicate & 7] as (left: T, right: T) => boolean
}
