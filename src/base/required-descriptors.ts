import {closeSync, openSync} from 'node:fs'
import {adviceOnFiles} from './errors.ts'
import {NULL_DEVICE} from './null-device.ts'
import {openFailed} from './regular-file.ts'

/**
 * What native code opens for itself must be there before: it ends the process where it is not.
 * @throws InputError unreadable, where this process may not have so many descriptors more
 */
export function requireDescriptors(count: number): void {
  const opened: number[] = []
  try {
    while (opened.length < count) opened.push(openSync(NULL_DEVICE, 'r'))
  } catch (error) {
    // A root without devices (chroot) has no such file, and says nothing of how many there may be.
    if (adviceOnFiles(error) !== undefined) throw openFailed(NULL_DEVICE, error)
  } finally {
    for (const fd of opened) closeSync(fd)
  }
}
