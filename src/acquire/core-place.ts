import {isRemote} from './remote-file.ts'
import {isStandardInput} from './standard-input.ts'

/** Whether a core lies in a folder of this machine, where what belongs to it may lie beside it. */
export function liesInFolder(corePath: string): boolean {
  return !isStandardInput(corePath) && !isRemote(corePath)
}
