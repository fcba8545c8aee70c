import {RemoteFile, type RemoteOptions, remoteName} from '../../acquire/remote-file.ts'
import {FileSource} from '../../base/byte-source.ts'
import {Deadline} from '../../base/deadline.ts'
import {Diagnostics} from '../../base/diagnostics.ts'
import {GotraceError} from '../../base/errors.ts'
import {runWithin} from '../../base/time-limit.ts'
import {CORE_HEAD_SIZE, CoreFile, isCoreHead, readCoreHeader} from '../../elf/core-file.ts'
import {readCoreKey} from '../../elf/core-key.ts'
import {MinimalCore} from '../../elf/minimal-core.ts'
import type {BatchLine} from '../../report/core-report.ts'
import {holdsCore} from '../core-line.ts'
import {keyOfFile} from '../store/added-line.ts'
import type {WorkItem} from '../work-list.ts'
import type {QueuedCore} from './queued-core.ts'

/** What is read of a core to know it is little; a hostile one may hold nobody up. */
const SECONDS = 10

/**
 * A file as it goes into the queue: known by its process where it is a core that is not packed, else by the file. null
 * for a packed one that nobody named, and that holds something else.
 */
export async function identifyFile(
  {path, size, mtime, uncertain}: WorkItem,
  labels: BatchLine['labels'],
): Promise<QueuedCore | null> {
  if (uncertain && !(await mayHoldCore(path))) return null
  return {source: path, path, size, mtime, labels, key: keyOfProcess(path) ?? keyOfFile({path, size, mtime})}
}

/** What cannot be unpacked is for the one who analyses it, too. */
async function mayHoldCore(path: string): Promise<boolean> {
  try {
    return await holdsCore(path)
  } catch (error) {
    if (error instanceof GotraceError) return true
    throw error
  }
}

function keyOfProcess(path: string): string | undefined {
  let file: FileSource | undefined
  try {
    file = FileSource.open(path)
    const source = file
    if (!isCoreHead(source.read(0, Math.min(CORE_HEAD_SIZE, source.size)))) return undefined
    const diagnostics = new Diagnostics()
    return runWithin(new Deadline(SECONDS, diagnostics), () => {
      const whole = MinimalCore.open(source, readCoreHeader(source), () => {}) ?? source
      return readCoreKey(CoreFile.open(whole, diagnostics))
    })
  } catch (error) {
    // What is wrong with it is for the one who analyses it.
    if (error instanceof GotraceError) return undefined
    throw error
  } finally {
    file?.close()
  }
}

/** A file on a server, known by its address, size and version. @throws InputError where it is not there */
export async function identifyAddress(
  address: string,
  labels: BatchLine['labels'],
  options: RemoteOptions,
): Promise<QueuedCore> {
  const {size = null, version = null} = await RemoteFile.open(address, options)
  const path = remoteName(address)
  return {source: address, path, size, mtime: null, labels, key: keyOfFile({path, size, mtime: version})}
}
