/** null(4). `node:os` names it too, and is loaded for nothing else. */
export const NULL_DEVICE = '/dev/null'
