import type {Deadline} from '../base/deadline.ts'
import {InputError} from '../base/errors.ts'
import type {BuildIds} from '../elf/build-id.ts'
import type {Artifact} from '../report/vocabulary.ts'
import type {Environment} from './aws-settings.ts'
import {hasKey} from './build-file.ts'
import {buildKeys} from './build-key.ts'
import {DebuginfodClient, type DebuginfodOptions} from './debuginfod.ts'
import {FolderStore} from './folder-store.ts'
import {isRemote} from './remote-file.ts'
import {isS3} from './s3-bucket.ts'
import {S3Store} from './s3-store.ts'
import type {SymbolStore} from './symbol-store.ts'

/** GOTRACE_SYMBOLS: folders and addresses, separated by blanks. */
export function symbolStores(environment: Environment): string[] {
  return (environment.GOTRACE_SYMBOLS ?? '').split(/\s+/).filter(word => word !== '')
}

/**
 * A store that files can be put into.
 * @param deadline of all that is put there by a network
 * @throws InputError where nothing can be put there
 */
export async function openSymbolStore(
  address: string,
  environment: Environment,
  deadline?: Deadline,
): Promise<SymbolStore> {
  if (address === '') throw new InputError('bad-argument', 'the name of a symbol store is empty', 'name a folder')
  if (!isRemote(address)) return new FolderStore(address)
  if (isS3(address)) return S3Store.open(address, environment, deadline)
  throw new InputError('bad-argument', `${address}: nothing can be put there`, 'name a folder or s3://BUCKET/PREFIX')
}

export interface SymbolServersOptions extends Omit<DebuginfodOptions, 'isStore'> {
  /** Symbol stores, asked before the debuginfod servers. */
  readonly stores: readonly string[]
}

/** All that has files by build ID: symbol stores, then debuginfod servers. What they have not is undefined. */
export class SymbolServers {
  readonly #folders: readonly FolderStore[]
  readonly #clients: readonly DebuginfodClient[]

  /** undefined where there is none to ask. */
  static of(options: SymbolServersOptions): SymbolServers | undefined {
    return options.stores.length + options.urls.length === 0 ? undefined : new SymbolServers(options)
  }

  private constructor({stores, urls, ...options}: SymbolServersOptions) {
    this.#folders = stores.filter(store => !isRemote(store)).map(path => new FolderStore(path))
    const remote = stores.filter(isRemote)
    const clients = [
      {urls: remote, isStore: true},
      {urls, isStore: false},
    ]
    this.#clients = clients
      .filter(each => each.urls.length > 0)
      .map(each => new DebuginfodClient({...options, ...each}))
  }

  /** Path of the file on this machine, fetched if need be: it has one of the IDs. */
  async find(ids: BuildIds, artifact: Artifact): Promise<string | undefined> {
    const keys = buildKeys(ids)
    for (const key of keys) {
      const path = this.#folders.map(folder => folder.locate(key, artifact)).find(each => each && hasKey(each, key))
      if (path !== undefined) return path
    }
    for (const client of this.#clients) {
      for (const key of keys) {
        const path = await client.find(key, artifact)
        if (path !== undefined) return path
      }
    }
    return undefined
  }

  /** Path of a source file on this machine, fetched if need be, by its absolute path as the compiler knew it. */
  async findSource(buildId: string, path: string): Promise<string | undefined> {
    for (const client of this.#clients) {
      const found = await client.findSource(buildId, path)
      if (found !== undefined) return found
    }
    return undefined
  }
}
