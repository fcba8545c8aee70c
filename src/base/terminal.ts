import {fstatSync, statSync} from 'node:fs'
import {isatty} from 'node:tty'
import {NULL_DEVICE} from './null-device.ts'

/**
 * Whether a descriptor is a terminal. `process.stdout.isTTY` says so too, but Node loads all of its network for the
 * stream: 2 ms where the other end is a pipe, as node:tty takes. Only what can be a terminal at all is asked.
 */
export function isTerminal(fd: 1 | 2): boolean {
  const stat = fstatSync(fd)
  return stat.isCharacterDevice() && stat.rdev !== statSync(NULL_DEVICE, {throwIfNoEntry: false})?.rdev && isatty(fd)
}
